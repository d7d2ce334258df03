#include "core/score/calibration.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/score/tolerance.h"
#include "core/weights/header_text.h"

/* What is not kept but follows. */
static void complete_facts(mvad_calibration *facts, const char *text)
{
    snprintf(facts->id, sizeof facts->id, "%016" PRIx64, hash_text(HASH_START, text));
}

mvad_status calibration_read(const mvad_model *model, struct calibration *calibration,
                             mvad_error *error)
{
    char identity[MVAD_IDENTITY];
    *calibration = (struct calibration){0};
    const char *text = mvad_model_note(model, CALIBRATION_NOTE);
    if (!text) return error_set(error, MVAD_ERROR_FORMAT, "the model is not calibrated");
    if (!calibration_from_text(text, calibration))
        return error_set(error, MVAD_ERROR_FORMAT,
                         "metadata " CALIBRATION_NOTE " is no calibration: '%.60s'", text);
    complete_facts(&calibration->facts, text);
    mvad_status status = mvad_model_identity(model, identity, error);
    if (!status && strcmp(identity, calibration->facts.model) != 0)
        status = error_set(error, MVAD_ERROR_FORMAT,
                           "the model was calibrated on %.10s, and its parameters are others now: "
                           "calibrate it again",
                           calibration->facts.date);
    if (status) calibration_free(calibration);
    return status;
}

mvad_status calibration_write(struct calibration *calibration, mvad_model *model, mvad_error *error)
{
    char *text = calibration_to_text(calibration);
    if (!text) return error_out_of_memory(error, "calibration", 0);
    header_text_make_utf8(text);
    complete_facts(&calibration->facts, text);
    mvad_status status = mvad_model_set_note(model, CALIBRATION_NOTE, text, error);
    cJSON_free(text);
    return status;
}

/* A class "" with the threshold of the scale. */
static mvad_status take_scale(const mvad_model *model, struct calibration *calibration,
                              mvad_error *error)
{
    mvad_score_scale scale;
    mvad_status status = mvad_model_scale(model, &scale, error);
    if (status) return status;
    struct calibration_class *class = calloc(1, sizeof *class);
    char *name = calloc(1, 1);
    if (!class || !name) {
        free(class);
        free(name);
        return error_out_of_memory(error, "thresholds", sizeof *class);
    }
    class->part = (struct calibration_level){
        .name = name, .accept = scale.threshold, .reject = scale.threshold};
    class->pixel = scale.threshold;
    *calibration = (struct calibration){.classes = class, .class_count = 1, .is_rough = true};
    return MVAD_OK;
}

mvad_status calibration_find(const mvad_model *model, struct calibration *calibration,
                             mvad_error *error)
{
    *calibration = (struct calibration){0};
    if (mvad_model_note(model, CALIBRATION_NOTE))
        return calibration_read(model, calibration, error);
    const char *text = mvad_model_note(model, CLASS_THRESHOLDS_NOTE);
    if (!text) return take_scale(model, calibration, error);
    if (class_thresholds_from_text(text, calibration)) return MVAD_OK;
    return error_set(error, MVAD_ERROR_FORMAT,
                     "metadata " CLASS_THRESHOLDS_NOTE " has no thresholds of classes: '%.60s'",
                     text);
}

static const struct calibration_class *find_class(const struct calibration *calibration,
                                                  const char *name)
{
    for (size_t c = 0; c < calibration->class_count; c++)
        if (!strcmp(calibration->classes[c].part.name, name)) return &calibration->classes[c];
    return NULL;
}

/* Those of a view where it has some. */
static mvad_thresholds thresholds_of(const struct calibration_class *class, const char *view)
{
    const struct calibration_level *level = &class->part;
    for (size_t v = 0; view && v < class->view_count; v++)
        if (!strcmp(class->views[v].name, view)) level = &class->views[v];
    return (mvad_thresholds){level->accept, level->reject, class->pixel};
}

