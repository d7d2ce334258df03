/* The parts of a class that are shown with their pictures. */
#ifndef CLI_REPORT_EXAMPLES_H
#define CLI_REPORT_EXAMPLES_H

#include "cli/report/results.h"

/* In the order in which they are shown. */
enum example_group {
    EXAMPLE_FALSE_ALARM = 0, /* normal parts with the highest scores */
    EXAMPLE_MISSED,          /* anomalous parts with the lowest */
    EXAMPLE_CLEAREST,        /* anomalous parts with the highest */
    EXAMPLE_BEST,            /* normal parts with the lowest */
    EXAMPLE_GROUPS
};

struct example {
    size_t part; /* of the results */
    enum example_group group;
    bool drawn;
    long begin, bytes; /* of its views in the file of pictures */
};

struct examples {
    struct example *items; /* by class, then by group */
    size_t count;
    FILE *views; /* HTML of the examples' views, in a temporary file: they may be large */
};

/* Chooses up to `each` parts a group and class, none twice: where parts are few, the first two
 * groups come first. *examples is to be freed in any case. OPTIONS_READ, or an exit code after a
 * message. */
int examples_choose(const struct caller *caller, const struct results *results, int each,
                    struct examples *examples);

struct examples_options {
    double threshold; /* of the regions that are outlined; NaN: the model's */
    mvad_score_scale scale;
};

/* Judges the parts chosen and draws their views. One that cannot be judged shows why, which is a
 * warning too; one that is not in the data set stays undrawn. *differing: how many have another
 * score than the results say. OPTIONS_READ, or an exit code after a message. */
int examples_draw(const struct caller *caller, const struct results *results,
                  const mvad_model *model, mvad_device *device, const mvad_dataset *dataset,
                  const struct examples_options *options, struct examples *examples,
                  size_t *differing);

/* Copies the views of an example that was drawn. false: they cannot be read back. */
bool examples_copy(const struct examples *examples, const struct example *example, FILE *file);

void examples_free(struct examples *examples);

#endif
