/* A small data set, a small model and short runs on it, in the folder of data_images.h. */
#ifndef TESTS_TRAIN_CASE_H
#define TESTS_TRAIN_CASE_H

#include <cjson/cJSON.h>

#include "core/data/handle.h"
#include "data_images.h"

enum { SIZE = 32, VIEWS = 2, BATCH = 2, EPOCHS = 3, SAMPLES = 9, STEPS = 12 };

/* Setup and teardown of a group: the folder of data_images.h with the data set in "data", and the
 * one of make_safetensors.h. */
int train_case_make(void **state);
int train_case_remove(void **state);

/* Nine training samples of two classes, one of them with a defect, and one test sample. */
void train_write_data(const char *folder);
mvad_dataset *train_open_data(const char *folder);

mvad_model *train_make_model(uint64_t seed);
mvad_train_options train_make_options(void);

/* A run on "data" that writes to another folder of the tree; the model is made with that seed. */
mvad_status train_run(const char *folder, const mvad_train_options *given, uint64_t model_seed,
                      int32_t *finished, mvad_error *error);

/* It goes through to the end. */
void train_whole(const char *folder, const mvad_train_options *options);

/* It fails so, with this in the message. */
void train_fails(const char *folder, const mvad_train_options *options, mvad_status status,
                 const char *what);

/* The bytes of a file of a run, to be freed by the caller. */
uint8_t *train_read_file(const char *folder, const char *file, size_t *size);

/* Model and checkpoint of two runs are the same bytes. */
void assert_same_run(const char *a, const char *b);

/* The lines of a log, line i of step i + 1; there are `count`. Deleted by the caller. */
cJSON *train_read_log(const char *folder, int count);
double train_log_value(const cJSON *lines, int step, const char *name);

#endif
