#include "mvad.h"

#include <omp.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "core/base/error.h"
#include "core/base/options.h"
#include "core/data/encode.h"
#include "core/synth/sample.h"
#include "core/synth/writer.h"

#define PHOTOGRAPH_QUALITY 95 /* of JPEG */

_Static_assert(MVAD_SYNTH_CLASSES == FAMILY_COUNT && MVAD_SYNTH_VIEWS == SCENE_VIEWS,
               "the public header counts the same");

/* One run, shared by its threads. */
struct run {
    const char *folder;
    const mvad_synth_options *options;
    mvad_synth_progress progress;
    void *user;
    struct sample *samples;
    omp_lock_t lock;     /* of this run: a named critical section would be the process's */
    int64_t count, done; /* samples; done is changed under the lock */
    atomic_bool stopped;
    int64_t failed; /* the first sample, in order, that failed, or count */
    mvad_error error;
};

static const struct options_shape options_shape = OPTIONS_SHAPE(mvad_synth_options);

void mvad_synth_options_init(mvad_synth_options *options, size_t size)
{
    static const mvad_synth_options defaults = {.classes = MVAD_SYNTH_CLASSES,
                                                .samples_train = 20,
                                                .samples_test = 12,
                                                .image_size = 256,
                                                .seed = 1};
    options_init(&options_shape, &defaults, options, size, 0);
}

const char *mvad_synth_class_name(int32_t index)
{
    return index >= 0 && index < FAMILY_COUNT ? family_at(index)->name : NULL;
}

static mvad_status check_range(const char *name, int32_t value, int32_t low, int32_t high,
                               mvad_error *error)
{
    if (value >= low && value <= high) return MVAD_OK;
    return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "%s is %d; it must be %d to %d", name,
                     value, low, high);
}

static mvad_status check_options(const char *folder, const mvad_synth_options *options,
                                 mvad_error *error)
{
    mvad_status status;
    if (!folder || !*folder)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "folder is NULL or empty");
    if ((status = check_range("classes", options->classes, 1, MVAD_SYNTH_CLASSES, error)) ||
        (status = check_range("samples_train", options->samples_train, 0, MVAD_SYNTH_MAX_SAMPLES,
                              error)) ||
        (status = check_range("samples_test", options->samples_test, 0, MVAD_SYNTH_MAX_SAMPLES,
                              error)) ||
        (status = check_range("samples_train + samples_test",
                              options->samples_train + options->samples_test, 1,
                              MVAD_SYNTH_MAX_SAMPLES, error)) ||
        (status = check_range("image_size", options->image_size, 32, MVAD_MAX_IMAGE_SIZE, error)) ||
        (status = check_range("threads", options->threads, 0, 1024, error)))
        return status;
    return MVAD_OK;
}

/* Who is who: known before anything is rendered. */
static void plan_samples(const mvad_synth_options *options, struct sample *samples)
{
    for (int class = 0; class < options->classes; class ++)
        for (int i = 0; i < options->samples_train + options->samples_test; i++) {
            int test = i - options->samples_train;
            struct sample *sample = samples++;
            *sample =
                (struct sample){.family = family_at(class), .number = i + 1, .is_test = test >= 0};
            /* The classes begin with different defects, so that a small set has them all. */
            if (test % 2 == 1)
                sample->kind = (enum defect_kind)(1 + (test / 2 + 2 * class) % (DEFECT_KINDS - 1));
        }
}

/* The stream of random numbers: the same sample of a class whatever else the set holds. */
static uint32_t sample_stream(const struct sample *sample, const struct sample *first,
                              int64_t per_class)
{
    uint32_t class = (uint32_t)((sample - first) / per_class);
    return class * (MVAD_SYNTH_MAX_SAMPLES + 1u) + (uint32_t)sample->number;
}

