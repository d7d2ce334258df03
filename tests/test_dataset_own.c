/* The index of one's own folders and of manifests, and loading a sample from it. */
#include <math.h>

#include "core/data/load.h"
#include "data_index.h"

/* ---- folders ---- */

static void own_folders_are_read(void **state)
{
    (void)state;
    static const char *const files[] = {"b/train/good/p2/v.png",
                                        "b/train/good/p1/v10.jpg",
                                        "b/train/good/p1/v9.BMP",
                                        "b/train/good/p1/notes.txt",
                                        "b/train/good/p1/.hidden.png",
                                        "b/test/good/p1/v9.jpeg",
                                        "b/test/dent/p1/top.png",
                                        "b/test/dent/p1/side.png",
                                        "b/test/dent/p1/back.png",
                                        "b/test/hole/p1/top.png",
                                        "a/test/good/1/x.png",
                                        "b/ground_truth/dent/p1/top.png",
                                        "b/ground_truth/dent/p1/side_mask.png",
                                        "b/ground_truth/good/p1/v9.png"};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) tree_write_text(files[i], "");
    tree_write_text("notes/readme.txt", "");
    struct dataset dataset = open_root();
    assert_string_equal(dataset.kind, "folders");
    assert_index(&dataset,
                 "a test good/1 normal: x normal 'good' a/test/good/1/x.png\n"
                 "b train good/p1 normal: v9 normal 'good' b/train/good/p1/v9.BMP; "
                 "v10 normal 'good' b/train/good/p1/v10.jpg\n"
                 "b train good/p2 normal: v normal 'good' b/train/good/p2/v.png\n"
                 "b test dent/p1 anomalous: back normal 'dent' b/test/dent/p1/back.png; "
                 "side anomalous 'dent' b/test/dent/p1/side.png "
                 "b/ground_truth/dent/p1/side_mask.png; "
                 "top anomalous 'dent' b/test/dent/p1/top.png "
                 "b/ground_truth/dent/p1/top.png\n"
                 "b test good/p1 normal: v9 normal 'good' b/test/good/p1/v9.jpeg\n"
                 "b test hole/p1 anomalous: top anomalous 'hole' b/test/hole/p1/top.png\n");
    dataset_close(&dataset);

    dataset = open_with("", NULL, "a", 0);
    assert_index(&dataset, "a test good/1 normal: x normal 'good' a/test/good/1/x.png\n");
    dataset_close(&dataset);
    assert_refused_with("", NULL, "c", MVAD_ERROR_INVALID_ARGUMENT, "no class 'c'");

    tree_write_text("b/test/hole/top.png", "");
    assert_refused("", MVAD_ERROR_FORMAT, "a folder of their own");
    tree_empty();
    tree_write_text("b/train/good/p\n1/v.png", "");
    assert_refused("", MVAD_ERROR_FORMAT, "control character");
}

/* ---- manifests ---- */

static const char *const manifest_index =
    "cup train s1 normal: 2 normal 'good' img/a, b.png; 10 normal 'OK' img/c\"d.png\n"
    "cup test s2 anomalous: 1 anomalous 'dent' x.png m.png; 2 normal '0' y.png\n"
    "mug test s3 unknown: 1 unknown '' z.png\n";

static void csv_manifests_are_read(void **state)
{
    (void)state;
    tree_write_text("list.csv", "\xEF\xBB\xBFsample,View,class,split,label,image,mask,note\r\n"
                                "s2,1,cup,test,dent,x.png,m.png,\r\n"
                                "\r\n"
                                "s1,10,cup,train,OK,\"img/c\"\"d.png\",,\"two\r\nlines\"\r\n"
                                "s1,2,cup,Train,good,\"img/a, b.png\",,x\r\n"
                                "s3,1,mug,,,z.png,,\n"
                                "s2,2,cup,test,0,y.png,n.png,");
    struct dataset dataset = open_with("list.csv", NULL, NULL, 0);
    assert_string_equal(dataset.kind, "manifest");
    assert_index(&dataset, manifest_index);
    dataset_close(&dataset);
    dataset = open_with("list.csv", NULL, "mug", 0);
    assert_index(&dataset, "mug test s3 unknown: 1 unknown '' z.png\n");
    dataset_close(&dataset);
}

