/* What the files of `mvad train` share. */
#ifndef CLI_TRAIN_H
#define CLI_TRAIN_H

#include "cli/common/config_options.h"

enum teacher_norm { TEACHER_NORM_FILE, TEACHER_NORM_DATA };

struct train_options {
    struct text_option data, variant, classes, cache, out, setting, teacher, norm;
    struct text_option rate, dropout, drop_path, seed, holdout, precision;
    struct number_option epochs, batch, checkpoint, evaluate;
    int recompute, resume, skip_bad;
    struct config_options config;
    struct device_options device;
};

/* One run: its settings, and what a terminal shows of it. */
struct training {
    const struct caller *caller;
    const struct train_options *options;
    const char *folder;     /* of this run */
    const char *class_name; /* of a single-class run; NULL: all classes */
    size_t number, count;   /* this run among the single-class runs, from 1 */
    mvad_train_options run;
    enum teacher_norm norm;
    double holdout; /* share of each class's good parts that is not trained on */
    bool resume;
    bool check_only; /* the data is opened to be checked, not to be trained on */
    mvad_dataset *dataset;
    mvad_model *model;
    mvad_device *device;
    mvad_train_progress last; /* step 0 before the first one */
    bool terminal;            /* progress is one line, rewritten in place */
    bool line_open;           /* the terminal's cursor is in that line */
    bool quiet;               /* problems of the data have been reported already */
    size_t fatal, warnings;   /* problems of the data */
    double shown;             /* seconds: when progress was printed last */
};

/* Opens the data set of the run and checks its files. OPTIONS_READ, or an exit code after messages,
 * also where samples cannot be used and --skip-bad is not given. */
int train_open_data(struct training *t, int32_t image_size);

/* Creates the model with its teacher, or takes both from the run to be resumed. */
int train_resume_model(struct training *t);
int train_create_model(struct training *t, const mvad_config *asked);

/* Whether the folder is free for a new run, or has one to resume. */
int train_check_folder(const struct training *t);

/* Runs it to its end. EXIT_DONE, or an exit code after a message: EXIT_INTERRUPTED after a signal. */
int train_run(struct training *t);

/* Leaves the progress line, so that a message gets a line of its own. */
void train_close_line(struct training *t);

#endif
