/* How the scores of a class's parts lie, by label. */
#ifndef CLI_REPORT_DISTRIBUTION_H
#define CLI_REPORT_DISTRIBUTION_H

#include <stdio.h>

#include "cli/report/results.h"

/* A figure with a row for each label: a dot a part or, where they would not fit, bars of how many;
 * and a line at the threshold, where it is no NaN. The class has parts. */
void distribution_write(FILE *file, const struct results *results, size_t class_index,
                        double threshold);

#endif