mvad_status calibration_thresholds(const struct calibration *calibration, const char *class_name,
                                   const char *view, mvad_thresholds *thresholds, mvad_error *error)
{
    const bool is_any = !class_name || !*class_name;
    const struct calibration_class *first = calibration->classes;
    const bool is_one = calibration->class_count == 1 && (is_any || !*first->part.name);
    const struct calibration_class *class = is_one   ? first
                                            : is_any ? NULL
                                                     : find_class(calibration, class_name);
    if (!class && !is_any && !calibration->is_rough)
        return error_set(error, MVAD_ERROR_FORMAT,
                         "class %.100s is not among the %zu that the model is calibrated for",
                         class_name, calibration->class_count);
    *thresholds = thresholds_of(class ? class : first, view);
    for (size_t c = 1; !class && c < calibration->class_count; c++) {
        const mvad_thresholds other = thresholds_of(&calibration->classes[c], view);
        thresholds->accept = fmaxf(thresholds->accept, other.accept);
        thresholds->reject = fmaxf(thresholds->reject, other.reject);
        thresholds->pixel = fmaxf(thresholds->pixel, other.pixel);
    }
    return MVAD_OK;
}

void calibration_free(struct calibration *calibration)
{
    for (size_t c = 0; c < calibration->class_count; c++) {
        struct calibration_class *class = &calibration->classes[c];
        for (size_t v = 0; v < class->view_count; v++) free(class->views[v].name);
        free(class->views);
        free(class->part.name);
    }
    free(calibration->classes);
    *calibration = (struct calibration){0};
}

mvad_status mvad_model_calibration(const mvad_model *model, mvad_calibration *facts,
                                   void (*visit)(const mvad_calibrated_class *row, void *user),
                                   void *user, mvad_error *error)
{
    struct calibration calibration;
    if (!model || !facts)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "model or facts are NULL");
    mvad_status status = calibration_read(model, &calibration, error);
    if (status) return status;
    *facts = calibration.facts;
    for (size_t c = 0; visit && c < calibration.class_count; c++) {
        const struct calibration_level *part = &calibration.classes[c].part;
        const mvad_calibrated_class row = {.name = part->name,
                                           .parts = part->parts,
                                           .thresholds =
                                               thresholds_of(&calibration.classes[c], NULL),
                                           .accept_bound = part->accept_bound,
                                           .reject_bound = part->reject_bound};
        visit(&row, user);
    }
    calibration_free(&calibration);
    return error_clear(error);
}

mvad_status mvad_model_thresholds(const mvad_model *model, const char *class_name, const char *view,
                                  mvad_thresholds *thresholds, mvad_error *error)
{
    struct calibration calibration;
    if (!model || !thresholds)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "model or thresholds are NULL");
    mvad_status status = calibration_find(model, &calibration, error);
    if (!status) status = calibration_thresholds(&calibration, class_name, view, thresholds, error);
    calibration_free(&calibration);
    return status ? status : error_clear(error);
}

mvad_verdict mvad_thresholds_judge(const mvad_thresholds *thresholds, float score)
{
    if (!thresholds || isnan(score)) return MVAD_VERDICT_ERROR;
    if (score > thresholds->reject) return MVAD_VERDICT_NG;
    return score > thresholds->accept ? MVAD_VERDICT_UNSURE : MVAD_VERDICT_OK;
}

const char *mvad_verdict_name(mvad_verdict verdict)
{
    static const char *const names[MVAD_VERDICT_COUNT] = {"OK", "UNSURE", "NG", "ERROR"};
    return (unsigned)verdict < MVAD_VERDICT_COUNT ? names[verdict] : NULL;
}

size_t mvad_calibration_parts_needed(double rate, double confidence)
{
    const bool valid = rate > 0 && rate < 1 && confidence > 0 && confidence < 1;
    return valid ? tolerance_parts_needed(rate, confidence) : 0;
}
