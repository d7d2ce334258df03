/* Predictions for the data of eval_data.h, kept and compared with a session's. */
#ifndef TESTS_PREDICT_CASE_H
#define TESTS_PREDICT_CASE_H

#include "eval_data.h"

/* What all tests of a group share; set by predict_make. */
struct predict_case {
    mvad_model *model;
    mvad_device *device;
    mvad_dataset *dataset; /* parts.csv */
    float middle;          /* some of its test parts score above this, some below */
};

extern struct predict_case predict_case;

/* Setup and teardown of a group, over those of eval_data.h. */
int predict_make(void **state);
int predict_remove(void **state);

/* What is kept of a part. */
struct kept {
    char class_name[16], name[16], fault[512];
    mvad_label label;
    int anomalous, is_null;
    float score, maps[MVAD_MAX_VIEWS][EVAL_PIXELS], scores[MVAD_MAX_VIEWS];
    char views[MVAD_MAX_VIEWS][16];
    int32_t sides[MVAD_MAX_VIEWS][2];
    size_t view_count, regions[MVAD_MAX_VIEWS];
    mvad_region first[MVAD_MAX_VIEWS]; /* region, without its contour */
    double seconds;
};

struct list {
    size_t count, stop_after;
    const char *only; /* part */
    struct kept parts[16];
};

/* Options whose `part` fills *list, emptied here; `select` may be take_only. */
mvad_predict_options options_for(struct list *list, float threshold);

/* Takes the parts called list->only. */
int32_t take_only(const char *class_name, const char *name, void *user);

/* mvad_predict has to work. */
void predict(const mvad_dataset *dataset, const mvad_predict_options *options);

/* A data set of the tests' folder, and one of files there. */
mvad_dataset *open_dataset(const char *name);
mvad_dataset *dataset_of(const char *const *names, size_t count);

/* What was kept is what a session says of the views `numbers` of a part of eval_data.h. */
void check_part(const struct kept *kept, size_t part, const size_t *numbers, size_t views,
                float threshold);

#endif
