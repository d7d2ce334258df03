/* The index of a data set in the layouts of Real-IAD. */
#include "data_index.h"

/* Views out of order, records of two samples mixed, a hidden side without a mask, the double
 * underscore, and a mask of a normal record that means nothing. */
static const char *const cap_json =
    "{\"meta\":{\"prefix\":\"cap/\",\"normal_class\":\"OK\"},\"train\":["
    "{\"category\":\"cap\",\"anomaly_class\":\"OK\",\"image_path\":\"OK/S0002/"
    "cap_0002_OK_C1_7.jpg\","
    "\"mask_path\":null},"
    "{\"category\":\"cap\",\"anomaly_class\":\"OK\",\"image_path\":\"OK/S0001/"
    "cap_0001_OK_C2_9.jpg\","
    "\"mask_path\":null},"
    "{\"category\":\"cap\",\"anomaly_class\":\"OK\",\"image_path\":\"OK/S0001/"
    "cap_0001_OK_C10_3.jpg\","
    "\"mask_path\":null},"
    "{\"category\":\"cap\",\"anomaly_class\":\"OK\",\"image_path\":\"OK/S0001/"
    "cap_0001_OK_C1_8.jpg\","
    "\"mask_path\":\"OK/S0001/cap_0001_OK_C1_8.png\"}],\"test\":["
    "{\"category\":\"cap\",\"anomaly_class\":\"HS\",\"image_path\":"
    "\"NG/HS/S0002/cap__0002_NG_HS_C2_5.jpg\",\"mask_path\":null},"
    "{\"category\":\"cap\",\"anomaly_class\":\"HS\",\"image_path\":"
    "\"NG/HS/S0002/cap__0002_NG_HS_C1_5.jpg\",\"mask_path\":"
    "\"NG/HS/S0002/cap__0002_NG_HS_C1_5.png\"}]}";

/* The index of it, for images under `base` (with its slash). */
static void assert_cap(const struct dataset *dataset, const char *base)
{
    char text[2048];
    snprintf(text, sizeof text,
             "cap train cap_0001_OK normal: C1 normal 'OK' %1$scap/OK/S0001/cap_0001_OK_C1_8.jpg; "
             "C2 normal 'OK' %1$scap/OK/S0001/cap_0001_OK_C2_9.jpg; "
             "C10 normal 'OK' %1$scap/OK/S0001/cap_0001_OK_C10_3.jpg\n"
             "cap train cap_0002_OK normal: C1 normal 'OK' %1$scap/OK/S0002/cap_0002_OK_C1_7.jpg\n"
             "cap test cap__0002_NG_HS anomalous: C1 anomalous 'HS' "
             "%1$scap/NG/HS/S0002/cap__0002_NG_HS_C1_5.jpg "
             "%1$scap/NG/HS/S0002/cap__0002_NG_HS_C1_5.png; "
             "C2 normal 'HS' %1$scap/NG/HS/S0002/cap__0002_NG_HS_C2_5.jpg\n",
             base);
    assert_string_equal(dataset->kind, "Real-IAD");
    assert_index(dataset, text);
}

/* Only a file's existence matters to the index. */
static void place_cap_images(const char *base)
{
    char name[256];
    snprintf(name, sizeof name, "%scap/OK/S0001/cap_0001_OK_C2_9.jpg", base);
    tree_write_text(name, "");
}

static void real_iad_lies_in_many_places(void **state)
{
    (void)state;
    static const char *const jsons[] = {"realiad_jsons/", "realiad_jsons/realiad_jsons/", ""};
    static const char *const images[] = {"realiad_256/",
                                         "realiad_512/",
                                         "realiad_1024/",
                                         "realiad_raw/",
                                         "realiad_1024/cap/",
                                         "realiad_256/realiad_256/",
                                         "",
                                         "cap/"};
    for (size_t j = 0; j < sizeof jsons / sizeof jsons[0]; j++) {
        for (size_t i = 0; i < sizeof images / sizeof images[0]; i++) {
            char name[128];
            tree_empty();
            snprintf(name, sizeof name, "%scap.json", jsons[j]);
            tree_write_text(name, cap_json);
            tree_write_text("notes.json", "[]"); /* somebody else's */
            place_cap_images(images[i]);
            struct dataset dataset = open_root();
            assert_cap(&dataset, images[i]);
            dataset_close(&dataset);
        }
    }
}

