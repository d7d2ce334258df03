#include "core/train/checkpoint.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/memory.h"
#include "core/model/config.h"
#include "core/train/trainer.h"

#define VERSION "1"

/* Of runs in precision F16. */
#define LOSS_SCALE "mvad.train.loss_scale"
#define LOSS_SCALE_GOOD "mvad.train.loss_scale_good"
#define LOSS_SCALE_SKIPPED "mvad.train.loss_scale_skipped"

/* What is stored of a parameter: running statistics have no moments. */
static const struct part {
    mvad_trainer_value value;
    const char *prefix;
} parts[] = {
    {MVAD_TRAINER_PARAMETER, ""},
    {MVAD_TRAINER_MOMENT1, "moment1."},
    {MVAD_TRAINER_MOMENT2, "moment2."},
};

static size_t part_count(const struct parameter *parameter)
{
    switch (parameter->kind) {
    case MVAD_PARAMETER_TRAINABLE: return sizeof parts / sizeof *parts;
    case MVAD_PARAMETER_STATISTIC: return 1;
    case MVAD_PARAMETER_FROZEN: break;
    }
    return 0;
}

static void part_name(const struct part *part, const struct parameter *parameter, char name[128])
{
    snprintf(name, 128, "%s%s", part->prefix, parameter->name);
}

static mvad_status add_part(mvad_tensors *tensors, mvad_trainer *trainer, const struct part *part,
                            const struct parameter *parameter, mvad_error *error)
{
    char name[128];
    part_name(part, parameter, name);
    const size_t count = parameter->count;
    double *values = memory_allocate(count * sizeof *values);
    if (!values) return error_out_of_memory(error, name, count * sizeof *values);
    mvad_status status =
        mvad_trainer_read(trainer, part->value, parameter->name, values, count, error);
    /* Narrowed in place: float i lies before double i or in its first half. */
    float *narrow = (float *)(void *)values;
    for (size_t i = 0; i < count && !status; i++) {
        const float value = (float)values[i];
        memcpy(&narrow[i], &value, sizeof value);
    }
    if (!status)
        status = mvad_tensors_add(tensors, name, parameter->rank, parameter->shape, narrow, error);
    free(values);
    return status;
}

static mvad_status set_number(mvad_tensors *tensors, const char *key, uint64_t number,
                              mvad_error *error)
{
    char text[32];
    snprintf(text, sizeof text, "%" PRIu64, number);
    return mvad_tensors_set_metadata(tensors, key, text, error);
}

static void fact_key(const struct checkpoint_fact *fact, char key[64])
{
    snprintf(key, 64, "mvad.train.%s", fact->name);
}

static mvad_status add_metadata(const struct checkpoint *checkpoint, mvad_tensors *tensors,
                                mvad_trainer *trainer, uint64_t steps_per_epoch, mvad_error *error)
{
    const uint64_t step = trainer_step_count(trainer);
    const struct loss_scale *scale = trainer_loss_scale(trainer);
    mvad_status status = config_to_metadata(checkpoint->config, tensors, error);
    if (!status) status = mvad_tensors_set_metadata(tensors, "mvad.checkpoint", VERSION, error);
    if (!status) status = set_number(tensors, "mvad.train.step", step, error);
    if (!status)
        status = set_number(tensors, "mvad.train.epoch", step / steps_per_epoch + 1, error);
    if (!status) status = set_number(tensors, "mvad.train.position", step % steps_per_epoch, error);
    if (!status && scale) status = set_number(tensors, LOSS_SCALE, (uint64_t)scale->factor, error);
    if (!status && scale) status = set_number(tensors, LOSS_SCALE_GOOD, scale->good, error);
    if (!status && scale) status = set_number(tensors, LOSS_SCALE_SKIPPED, scale->skipped, error);
    for (size_t i = 0; i < checkpoint->fact_count && !status; i++) {
        char key[64];
        fact_key(&checkpoint->facts[i], key);
        status = mvad_tensors_set_metadata(tensors, key, checkpoint->facts[i].text, error);
    }
    return status;
}

mvad_status checkpoint_save(const struct checkpoint *checkpoint, mvad_trainer *trainer,
                            int64_t steps_per_epoch, const char *path, mvad_error *error)
{
    mvad_tensors *tensors;
    mvad_status status = mvad_tensors_create(&tensors, error);
    if (status) return status;
    status = add_metadata(checkpoint, tensors, trainer, (uint64_t)steps_per_epoch, error);
    const struct parameter_table *table = trainer_parameters(trainer);
    for (size_t i = 0; i < table->count; i++)
        for (size_t p = 0; p < part_count(&table->items[i]) && !status; p++)
            status = add_part(tensors, trainer, &parts[p], &table->items[i], error);
    if (!status) status = mvad_tensors_save(tensors, path, error);
    mvad_tensors_destroy(tensors);
    return status;
}

