/* All that a report tells, gathered before a byte of it is written. */
#ifndef CLI_REPORT_REPORT_H
#define CLI_REPORT_REPORT_H

#include "cli/report/examples.h"
#include "cli/report/training_log.h"

struct report {
    const struct caller *caller;
    const char *model_path, *data_path, *results_path;
    const char *log_path; /* NULL: no training log */
    const mvad_model *model;
    const mvad_dataset *dataset;
    bool chosen_classes; /* only classes of the data set have a section */
    struct results results;
    struct training_log log;
    double threshold;       /* the highest of the classes'; NaN: there is none, and no verdict */
    double *thresholds;     /* by class of the results; NaN: no verdict on its parts; owned */
    mvad_score_scale scale; /* of the heat maps */
    bool own_scale;         /* it is the model's */
    size_t differing;       /* examples whose scores are not the results' */
    struct examples examples;
};

/* Has the class, a row of the results' table, a section of its own? It is one of those asked
 * for, and the results list parts of it. */
bool report_shows_class(const struct report *report, size_t class_index);

/* Whether all classes have the same. */
bool report_has_one_threshold(const struct report *report);

/* How many labelled parts the thresholds judge, and how many wrongly: of a class, and of all that
 * have a section. Where there is none no part is wrong. */
struct report_verdicts {
    size_t normal, false_alarms, anomalous, missed;
};
struct report_verdicts report_count_verdicts(const struct report *report, size_t class_index);
struct report_verdicts report_count_all_verdicts(const struct report *report);

/* Writes the page. OPTIONS_READ, or an exit code after a message. */
int document_write(const struct report *report, FILE *file);

/* Its parts, one after the other: the table of metrics; the class's section, which has parts, false
 * where its pictures cannot be read back; and what model and training are. */
void document_metrics(const struct report *report, FILE *file);
bool document_class(const struct report *report, size_t class_index, FILE *file);
void document_facts(const struct report *report, FILE *file);

/* "12.3 %", "-" where undefined. */
const char *document_percent(double share, char text[16]);

#endif