static void jsonl_manifests_are_read(void **state)
{
    (void)state;
    tree_write_text(
        "list.jsonl",
        "{\"sample\":\"s2\",\"view\":1,\"class\":\"cup\",\"split\":\"test\",\"label\":\"dent\","
        "\"image\":\"x.png\",\"mask\":\"m.png\"}\r\n"
        "\n"
        "{\"sample\":\"s1\",\"view\":\"10\",\"class\":\"cup\",\"split\":\"train\",\"label\":\"OK\","
        "\"image\":\"img/c\\\"d.png\",\"mask\":null,\"note\":[1]}\n"
        "{\"sample\":\"s1\",\"view\":2,\"class\":\"cup\",\"split\":\"train\",\"label\":\"good\","
        "\"image\":\"img/a, b.png\"} \n"
        "{\"sample\":\"s3\",\"view\":1,\"class\":\"mug\",\"image\":\"z.png\"}\n"
        "{\"sample\":\"s2\",\"view\":2,\"class\":\"cup\",\"label\":0,\"image\":\"y.png\"}");
    struct dataset dataset = open_with("list.jsonl", NULL, NULL, 0);
    assert_index(&dataset, manifest_index);
    dataset_close(&dataset);
}

static void bad_manifests_are_refused(void **state)
{
    (void)state;
    static const char header[] = "sample,view,class,split,label,image,mask\n";
    static const struct {
        const char *row, *what;
    } rows[] = {
        {"s,1,c,test,good,../x.png,\n", "line 2: image leaves the data folder"},
        {"s,1,c,test,good,/x.png,\n", "line 2: image is absolute"},
        {"s,1,c,test,good,x.png,../m.png\n", "line 2: mask leaves"},
        {"s,1,c,test,good,,\n", "line 2: image is empty"},
        {"s,1,c/d,test,good,x.png,\n", "line 2: class has a slash"},
        {",1,c,test,good,x.png,\n", "line 2: sample is empty"},
        {"s,1,c,dev,good,x.png,\n", "line 2: split is neither"},
        {"s,1,c,test,good,x.png\n", "line 2: 6 fields, the header has 7"},
        {"s,1,c,test,good,x.png,,\n", "line 2: 8 fields"},
        {"s,1,c,test,good,\"x.png,\n", "line 2: a quoted field has no end"},
        {"s,1,c,test,good,\"x\"y.png,\n", "line 2: text follows a quoted field"},
        {"s,1,c,test,good,x\"y\".png,\n", "line 2: a quote inside"},
        {"s,1,c,test,good,x.png,\ns,2,c,test,good,a\tb.png,\n", "line 3: image has a control"},
        {"", "without a single image"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[512];
        snprintf(text, sizeof text, "%s%s", header, rows[i].row);
        tree_write_text("bad.csv", text);
        assert_refused("bad.csv", MVAD_ERROR_FORMAT, rows[i].what);
    }
    tree_write_text("bad.csv", "sample,view,class\n");
    assert_refused("bad.csv", MVAD_ERROR_FORMAT, "line 1: no column 'image'");
    tree_write_text("bad.csv", "sample,view,class,image,image\n");
    assert_refused("bad.csv", MVAD_ERROR_FORMAT, "column 'image' is there twice");
    tree_write_bytes("bad.csv", "sample,view,class,image\ns,1,c,a\0b\n", 34);
    assert_refused("bad.csv", MVAD_ERROR_FORMAT, "NUL");
    tree_write_text("bad.csv", "");
    assert_refused("bad.csv", MVAD_ERROR_FORMAT, "without a single image");

    tree_write_text("bad.jsonl",
                    "{\"sample\":\"s\",\"view\":1,\"class\":\"c\",\"image\":\"x\"}x\n");
    assert_refused("bad.jsonl", MVAD_ERROR_FORMAT, "line 1: no valid JSON object");
    tree_write_text("bad.jsonl", "\n[]\n");
    assert_refused("bad.jsonl", MVAD_ERROR_FORMAT, "line 2: no JSON object");
    tree_write_text("bad.jsonl",
                    "{\"sample\":\"s\",\"view\":[],\"class\":\"c\",\"image\":\"x\"}\n");
    assert_refused("bad.jsonl", MVAD_ERROR_FORMAT, "'view' is neither");
    tree_write_text("list.txt", header);
    assert_refused("list.txt", MVAD_ERROR_FORMAT, "neither a folder nor a manifest");
}

/* ---- removing, loading ---- */

static void samples_can_be_removed(void **state)
{
    (void)state;
    tree_write_text("list.csv", "sample,view,class,split,image\n"
                                "1,1,a,train,1.png\n2,1,a,train,2.png\n2,2,a,train,3.png\n"
                                "1,1,b,test,4.png\n1,1,c,train,5.png\n3,1,c,test,6.png\n");
    struct dataset dataset = open_with("list.csv", NULL, NULL, 0);
    assert_int_equal(dataset.sample_count, 5);
    const bool remove[] = {true, false, true, false, true};
    dataset_remove_samples(&dataset, remove);
    assert_int_equal(dataset.class_count, 3);
    assert_int_equal(dataset.classes[1].train_count + dataset.classes[1].test_count, 0);
    assert_int_equal(dataset.view_count, 3);
    assert_index(&dataset, "a train 2 unknown: 1 unknown '' 2.png; 2 unknown '' 3.png\n"
                           "c train 1 unknown: 1 unknown '' 5.png\n");
    dataset_close(&dataset);
}

static void samples_are_loaded_normalised(void **state)
{
    (void)state;
    enum { SIZE = 8, AREA = SIZE * SIZE };
    tree_write_image("a/test/dent/p/1.png", 20, 10, 255, 0, 128);
    tree_write_image("a/test/dent/p/2.bmp", 8, 8, 10, 20, 30);
    tree_write_mask("a/ground_truth/dent/p/1.png", 16, 16, 8, 4);
    struct dataset dataset = open_root();
    float *images = malloc(2 * 3 * AREA * sizeof *images);
    uint8_t *marks = malloc(2 * AREA);
    mvad_error error;
    assert_non_null(images);
    assert_non_null(marks);
    memset(marks, 9, 2 * AREA);
    if (load_sample(&dataset, 0, SIZE, images, marks, &error)) fail_msg("%s", error.message);

    static const double pixels[2][3] = {{255, 0, 128}, {10, 20, 30}};
    static const double mean[3] = {0.485, 0.456, 0.406}, std[3] = {0.229, 0.224, 0.225};
    for (int v = 0; v < 2; v++)
        for (int c = 0; c < 3; c++)
            for (int i = 0; i < AREA; i++) {
                double wanted = (pixels[v][c] / 255 - mean[c]) / std[c];
                assert_true(fabs(images[(v * 3 + c) * AREA + i] - wanted) < 1e-6);
            }
    /* Halved: 4 columns and 2 rows stay marked; at their edges less than half of the weight is. */
    for (int y = 0; y < SIZE; y++)
        for (int x = 0; x < SIZE; x++) {
            assert_int_equal(marks[y * SIZE + x], x < 4 && y < 2);
            assert_int_equal(marks[AREA + y * SIZE + x], 0);
        }
    assert_int_equal(load_sample(&dataset, 0, SIZE, images, NULL, &error), MVAD_OK);

    tree_write_text("a/test/dent/p/2.bmp", "BM");
    assert_int_equal(load_sample(&dataset, 0, SIZE, images, marks, &error), MVAD_ERROR_FORMAT);
    assert_error(&error, MVAD_ERROR_FORMAT, "2.bmp", "cannot decode");
    free(images);
    free(marks);
    dataset_close(&dataset);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(own_folders_are_read, index_empty),
        cmocka_unit_test_teardown(csv_manifests_are_read, index_empty),
        cmocka_unit_test_teardown(jsonl_manifests_are_read, index_empty),
        cmocka_unit_test_teardown(bad_manifests_are_refused, index_empty),
        cmocka_unit_test_teardown(samples_can_be_removed, index_empty),
        cmocka_unit_test_teardown(samples_are_loaded_normalised, index_empty),
    };
    return cmocka_run_group_tests_name("dataset_own", tests, tree_make, tree_remove);
}
