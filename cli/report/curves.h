/* The charts of a training run. */
#ifndef CLI_REPORT_CURVES_H
#define CLI_REPORT_CURVES_H

#include <stdio.h>

#include "cli/report/training_log.h"

/* Loss and learning rate over steps, and the metrics of evaluation.jsonl over epochs where there
 * are any. However many steps there are, a chart has some hundreds of points. false: out of
 * memory. */
bool curves_write(FILE *file, const struct training_log *log);

#endif
