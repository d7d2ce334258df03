/* `mvad predict` on photographs from end to end: lines, JSON and heat maps against the library. */
#include <cjson/cJSON.h>
#include <math.h>

#include "predict_program.h"

#define STB_IMAGE_STATIC
#define STB_IMAGE_IMPLEMENTATION
#pragma GCC diagnostic ignored "-Wunused-function" /* of the readers that are not used here */
#include <stb/stb_image.h>

static const cJSON *find(const cJSON *json, const char *key)
{
    const cJSON *found = cJSON_GetObjectItemCaseSensitive(json, key);
    if (!found) print_error("no %s\n", key);
    assert_non_null(found);
    return found;
}

static double number(const cJSON *json, const char *key)
{
    assert_true(cJSON_IsNumber(find(json, key)));
    return find(json, key)->valuedouble;
}

/* What the program said, followed through the library's own results. */
struct comparison {
    char *lines, *jsonl;
    size_t parts, regions;
};

static void compare_region(const cJSON *json, const mvad_region *region)
{
    const int32_t box[4] = {region->left, region->top, region->width, region->height};
    for (int i = 0; i < 4; i++)
        assert_int_equal(cJSON_GetArrayItem(find(json, "box"), i)->valueint, box[i]);
    assert_true(fabs(number(json, "area") - region->area) < 1e-9 * region->area);
    assert_true((float)number(json, "score") == region->score);
    assert_int_equal(cJSON_GetArraySize(find(json, "contour")), region->points);
    const cJSON *point = find(json, "contour")->child;
    for (size_t i = 0; i < region->points; i++, point = point->next)
        for (int c = 0; c < 2; c++)
            assert_int_equal(cJSON_GetArrayItem(point, c)->valueint,
                             region->contour[2 * i + (size_t)c]);
}

static void compare_view(const cJSON *json, const mvad_view_result *view)
{
    assert_string_equal(find(json, "view")->valuestring, view->name);
    assert_string_equal(find(json, "image")->valuestring, view->image);
    assert_true((float)number(json, "score") == view->score);
    assert_int_equal(number(json, "width"), view->width);
    assert_int_equal(number(json, "height"), view->height);
    assert_int_equal(cJSON_GetArraySize(find(json, "regions")), view->region_count);
    for (size_t r = 0; r < view->region_count; r++)
        compare_region(cJSON_GetArrayItem(find(json, "regions"), (int)r), &view->regions[r]);
}

/* The view's heat map is there, a PNG of the photograph's size. */
static void check_heatmap(const mvad_part_result *part, const mvad_view_result *view)
{
    char name[128];
    int width, height, channels;
    size_t size;
    snprintf(name, sizeof name, "heat/%s_%s_%s.png", part->class_name, part->name, view->name);
    char *path = tree_path(name);
    uint8_t *bytes = read_bytes(path, &size);
    assert_memory_equal(bytes, "\x89PNG", 4);
    uint8_t *pixels = stbi_load_from_memory(bytes, (int)size, &width, &height, &channels, 0);
    assert_non_null(pixels);
    assert_int_equal(width, view->width);
    assert_int_equal(height, view->height);
    assert_int_equal(channels, 3);
    free(pixels);

    /* Its colours go from 0 to twice the threshold: the model has no scale. */
    mvad_picture_options options = mvad_picture_options_default();
    unsigned char *wanted;
    size_t count;
    options.kind = MVAD_PICTURE_HEATMAP;
    options.scale = (mvad_score_scale){0, predict_case.middle, 2 * predict_case.middle};
    assert_int_equal(mvad_picture_encode(view, &options, &wanted, &count, NULL), MVAD_OK);
    assert_int_equal(size, count);
    assert_memory_equal(bytes, wanted, count);
    mvad_bytes_free(wanted);
    free(bytes);
    free(path);
}

static int32_t compare_part(const mvad_part_result *part, void *user)
{
    static const char *const labels[] = {"normal", "anomalous", NULL};
    struct comparison *comparison = user;
    char *fields[6], label[64], *line = next_line(&comparison->lines);
    assert_non_null(line);
    split(line, fields);
    snprintf(label, sizeof label, "%s/%s", part->class_name, part->name);
    assert_string_equal(fields[0], label);
    assert_string_equal(fields[1], part->anomalous ? "NG" : "OK");
    assert_true(fabs(atof(fields[2]) - part->score) < 1e-6 * part->score);

    line = next_line(&comparison->jsonl);
    assert_non_null(line);
    cJSON *json = cJSON_Parse(line);
    assert_non_null(json);
    assert_string_equal(find(json, "part")->valuestring, part->name);
    assert_string_equal(find(json, "class")->valuestring, part->class_name);
    assert_string_equal(find(json, "verdict")->valuestring, fields[1]);
    assert_true((float)number(json, "score") == part->score);
    assert_true((float)number(json, "threshold") == predict_case.middle);
    assert_true(number(json, "seconds") > 0);
    if (labels[part->label])
        assert_string_equal(find(json, "label")->valuestring, labels[part->label]);
    else
        assert_null(cJSON_GetObjectItemCaseSensitive(json, "label"));
    assert_null(cJSON_GetObjectItemCaseSensitive(json, "error"));
    assert_int_equal(cJSON_GetArraySize(find(json, "views")), part->view_count);
    size_t regions = 0;
    for (size_t v = 0; v < part->view_count; v++) {
        compare_view(cJSON_GetArrayItem(find(json, "views"), (int)v), &part->views[v]);
        check_heatmap(part, &part->views[v]);
        regions += part->views[v].region_count;
        if (!strcmp(part->views[v].name, fields[3]))
            assert_true(part->views[v].score == part->score);
    }
    assert_int_equal(atoi(fields[4]), regions);
    cJSON_Delete(json);
    comparison->parts++;
    comparison->regions += regions;
    return 0;
}

