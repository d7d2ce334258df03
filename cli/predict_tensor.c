/* `mvad predict --tensor`: scores of prepared inputs. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/dump.h"
#include "cli/predict.h"

#define MAX_BATCH 4096

/* Everything a run over the samples needs. */
struct prediction {
    const struct caller *caller;
    mvad_model *model;
    mvad_device *device;
    mvad_tensors *input_file;
    mvad_session *session; /* of options.samples samples */
    mvad_session_options options;
    mvad_tensor_view input; /* (samples * views, 3, S, S) */
    size_t samples;
    float *scores;     /* a batch of image scores, then of sample scores */
    struct dump *dump; /* NULL without --dump */
};

/* Reads `input` and checks it against the model. */
static int read_input(struct prediction *p, const char *path)
{
    mvad_error error;
    if (mvad_tensors_load(path, &p->input_file, &error) ||
        mvad_tensors_find(p->input_file, "input", &p->input, &error))
        return command_error(p->caller, &error);
    const mvad_tensor_view *input = &p->input;
    const int64_t size = mvad_model_config(p->model).image_size, views = p->options.views;
    if (input->rank != 4 || input->shape[1] != 3 || input->shape[2] != input->shape[3])
        return command_fail(p->caller, EXIT_UNREADABLE,
                            "%s: tensor 'input' is to be (samples * views, 3, S, S)", path);
    if (input->shape[2] % 32)
        return command_fail(p->caller, EXIT_UNREADABLE,
                            "%s: images of %" PRId64 " pixels; the size must be a multiple of 32",
                            path, input->shape[2]);
    if (input->shape[2] != size)
        return command_fail(p->caller, EXIT_UNREADABLE,
                            "%s: images of %" PRId64 " pixels; the model takes %" PRId64, path,
                            input->shape[2], size);
    if (input->shape[0] < 1 || input->shape[0] % views)
        return command_fail(p->caller, EXIT_UNREADABLE,
                            "%s: %" PRId64 " images are not whole samples of %" PRId64 " views",
                            path, input->shape[0], views);
    for (size_t i = 0; i < input->count; i++)
        if (!isfinite(input->data[i]))
            return command_fail(p->caller, EXIT_UNREADABLE,
                                "%s: tensor 'input' has a NaN or an infinity at element %zu", path,
                                i);
    p->samples = (size_t)(input->shape[0] / views);
    return OPTIONS_READ;
}

static mvad_status run_batch(struct prediction *p, size_t first, int32_t count, mvad_error *error)
{
    const size_t views = (size_t)p->options.views;
    if (!p->session || p->options.samples != count) {
        mvad_session_destroy(p->session);
        p->options.samples = count;
        mvad_status status =
            mvad_session_create(p->model, p->device, &p->options, &p->session, error);
        if (status) return status;
    }
    const size_t sample = p->input.count / p->samples, images = views * (size_t)count;
    mvad_status status = mvad_session_run(p->session, p->input.data + first * sample, error);
    if (!status)
        status = mvad_session_read(p->session, MVAD_OUTPUT_IMAGE_SCORE, p->scores, images, error);
    if (!status)
        status = mvad_session_read(p->session, MVAD_OUTPUT_SAMPLE_SCORE, p->scores + images,
                                   (size_t)count, error);
    if (!status && p->dump) status = dump_take(p->dump, p->session, first, error);
    return status;
}

/* One line a sample: its index, its score, the scores of its views. */
static int print_scores(const struct prediction *p, size_t first, int32_t count)
{
    const size_t views = (size_t)p->options.views;
    const float *sample = p->scores + views * (size_t)count;
    for (size_t s = 0; s < (size_t)count; s++) {
        printf("%zu\t%.7g", first + s, sample[s]);
        for (size_t v = 0; v < views; v++) printf("\t%.7g", p->scores[s * views + v]);
        putchar('\n');
        if (!isfinite(sample[s]))
            return command_fail(p->caller, EXIT_FAILED, "sample %zu: the score is not finite",
                                first + s);
    }
    return EXIT_DONE;
}

static int run_all(struct prediction *p, int batch, const char *dump_path)
{
    mvad_error error;
    const size_t per_run = (size_t)batch < p->samples ? (size_t)batch : p->samples;
    p->scores = calloc(per_run * (size_t)(p->options.views + 1), sizeof *p->scores);
    if (!p->scores) return command_fail(p->caller, EXIT_FAILED, "out of memory");
    if (dump_path && dump_create(p->samples, &p->dump, &error))
        return command_error(p->caller, &error);
    for (size_t first = 0; first < p->samples; first += per_run) {
        size_t left = p->samples - first;
        int32_t count = (int32_t)(left < per_run ? left : per_run);
        if (run_batch(p, first, count, &error)) return command_error(p->caller, &error);
        int code = print_scores(p, first, count);
        if (code != EXIT_DONE) return code;
    }
    if (p->dump && dump_save(p->dump, dump_path, &error))
        return command_fail(p->caller, EXIT_FAILED, "%s", error.message);
    return EXIT_DONE;
}

int predict_tensor(const struct caller *caller, const struct predict_options *options)
{
    struct prediction p = {.caller = caller, .options = mvad_session_options_default()};
    int code = options_count(caller, "batch", options->batch.value, MAX_BATCH);
    if (code == OPTIONS_READ)
        code = precision_read(caller, options->precision.value, &p.options.precision);
    if (code == OPTIONS_READ) code = device_options_open(caller, &options->device, &p.device);
    if (code == OPTIONS_READ)
        code = config_options_load(caller, &options->config, options->model.value, &p.model,
                                   &p.options.views);
    if (code == OPTIONS_READ) code = read_input(&p, options->tensor.value);
    if (code == OPTIONS_READ) code = run_all(&p, options->batch.value, options->dump.value);
    dump_destroy(p.dump);
    free(p.scores);
    mvad_session_destroy(p.session);
    mvad_tensors_destroy(p.input_file);
    mvad_model_destroy(p.model);
    mvad_device_close(p.device);
    return code;
}