static mvad_status render_view(const struct run *run, const struct scene *scene,
                               const struct sample *sample, int view, uint8_t *rgb,
                               const uint8_t *mask, struct byte_buffer *file, mvad_error *error)
{
    int size = run->options->image_size;
    scene_render(scene, view, size, rgb);
    if (!encode_jpeg(rgb, size, size, 3, PHOTOGRAPH_QUALITY, file))
        return error_out_of_memory(error, "an image", file->size);
    mvad_status status =
        writer_image(run->folder, size, sample, view, false, file->data, file->size, error);
    if (status || !sample->masked[view]) return status;
    if (!encode_png(mask, size, size, 1, file))
        return error_out_of_memory(error, "a mask", file->size);
    return writer_image(run->folder, size, sample, view, true, file->data, file->size, error);
}

static mvad_status render_sample(const struct run *run, struct sample *sample, mvad_error *error)
{
    size_t size = (size_t)run->options->image_size, pixels = size * size;
    struct byte_buffer file = {0};
    struct scene scene;
    mvad_status status = MVAD_OK;
    uint8_t *rgb = malloc(pixels * 3), *masks = malloc(pixels * SCENE_VIEWS);
    if (!rgb || !masks) {
        status = error_out_of_memory(error, "an image", pixels * (3 + SCENE_VIEWS));
        goto cleanup;
    }
    uint32_t stream = sample_stream(sample, run->samples, run->count / run->options->classes);
    if (!sample_create(&scene, sample->family, sample->kind, (int)size, run->options->seed, stream,
                       masks, sample->masked)) {
        status = error_set(error, MVAD_ERROR_NUMERIC, "%s: no place for defect %s found",
                           sample->family->name, defect_code(sample->kind));
        goto cleanup;
    }
    for (int view = 0; view < SCENE_VIEWS && !status; view++)
        status = render_view(run, &scene, sample, view, rgb, masks + pixels * (size_t)view, &file,
                             error);

cleanup:
    free(file.data);
    free(rgb);
    free(masks);
    return status;
}

static void finish_sample(struct run *run, int64_t index, mvad_status status,
                          const mvad_error *error)
{
    omp_set_lock(&run->lock);
    if (status) {
        if (index < run->failed) {
            run->failed = index;
            run->error = *error;
        }
        run->stopped = true;
    } else {
        run->done++;
        if (!run->stopped && run->progress &&
            run->progress(run->done * SCENE_VIEWS, run->count * SCENE_VIEWS, run->user))
            run->stopped = true;
    }
    omp_unset_lock(&run->lock);
}

static int count_threads(const mvad_synth_options *options)
{
    return options->threads ? options->threads : omp_get_max_threads();
}

static void render_all(struct run *run)
{
    omp_init_lock(&run->lock);
#pragma omp parallel for schedule(dynamic, 1) num_threads(count_threads(run->options))
    for (int64_t i = 0; i < run->count; i++) {
        mvad_error error;
        if (run->stopped) continue;
        mvad_status status = render_sample(run, &run->samples[i], &error);
        finish_sample(run, i, status, &error);
    }
    omp_destroy_lock(&run->lock);
}

mvad_status mvad_synth_write(const char *folder, const mvad_synth_options *given,
                             mvad_synth_progress progress, void *user, mvad_error *error)
{
    mvad_synth_options own = mvad_synth_options_default();
    const mvad_synth_options *options = &own;
    mvad_status status = options_read(&options_shape, given, &own, error);
    if (!status) status = check_options(folder, options, error);
    if (status) return status;
    int64_t per_class = options->samples_train + options->samples_test;
    struct run run = {.folder = folder,
                      .options = options,
                      .progress = progress,
                      .user = user,
                      .count = per_class * options->classes,
                      .failed = per_class * options->classes};
    size_t bytes = (size_t)run.count * sizeof *run.samples;
    run.samples = malloc(bytes);
    if (!run.samples) return error_out_of_memory(error, "the samples", bytes);
    plan_samples(options, run.samples);

    status = writer_open(folder, options, error);
    if (status) goto cleanup;
    render_all(&run);
    if (run.failed < run.count) {
        status = run.error.status;
        if (error) *error = run.error;
        goto cleanup;
    }
    if (run.done == run.count)
        for (int class = 0; class < options->classes && !status; class ++)
            status =
                writer_records(folder, run.samples + class * per_class, (size_t)per_class, error);
    if (!status) status = error_clear(error);

cleanup:
    free(run.samples);
    return status;
}
