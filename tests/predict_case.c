#include "predict_case.h"

#include <math.h>

struct predict_case predict_case;

static int32_t keep(const mvad_part_result *part, void *user)
{
    struct list *list = user;
    assert_in_range(list->count, 0, 15);
    struct kept *kept = &list->parts[list->count++];
    memset(kept, 0, sizeof *kept);
    snprintf(kept->class_name, sizeof kept->class_name, "%s", part->class_name);
    snprintf(kept->name, sizeof kept->name, "%s", part->name);
    snprintf(kept->fault, sizeof kept->fault, "%s", part->fault ? part->fault : "");
    kept->label = part->label;
    kept->anomalous = part->anomalous;
    kept->score = part->score;
    kept->view_count = part->view_count;
    kept->seconds = part->seconds;
    if (part->fault) assert_true(!part->views && !part->view_count && isnan(part->score));
    for (size_t v = 0; v < part->view_count; v++) {
        const mvad_view_result *view = &part->views[v];
        assert_int_equal(view->map_size, EVAL_SIZE);
        memcpy(kept->maps[v], view->map, sizeof kept->maps[v]);
        kept->scores[v] = view->score;
        snprintf(kept->views[v], sizeof kept->views[v], "%s", view->name);
        kept->sides[v][0] = view->width;
        kept->sides[v][1] = view->height;
        kept->regions[v] = view->region_count;
        if (view->region_count) kept->first[v] = view->regions[0];
    }
    return list->count == list->stop_after;
}

int32_t take_only(const char *class_name, const char *name, void *user)
{
    const struct list *list = user;
    assert_non_null(class_name);
    return !strcmp(name, list->only);
}

mvad_predict_options options_for(struct list *list, float threshold)
{
    mvad_predict_options options = mvad_predict_options_default();
    *list = (struct list){0};
    options.threshold = threshold;
    options.part = keep;
    options.user = list;
    return options;
}

void predict(const mvad_dataset *dataset, const mvad_predict_options *options)
{
    mvad_error error;
    if (mvad_predict(predict_case.model, predict_case.device, dataset, options, &error))
        fail_msg("%s", error.message);
    assert_int_equal(error.status, MVAD_OK);
}

mvad_dataset *open_dataset(const char *name)
{
    mvad_dataset_options options = mvad_dataset_options_default();
    mvad_dataset *dataset;
    mvad_error error;
    char *path = tree_path(name);
    if (mvad_dataset_open(path, &options, &dataset, &error)) fail_msg("%s", error.message);
    free(path);
    return dataset;
}

mvad_dataset *dataset_of(const char *const *names, size_t count)
{
    mvad_dataset *dataset;
    char *paths[32] = {NULL};
    for (size_t i = 0; i < count; i++) paths[i] = tree_path(names[i]);
    assert_int_equal(
        mvad_dataset_from_images("mine", (const char *const *)paths, count, &dataset, NULL),
        MVAD_OK);
    for (size_t i = 0; i < count; i++) free(paths[i]);
    return dataset;
}

/* The maps of `views` images of a part, of these numbers, as a session gives them. */
static void session_maps(size_t part, const size_t *numbers, size_t views, float *maps)
{
    static const double mean[3] = {0.485, 0.456, 0.406}, std[3] = {0.229, 0.224, 0.225};
    mvad_session_options options = mvad_session_options_default();
    mvad_session *session;
    float *images = malloc(views * 3 * EVAL_PIXELS * sizeof *images);
    assert_non_null(images);
    for (size_t v = 0; v < views; v++) {
        uint8_t pixels[3 * EVAL_PIXELS];
        eval_image(part, numbers[v], pixels);
        for (int i = 0; i < EVAL_PIXELS; i++)
            for (int c = 0; c < 3; c++)
                images[(v * 3 + (size_t)c) * EVAL_PIXELS + (size_t)i] =
                    (float)((pixels[3 * i + c] / 255.0 - mean[c]) / std[c]);
    }
    options.views = (int32_t)views;
    assert_int_equal(
        mvad_session_create(predict_case.model, predict_case.device, &options, &session, NULL),
        MVAD_OK);
    assert_int_equal(mvad_session_run(session, images, NULL), MVAD_OK);
    assert_int_equal(mvad_session_read(session, MVAD_OUTPUT_MAP, maps, views * EVAL_PIXELS, NULL),
                     MVAD_OK);
    mvad_session_destroy(session);
    free(images);
}

static float highest_of(const float *values, size_t count)
{
    float highest = values[0];
    for (size_t i = 1; i < count; i++) highest = fmaxf(highest, values[i]);
    return highest;
}

/* A part of the data set, of these views, against a session; `threshold` as it was given. */
void check_part(const struct kept *kept, size_t part, const size_t *numbers, size_t views,
                float threshold)
{
    float maps[EVAL_VIEWS * EVAL_PIXELS], highest = -INFINITY;
    assert_in_range(views, 1, EVAL_VIEWS);
    session_maps(part, numbers, views, maps);
    assert_string_equal(kept->fault, "");
    assert_int_equal(kept->view_count, views);
    assert_true(kept->seconds > 0);
    for (size_t v = 0; v < views; v++) {
        const float *map = maps + v * EVAL_PIXELS;
        for (int i = 0; i < EVAL_PIXELS; i++) assert_true(fabsf(kept->maps[v][i] - map[i]) < 1e-5f);
        /* Numbers of a run are only equal to its own. */
        assert_true(kept->scores[v] == highest_of(kept->maps[v], EVAL_PIXELS));
        assert_int_equal(kept->sides[v][0], EVAL_SIZE);
        assert_int_equal(kept->sides[v][1], EVAL_SIZE);
        assert_int_equal(kept->regions[v] > 0, kept->scores[v] > threshold);
        if (kept->regions[v]) assert_true(kept->first[v].score == kept->scores[v]);
        highest = fmaxf(highest, kept->scores[v]);
    }
    assert_true(kept->score == highest);
    assert_int_equal(kept->anomalous, highest > threshold);
}

/* A score between those of the test parts: some are above, some below. */
static float middle_score(void)
{
    struct list *list = malloc(sizeof *list);
    assert_non_null(list);
    mvad_predict_options options = options_for(list, 0);
    predict(predict_case.dataset, &options);
    float low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < list->count; i++) {
        low = fminf(low, list->parts[i].score);
        high = fmaxf(high, list->parts[i].score);
    }
    free(list);
    assert_true(low < high);
    return (low + high) / 2;
}

int predict_make(void **state)
{
    if (eval_make(state)) return -1;
    char *path = scratch_path("m.safetensors");
    assert_int_equal(mvad_model_load(path, NULL, &predict_case.model, NULL), MVAD_OK);
    free(path);
    assert_int_equal(mvad_device_open("cpu", 0, &predict_case.device, NULL), MVAD_OK);
    predict_case.dataset = open_dataset("parts.csv");
    predict_case.middle = middle_score();
    return 0;
}

int predict_remove(void **state)
{
    mvad_dataset_close(predict_case.dataset);
    mvad_device_close(predict_case.device);
    mvad_model_destroy(predict_case.model);
    return eval_remove(state);
}
