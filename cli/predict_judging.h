/* What all ways of judging parts from photographs share: model, device, outputs, counts.
 *
 *     struct judging j = {.caller = caller, .options = options};
 *     int code = judging_begin(&j);
 *     if (code == OPTIONS_READ) code = judging_open_outputs(&j, false);
 *     if (code == OPTIONS_READ) ... mvad_predict with j.predict ...
 *     if (code == OPTIONS_READ) code = judging_verdict(&j);
 *     code = judging_end(&j, code);
 */
#ifndef CLI_PREDICT_JUDGING_H
#define CLI_PREDICT_JUDGING_H

#include <sys/types.h>

#include "cli/predict.h"

struct judging {
    const struct caller *caller;
    const struct predict_options *options;
    struct part_context context;
    mvad_model *model;
    mvad_device *device;
    mvad_predict_options predict; /* its `user` is the judging */
    float threshold;              /* of all parts, unless there is a calibration */
    float low; /* end of the colours of heat maps; their middle is the threshold */
    mvad_picture_options picture;
    mvad_file_names *names; /* of the heat maps */
    FILE *jsonl;            /* NULL without */
    off_t whole_lines;      /* bytes of jsonl that are; -1 where it is no file */
    double begin;
    size_t parts, counts[MVAD_VERDICT_COUNT];
    int code; /* OPTIONS_READ until something could not be written */
};

/* Checks the options, opens device and model. OPTIONS_READ, or an exit code after a message, as below. */
int judging_begin(struct judging *j);

/* Before anything is judged: what cannot be written is to be known at once. With `append` a file of JSON
 * lines is added to, not emptied. */
int judging_open_outputs(struct judging *j, bool append);

/* Writes what a part came to, a callback of mvad_predict_options: j.predict has it. */
int32_t judging_take_part(const mvad_part_result *part, void *user);

/* Says on standard error how many parts got which verdict. The exit code they make. */
int judging_verdict(const struct judging *j);

/* Forgets the names of heat maps: the next ones replace files of the same name. */
int judging_forget_names(struct judging *j);

/* Closes everything. Returns `code`, or EXIT_FAILED where a line could not be written after all. */
int judging_end(struct judging *j, int code);

#endif