static void the_image_size_chooses_the_folder(void **state)
{
    (void)state;
    static const struct {
        int32_t size;
        const char *folder;
    } cases[] = {{0, "realiad_256/"},
                 {256, "realiad_256/"},
                 {257, "realiad_1024/"},
                 {1024, "realiad_1024/"},
                 {2000, "realiad_1024/"}};
    tree_write_text("realiad_jsons/cap.json", cap_json);
    place_cap_images("realiad_1024/");
    place_cap_images("realiad_256/");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct dataset dataset = open_with("", NULL, NULL, cases[i].size);
        assert_cap(&dataset, cases[i].folder);
        dataset_close(&dataset);
    }
    place_cap_images("realiad_raw/");
    struct dataset dataset = open_with("", NULL, NULL, 2000);
    assert_cap(&dataset, "realiad_raw/");
    dataset_close(&dataset);
}

static void variants_have_folders_of_their_own(void **state)
{
    (void)state;
    static const char *const noisy =
        "{\"meta\":{\"prefix\":\"cap/\",\"normal_class\":\"OK\"},\"train\":["
        "{\"category\":\"cap\",\"anomaly_class\":\"AK\",\"image_path\":"
        "\"NG/AK/S0009/cap_0009_NG_AK_C1_1.jpg\",\"mask_path\":\"NG/AK/S0009/m.png\"}],"
        "\"test\":[]}";
    static const char *const wanted =
        "cap train cap_0009_NG_AK anomalous: C1 anomalous 'AK' "
        "cap/NG/AK/S0009/cap_0009_NG_AK_C1_1.jpg cap/NG/AK/S0009/m.png\n";
    static const char *const folders[] = {"realiad_jsons_fuiad_0.1/",
                                          "realiad_jsons_fuiad_0.1/realiad_jsons_fuiad_0.1/",
                                          "realiad_jsons/realiad_jsons_fuiad_0.1/"};
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        char name[128];
        tree_empty();
        tree_write_text("realiad_jsons/cap.json", cap_json);
        place_cap_images("");
        tree_write_text("cap/NG/AK/S0009/cap_0009_NG_AK_C1_1.jpg", "");
        snprintf(name, sizeof name, "%scap.json", folders[i]);
        tree_write_text(name, noisy);
        struct dataset dataset = open_with("", "fuiad_0.1", NULL, 0);
        assert_index(&dataset, wanted);
        dataset_close(&dataset);
        dataset = open_root();
        assert_cap(&dataset, "");
        dataset_close(&dataset);
    }
    assert_refused_with("", "sv", NULL, MVAD_ERROR_INVALID_ARGUMENT, "realiad_jsons_sv");
    assert_refused_with("", "../sv", NULL, MVAD_ERROR_INVALID_ARGUMENT, "variant");
}

static void classes_can_be_chosen(void **state)
{
    (void)state;
    tree_write_text("realiad_jsons/cap.json", cap_json);
    tree_write_text("realiad_jsons/broken.json", "{");
    place_cap_images("");
    struct dataset dataset = open_with("", NULL, "cap", 0);
    assert_cap(&dataset, "");
    dataset_close(&dataset);
    assert_refused_with("", NULL, "cap,mug", MVAD_ERROR_INVALID_ARGUMENT, "no class 'mug'");
    assert_refused_with("", NULL, "ca", MVAD_ERROR_INVALID_ARGUMENT, "no class 'ca'");
    assert_refused("", MVAD_ERROR_FORMAT, "no valid JSON");
}

static void assert_cap_refused(const char *json, mvad_status status, const char *what)
{
    tree_write_text("realiad_jsons/cap.json", json);
    assert_refused("", status, what);
}

