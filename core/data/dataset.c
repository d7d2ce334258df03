#include "core/data/dataset.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/data/records.h"

/* Reads a folder as the first layout that it has. */
static mvad_status read_folder(struct record_set *set, const char **kind)
{
    bool found = false;
    *kind = "Real-IAD";
    mvad_status status = realiad_read(set, &found);
    if (status || found) return status;
    if (set->options->variant)
        return error_set(set->error, MVAD_ERROR_INVALID_ARGUMENT,
                         "%s: has no folder realiad_jsons_%.50s with JSON files",
                         file_label(set->options->root), set->options->variant);
    *kind = "folders";
    status = folders_read(set, &found);
    if (status || found) return status;
    return error_set(set->error, MVAD_ERROR_FORMAT,
                     "%s: no data set: neither realiad_jsons/CLASS.json nor CLASS/train or "
                     "CLASS/test",
                     file_label(set->options->root));
}

mvad_status dataset_open(const struct dataset_options *options, struct dataset *dataset,
                         mvad_error *error)
{
    struct record_set set = {.options = options, .error = error};
    const char *kind = "manifest";
    struct stat info;
    mvad_status status;

    *dataset = (struct dataset){0};
    if (stat(options->root, &info)) {
        return error_set(error, MVAD_ERROR_IO, "%s: cannot open: %s", file_label(options->root),
                         strerror(errno));
    }
    if (options->variant && (records_name_fault(options->variant) || S_ISREG(info.st_mode)))
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT,
                         "variant: only Real-IAD has some, with names such as sv and fuiad_0.1");

    status = S_ISDIR(info.st_mode) ? read_folder(&set, &kind) : manifest_read(&set);
    if (!status) status = records_finish(&set, dataset);
    if (!status && dataset->view_count == 0) {
        dataset_close(dataset);
        status = error_set(error, MVAD_ERROR_FORMAT, "%s: a data set (%s) without a single image",
                           file_label(options->root), kind);
    }
    if (!status) dataset->kind = kind;
    records_free(&set);
    return status;
}

void dataset_remove_samples(struct dataset *dataset, const bool *remove)
{
    size_t samples = 0, views = 0;
    for (size_t c = 0; c < dataset->class_count; c++) {
        struct dataset_class *class = &dataset->classes[c];
        size_t first = class->first_sample, end = first + class->train_count + class->test_count;
        *class = (struct dataset_class){class->name, samples, 0, 0};
        for (size_t i = first; i < end; i++) {
            if (remove[i]) continue;
            struct dataset_sample *kept = &dataset->samples[samples++];
            *kept = dataset->samples[i];
            memmove(dataset->views + views, dataset->views + kept->first_view,
                    kept->view_count * sizeof *dataset->views);
            kept->first_view = views;
            views += kept->view_count;
            if (kept->split == DATASET_TRAIN)
                class->train_count++;
            else
                class->test_count++;
        }
    }
    dataset->sample_count = samples;
    dataset->view_count = views;
}
