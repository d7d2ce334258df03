/* The outputs of a session, gathered over its runs and written as one tensor file: teacher.{0,1,2}
 * and student.{0,1,2} (images, C, H, W), anomaly_map_raw and anomaly_map (images, S, S),
 * image_score (images), sample_score (samples). */
#ifndef CLI_DUMP_H
#define CLI_DUMP_H

#include "mvad.h"

struct dump;

/* For `samples` samples in all; they are held in memory until they are saved. */
mvad_status dump_create(size_t samples, struct dump **dump, mvad_error *error);

/* Takes the outputs of the session's last run, whose first sample is number `first`. */
mvad_status dump_take(struct dump *dump, mvad_session *session, size_t first, mvad_error *error);

/* Writes the file and gives the memory back as it goes; the dump is empty afterwards. */
mvad_status dump_save(struct dump *dump, const char *path, mvad_error *error);

void dump_destroy(struct dump *dump);

#endif