static void bad_real_iad_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *prefix, *image, *mask, *what;
    } paths[] = {
        {"cap/", "../x_C1_.jpg", "null", "image_path of a record leaves the data folder"},
        {"cap/", "a/../../x_C1_.jpg", "null", "leaves the data folder"},
        {"cap/", "a/..", "null", "leaves the data folder"},
        {"cap/", "/etc/x_C1_.jpg", "null", "image_path of a record is absolute"},
        {"cap/", "a\\u0007b_C1_.jpg", "null", "control character"},
        {"cap/", "a\\nb_C1_.jpg", "null", "control character"},
        {"cap/", "a\\u0085b_C1_.jpg", "null", "control character"},
        {"cap/", "", "null", "is empty"},
        {"cap/", "OK/x_C1_.jpg", "\"../m.png\"", "mask_path of a record leaves"},
        {"cap/", "OK/x_C1_.jpg", "\"/m.png\"", "mask_path of a record is absolute"},
        {"cap/", "OK/x_C1_.jpg", "7", "lacks anomaly_class, image_path or mask_path"},
        {"cap/", "OK/x.jpg", "null", "names no view"},
        {"cap/", "OK/x_C_.jpg", "null", "names no view"},
        {"../cap/", "OK/x_C1_.jpg", "null", "meta.prefix leaves the data folder"},
        {"/cap/", "OK/x_C1_.jpg", "null", "meta.prefix is absolute"},
    };
    /* A first record whose image exists decides where images are. */
    tree_write_text("cap/OK/a_C1_.jpg", "");
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        char json[1024];
        snprintf(json, sizeof json,
                 "{\"meta\":{\"prefix\":\"%s\",\"normal_class\":\"OK\"},\"train\":[{\"category\":"
                 "\"cap\",\"anomaly_class\":\"OK\",\"image_path\":\"OK/a_C1_.jpg\",\"mask_path\":"
                 "null}],\"test\":[{\"category\":\"cap\",\"anomaly_class\":\"HS\",\"image_path\":"
                 "\"%s\",\"mask_path\":%s}]}",
                 paths[i].prefix, paths[i].image, paths[i].mask);
        assert_cap_refused(json, MVAD_ERROR_FORMAT, paths[i].what);
    }
    assert_cap_refused("", MVAD_ERROR_FORMAT, "no valid JSON");
    assert_cap_refused("[]", MVAD_ERROR_FORMAT, "meta.prefix");
    assert_cap_refused("{\"meta\":{\"prefix\":\"cap/\",\"normal_class\":\"OK\"},\"train\":7}",
                       MVAD_ERROR_FORMAT, "'train' is not a list");
    assert_cap_refused("{\"meta\":{\"prefix\":\"cap/\",\"normal_class\":\"OK\"},\"train\":[7],"
                       "\"test\":[]}",
                       MVAD_ERROR_IO, "no images of class 'cap'");
    assert_cap_refused("{\"meta\":{\"prefix\":\"cap/\",\"normal_class\":\"OK\"},\"train\":[],"
                       "\"test\":[]}",
                       MVAD_ERROR_FORMAT, "without a single image");
    char *deep = malloc(1 << 20);
    assert_non_null(deep);
    memset(deep, '[', 1 << 20);
    tree_write_bytes("realiad_jsons/cap.json", deep, 1 << 20);
    assert_refused("", MVAD_ERROR_FORMAT, "no valid JSON");
    free(deep);
    tree_empty();
    assert_refused("", MVAD_ERROR_FORMAT, "no data set");
    assert_refused("nowhere", MVAD_ERROR_IO, "No such file");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(real_iad_lies_in_many_places, index_empty),
        cmocka_unit_test_teardown(the_image_size_chooses_the_folder, index_empty),
        cmocka_unit_test_teardown(variants_have_folders_of_their_own, index_empty),
        cmocka_unit_test_teardown(classes_can_be_chosen, index_empty),
        cmocka_unit_test_teardown(bad_real_iad_is_refused, index_empty),
    };
    return cmocka_run_group_tests_name("dataset", tests, tree_make, tree_remove);
}
