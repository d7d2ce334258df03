/* What is written about a model beside its parameters: metadata of its file. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/base/error.h"
#include "core/base/number.h"
#include "core/model/config.h"
#include "core/model/model.h"
#include "core/weights/safetensors.h"

#define PREFIX "mvad."
#define SCALE_KEY "mvad.scale"

static bool is_note(const char *key)
{
    return !strncmp(key, PREFIX, sizeof PREFIX - 1) && !config_has_key(key);
}

const char *mvad_model_note(const mvad_model *model, const char *key)
{
    return model && key && model->notes ? mvad_tensors_metadata(model->notes, key) : NULL;
}

mvad_status mvad_model_set_note(mvad_model *model, const char *key, const char *value,
                                mvad_error *error)
{
    if (!model || !key || !value)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "model, key or value is NULL");
    if (!is_note(key))
        return error_set(
            error, MVAD_ERROR_INVALID_ARGUMENT,
            "'%.60s': a note's key begins with " PREFIX " and is none of the configuration", key);
    mvad_status status = model->notes ? MVAD_OK : mvad_tensors_create(&model->notes, error);
    return status ? status : mvad_tensors_set_metadata(model->notes, key, value, error);
}

mvad_status notes_from_metadata(mvad_model *model, const mvad_tensors *tensors, mvad_error *error)
{
    mvad_status status = MVAD_OK;
    for (size_t i = 0; i < tensors->metadata_count && !status; i++) {
        const struct metadata_entry *entry = &tensors->metadata[i];
        if (is_note(entry->key))
            status = mvad_model_set_note(model, entry->key, entry->value, error);
    }
    return status;
}

mvad_status notes_to_metadata(const mvad_model *model, mvad_tensors *tensors, mvad_error *error)
{
    mvad_status status = MVAD_OK;
    for (size_t i = 0; model->notes && i < model->notes->metadata_count && !status; i++) {
        const struct metadata_entry *entry = &model->notes->metadata[i];
        status = mvad_tensors_set_metadata(tensors, entry->key, entry->value, error);
    }
    return status;
}

static bool is_scale(const mvad_score_scale *scale)
{
    return isfinite(scale->low) && isfinite(scale->high) && scale->low < scale->threshold &&
           scale->threshold < scale->high;
}

/* Three numbers with blanks between and nothing behind. */
static bool read_scale(const char *text, mvad_score_scale *scale)
{
    float *const numbers[] = {&scale->low, &scale->threshold, &scale->high};
    for (size_t i = 0; i < 3; i++) {
        const char *end;
        *numbers[i] = (float)number_from_text(text, &end);
        if (end == text || *end != (i < 2 ? ' ' : 0)) return false;
        text = end;
    }
    return is_scale(scale);
}

mvad_status mvad_model_scale(const mvad_model *model, mvad_score_scale *scale, mvad_error *error)
{
    if (!model || !scale)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "model or scale is NULL");
    const char *text = mvad_model_note(model, SCALE_KEY);
    if (!text)
        return error_set(error, MVAD_ERROR_FORMAT,
                         "the model has no scale of scores; training to the end measures one");
    if (!read_scale(text, scale))
        return error_set(error, MVAD_ERROR_FORMAT,
                         "metadata " SCALE_KEY " is '%.60s', not three increasing numbers", text);
    return error_clear(error);
}

mvad_status mvad_model_set_scale(mvad_model *model, const mvad_score_scale *scale, mvad_error *error)
{
    if (!scale || !is_scale(scale))
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT,
                         "a scale is three increasing numbers: low, threshold, high");
    char low[NUMBER_TEXT], threshold[NUMBER_TEXT], high[NUMBER_TEXT], text[3 * NUMBER_TEXT];
    number_to_text(scale->low, 9, low);
    number_to_text(scale->threshold, 9, threshold);
    number_to_text(scale->high, 9, high);
    snprintf(text, sizeof text, "%s %s %s", low, threshold, high);
    return mvad_model_set_note(model, SCALE_KEY, text, error);
}