/* Every form has the library's results. */
static void all_forms_agree(void **state)
{
    (void)state;
    mvad_predict_options options = mvad_predict_options_default();
    char *heat = tree_path("heat"), *path = scratch_path("r.jsonl"), summary[128];
    size_t size;
    struct output output =
        run_predict(0, "--data %s --threshold %.9g --jsonl @r.jsonl --heatmaps %s", program_data,
                    predict_case.middle, heat);
    char *jsonl = (char *)read_bytes(path, &size);
    jsonl[size] = 0;
    struct comparison comparison = {.lines = output.out, .jsonl = jsonl};
    options.threshold = predict_case.middle;
    options.part = compare_part;
    options.user = &comparison;
    assert_int_equal(
        mvad_predict(predict_case.model, predict_case.device, predict_case.dataset, &options, NULL),
        MVAD_OK);
    assert_int_equal(*comparison.lines, 0);
    assert_int_equal(*comparison.jsonl, 0);
    assert_int_equal(comparison.parts, 12);
    assert_true(comparison.regions > 0);
    snprintf(summary, sizeof summary, "threshold %.7g", predict_case.middle);
    assert_one_line(&output, "mvad: 12 parts in ", summary);

    free(jsonl);
    free(heat);
    free(path);
    output_free(&output);
}

static void parts_are_chosen(void **state)
{
    (void)state;
    static const struct {
        const char *options;
        size_t parts;
    } cases[] = {{"--split train", 3},
                 {"--split all", 15},
                 {"--classes cap", 3},
                 {"--name b4", 1},
                 {"--split all --name t0 --classes bolt,cap", 2}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct output output =
            run_predict(0, "--data %s --threshold 9 %s", program_data, cases[i].options);
        assert_int_equal(count_lines(output.out), cases[i].parts);
        output_free(&output);
    }
    expect_predict_error(2, "nobody", "--data %s --threshold 9 --name nobody", program_data);
    expect_predict_error(2, "none", "--data %s --threshold 9 --classes none", program_data);
}

static void photographs_are_one_part(void **state)
{
    (void)state;
    char *fields[6], *line;
    struct output output =
        run_predict(0,
                    "--threshold 9 %s/bolt-b3-2.png --jsonl - --name 'left one' %s/bolt-b3-0.png "
                    "%s/bolt-b3-1.png",
                    program_images, program_images, program_images);
    cJSON *json = cJSON_Parse(output.out);
    assert_int_equal(count_lines(output.out), 1);
    assert_string_equal(find(json, "part")->valuestring, "left one");
    assert_string_equal(find(json, "class")->valuestring, "");
    assert_null(cJSON_GetObjectItemCaseSensitive(json, "label"));
    assert_int_equal(cJSON_GetArraySize(find(json, "views")), 3);
    const char *const endings[] = {"b3-2.png", "b3-0.png", "b3-1.png"};
    for (int v = 0; v < 3; v++)
        assert_non_null(strstr(
            find(cJSON_GetArrayItem(find(json, "views"), v), "image")->valuestring, endings[v]));
    cJSON_Delete(json);
    output_free(&output);

    char *heat = tree_path("one");
    output = run_predict(0, "%s/bolt-b3-0.png --threshold -1 --heatmaps %s", program_images, heat);
    char *text = output.out;
    line = next_line(&text);
    split(line, fields);
    assert_string_equal(fields[0], "part");
    assert_string_equal(fields[1], "NG");
    assert_string_equal(fields[3], "1");
    assert_string_equal(fields[4], "1"); /* everything is above -1 */
    size_t size;
    char *path = tree_path("one/part_1.png");
    free(read_bytes(path, &size));
    free(path);
    free(heat);
    output_free(&output);

    /* Names in the middle of control characters, slashes and accents. */
    heat = tree_path("odd");
    output = run_predict(0, "%s/bolt-b3-0.png --threshold 9 --heatmaps %s --name '../\xC3\xA9\ta'",
                         program_images, heat);
    assert_int_equal(strncmp(output.out, "../\xC3\xA9?a\tOK\t", 11), 0);
    path = tree_path("odd/_._%C3%A9%09a_1.png");
    free(read_bytes(path, &size));
    free(path);
    free(heat);
    output_free(&output);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_forms_agree),
        cmocka_unit_test(parts_are_chosen),
        cmocka_unit_test(photographs_are_one_part),
    };
    return cmocka_run_group_tests(tests, program_make, program_remove);
}
