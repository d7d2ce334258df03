/* Thresholds by class and view, from good parts, as a model's notes keep them: a line of JSON.
 *
 *     struct calibration calibration;
 *     status = calibration_read(model, &calibration, error);
 *     status = calibration_thresholds(&calibration, "cup", "C1", &thresholds, error);
 *     calibration_free(&calibration);
 */
#ifndef SCORE_CALIBRATION_H
#define SCORE_CALIBRATION_H

#include <stdbool.h>

#include "mvad.h"

#define CALIBRATION_NOTE "mvad.calibration"
#define CLASS_THRESHOLDS_NOTE \
    "mvad.class_thresholds" /* {"cup":0.21,..}, where there is no calibration */

/* Of all parts of a class, or of the parts that have a view of this name. */
struct calibration_level {
    char *name;   /* of the class or the view; owned */
    size_t parts; /* it rests on */
    float accept, reject;
    double accept_bound, reject_bound;
};

struct calibration_class {
    struct calibration_level part;
    float pixel;
    struct calibration_level *views; /* by name */
    size_t view_count;
};

struct calibration {
    mvad_calibration facts;
    struct calibration_class *classes; /* by name; at least one */
    size_t class_count;
    bool is_rough; /* measured at the end of training: another class gets the highest */
};

/* The calibration, or what training measured: of every class, and without that of one class "". Errors as
 * those of calibration_read and mvad_model_scale. */
mvad_status calibration_find(const mvad_model *model, struct calibration *calibration,
                             mvad_error *error);

/* Of a model's note. MVAD_ERROR_FORMAT where there is none, it is no calibration, or it was made for
 * other parameters than the model has now; *calibration is empty then. */
mvad_status calibration_read(const mvad_model *model, struct calibration *calibration,
                             mvad_error *error);

/* Into the model's note. facts.id is filled in. */
mvad_status calibration_write(struct calibration *calibration, mvad_model *model, mvad_error *error);

/* As mvad_model_thresholds. */
mvad_status calibration_thresholds(const struct calibration *calibration, const char *class_name,
                                   const char *view, mvad_thresholds *thresholds, mvad_error *error);

/* Accepts an empty calibration, and leaves one. */
void calibration_free(struct calibration *calibration);

/* The two halves of the note's text: JSON from a calibration, NULL without memory, to be freed with
 * cJSON_free; a calibration from JSON, false where it is none. In calibration_text.c. */
char *calibration_to_text(const struct calibration *calibration);
bool calibration_from_text(const char *text, struct calibration *calibration);

/* Likewise of CLASS_THRESHOLDS_NOTE: names and reject thresholds of the classes. */
char *class_thresholds_to_text(const struct calibration *calibration);
bool class_thresholds_from_text(const char *text, struct calibration *calibration);

#endif
