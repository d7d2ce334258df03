#include "data_index.h"

int index_empty(void **state)
{
    (void)state;
    tree_empty();
    return 0;
}

struct dataset open_with(const char *name, const char *variant, const char *classes,
                         int32_t image_size)
{
    struct dataset dataset;
    mvad_error error;
    char *root = tree_path(name);
    struct dataset_options options = {root, variant, classes, image_size};
    if (dataset_open(&options, &dataset, &error)) fail_msg("%s", error.message);
    free(root);
    return dataset;
}

struct dataset open_root(void)
{
    return open_with("", NULL, NULL, 0);
}

void assert_refused_with(const char *name, const char *variant, const char *classes,
                         mvad_status status, const char *what)
{
    mvad_error error;
    struct dataset dataset;
    char *root = tree_path(name);
    struct dataset_options options = {root, variant, classes, 0};
    if (dataset_open(&options, &dataset, &error) == MVAD_OK) fail_msg("accepted: %s", what);
    assert_null(dataset.views);
    assert_null(dataset.strings);
    assert_error(&error, status, variant ? "" : root, what);
    free(root);
}

void assert_refused(const char *name, mvad_status status, const char *what)
{
    assert_refused_with(name, NULL, NULL, status, what);
}

void assert_index(const struct dataset *dataset, const char *wanted)
{
    static const char *const labels[] = {"normal", "anomalous", "unknown"};
    char *text = NULL, *root = tree_path("");
    size_t bytes, skip = strlen(root) + 1;
    FILE *out = open_memstream(&text, &bytes);
    assert_non_null(out);
    for (size_t i = 0; i < dataset->sample_count; i++) {
        const struct dataset_sample *sample = &dataset->samples[i];
        const struct dataset_class *class = &dataset->classes[sample->class_index];
        assert_true(i >= class->first_sample);
        assert_true(i < class->first_sample + class->train_count + class->test_count);
        assert_int_equal(sample->split == DATASET_TRAIN,
                         i < class->first_sample + class->train_count);
        fprintf(out, "%s %s %s %s:", class->name, sample->split == DATASET_TRAIN ? "train" : "test",
                sample->name, labels[sample->label]);
        for (size_t v = 0; v < sample->view_count; v++) {
            const struct dataset_view *view = &dataset->views[sample->first_view + v];
            fprintf(out, " %s %s '%s' %s", view->name, labels[view->label], view->defect,
                    view->image + skip);
            if (view->mask) fprintf(out, " %s", view->mask + skip);
            fputc(v + 1 < sample->view_count ? ';' : '\n', out);
        }
    }
    fclose(out);
    if (strcmp(text, wanted) != 0) print_error("wanted:\n%sgot:\n%s", wanted, text);
    assert_string_equal(text, wanted);
    free(text);
    free(root);
}