static mvad_status check_facts(const struct checkpoint *checkpoint, const mvad_tensors *tensors,
                               const char *path, mvad_error *error)
{
    const char *version = mvad_tensors_metadata(tensors, "mvad.checkpoint");
    if (!version || strcmp(version, VERSION))
        return error_set(error, MVAD_ERROR_FORMAT, "%s: not a checkpoint of a training run",
                         file_label(path));
    mvad_config config = *checkpoint->config;
    int missing = 0;
    const char *first_missing = NULL;
    mvad_status status = config_from_metadata(tensors, &config, &missing, &first_missing, error);
    if (status) return status;
    if (missing || memcmp(&config, checkpoint->config, sizeof config))
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT,
                         "%s: made with another configuration of the model", file_label(path));
    for (size_t i = 0; i < checkpoint->fact_count; i++) {
        const struct checkpoint_fact *fact = &checkpoint->facts[i];
        char key[64];
        fact_key(fact, key);
        const char *text = mvad_tensors_metadata(tensors, key);
        if (!text) text = fact->former;
        if (!text || strcmp(text, fact->text))
            return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "%s: made with %s %.60s, not %s",
                             file_label(path), fact->name, text ? text : "unknown", fact->text);
    }
    return MVAD_OK;
}

static mvad_status restore_part(const mvad_tensors *tensors, mvad_trainer *trainer,
                                const struct part *part, const struct parameter *parameter,
                                const char *path, mvad_error *error)
{
    char name[128];
    part_name(part, parameter, name);
    mvad_tensor_view view;
    mvad_status status = mvad_tensors_find(tensors, name, &view, error);
    if (status) return status;
    if (view.rank != parameter->rank ||
        memcmp(view.shape, parameter->shape, (size_t)view.rank * sizeof *view.shape))
        return error_set(error, MVAD_ERROR_FORMAT, "%s: tensor '%s' has another shape",
                         file_label(path), name);
    return trainer_write(trainer, part->value, parameter->name, view.data, view.count, error);
}

static mvad_status read_number(const mvad_tensors *tensors, const char *path, const char *key,
                               uint64_t *number, mvad_error *error)
{
    const char *text = mvad_tensors_metadata(tensors, key);
    char *end = NULL;
    errno = 0;
    if (text) *number = strtoull(text, &end, 10);
    if (!text || errno || end == text || *end || *text < '0' || *text > '9')
        return error_set(error, MVAD_ERROR_FORMAT, "%s: does not say its %s", file_label(path),
                         key + sizeof "mvad.train." - 1);
    return MVAD_OK;
}

/* A power of two from 1 up. */
static mvad_status read_loss_scale(const mvad_tensors *tensors, const char *path,
                                   struct loss_scale *scale, mvad_error *error)
{
    uint64_t factor = 0;
    mvad_status status = read_number(tensors, path, LOSS_SCALE, &factor, error);
    if (!status) status = read_number(tensors, path, LOSS_SCALE_GOOD, &scale->good, error);
    if (!status) status = read_number(tensors, path, LOSS_SCALE_SKIPPED, &scale->skipped, error);
    if (!status && (!factor || factor & (factor - 1)))
        status = error_set(error, MVAD_ERROR_FORMAT, "%s: its loss scale is not a power of two",
                           file_label(path));
    scale->factor = (double)factor;
    return status;
}

mvad_status checkpoint_load(const struct checkpoint *checkpoint, mvad_trainer *trainer,
                            const char *path, mvad_error *error)
{
    mvad_tensors *tensors;
    uint64_t step = 0;
    mvad_status status = mvad_tensors_load(path, &tensors, error);
    if (status) return status;
    status = check_facts(checkpoint, tensors, path, error);
    if (!status) status = read_number(tensors, path, "mvad.train.step", &step, error);
    struct loss_scale *scale = trainer_loss_scale(trainer);
    if (!status && scale) status = read_loss_scale(tensors, path, scale, error);
    if (!status && scale && scale->skipped > step)
        status = error_set(error, MVAD_ERROR_FORMAT, "%s: more steps skipped than done",
                           file_label(path));
    const struct parameter_table *table = trainer_parameters(trainer);
    for (size_t i = 0; i < table->count; i++)
        for (size_t p = 0; p < part_count(&table->items[i]) && !status; p++)
            status = restore_part(tensors, trainer, &parts[p], &table->items[i], path, error);
    if (!status) trainer_set_step_count(trainer, step);
    mvad_tensors_destroy(tensors);
    return status;
}
