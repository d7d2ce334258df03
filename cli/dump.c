#include "cli/dump.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const names[MVAD_OUTPUT_COUNT] = {
    [MVAD_OUTPUT_TEACHER_0] = "teacher.0",     [MVAD_OUTPUT_TEACHER_1] = "teacher.1",
    [MVAD_OUTPUT_TEACHER_2] = "teacher.2",     [MVAD_OUTPUT_STUDENT_0] = "student.0",
    [MVAD_OUTPUT_STUDENT_1] = "student.1",     [MVAD_OUTPUT_STUDENT_2] = "student.2",
    [MVAD_OUTPUT_MAP_RAW] = "anomaly_map_raw", [MVAD_OUTPUT_MAP] = "anomaly_map",
    [MVAD_OUTPUT_IMAGE_SCORE] = "image_score", [MVAD_OUTPUT_SAMPLE_SCORE] = "sample_score",
};

struct tensor {
    float *values; /* NULL until the first run tells the shape */
    int32_t rank;
    int64_t shape[4]; /* of all samples */
};

struct dump {
    size_t samples;
    struct tensor tensors[MVAD_OUTPUT_COUNT];
};

static mvad_status out_of_memory(mvad_error *error)
{
    snprintf(error->message, sizeof error->message, "out of memory holding what is to be dumped");
    return error->status = MVAD_ERROR_OUT_OF_MEMORY;
}

mvad_status dump_create(size_t samples, struct dump **dump, mvad_error *error)
{
    *dump = calloc(1, sizeof **dump);
    if (!*dump) return out_of_memory(error);
    (*dump)->samples = samples;
    return MVAD_OK;
}

static size_t product(const int64_t *shape, int32_t rank)
{
    size_t count = 1;
    for (int32_t i = 0; i < rank; i++) count *= (size_t)shape[i];
    return count;
}

mvad_status dump_take(struct dump *dump, mvad_session *session, size_t first, mvad_error *error)
{
    int64_t run[4];
    mvad_session_shape(session, MVAD_OUTPUT_SAMPLE_SCORE, run);
    const size_t run_samples = (size_t)run[0];
    for (int i = 0; i < MVAD_OUTPUT_COUNT; i++) {
        struct tensor *tensor = &dump->tensors[i];
        int32_t rank = mvad_session_shape(session, (mvad_output)i, run);
        const size_t count = product(run, rank), sample = count / run_samples;
        if (!tensor->values) {
            tensor->values = calloc(sample * dump->samples, sizeof *tensor->values);
            if (!tensor->values) return out_of_memory(error);
            tensor->rank = rank;
            for (int32_t d = 0; d < rank; d++) tensor->shape[d] = run[d];
            /* From the images of a run to those of all samples. */
            tensor->shape[0] = run[0] / (int64_t)run_samples * (int64_t)dump->samples;
        }
        mvad_status status = mvad_session_read(session, (mvad_output)i,
                                               tensor->values + first * sample, count, error);
        if (status) return status;
    }
    return MVAD_OK;
}

mvad_status dump_save(struct dump *dump, const char *path, mvad_error *error)
{
    mvad_tensors *file = NULL;
    mvad_status status = mvad_tensors_create(&file, error);
    for (int i = 0; i < MVAD_OUTPUT_COUNT && !status; i++) {
        struct tensor *tensor = &dump->tensors[i];
        status =
            mvad_tensors_add(file, names[i], tensor->rank, tensor->shape, tensor->values, error);
        free(tensor->values);
        tensor->values = NULL;
    }
    if (!status) status = mvad_tensors_save(file, path, error);
    mvad_tensors_destroy(file);
    return status;
}

void dump_destroy(struct dump *dump)
{
    if (!dump) return;
    for (int i = 0; i < MVAD_OUTPUT_COUNT; i++) free(dump->tensors[i].values);
    free(dump);
}
