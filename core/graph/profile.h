/* One profiled run, summed by kind of op. */
#ifndef GRAPH_PROFILE_H
#define GRAPH_PROFILE_H

#include "core/graph/executor.h"

/* Runs once with a clock around every node and calls `visit` for each kind of op, most time first.
 * */
mvad_status profile_run(struct executor *executor,
                        void (*visit)(const mvad_op_time *row, void *user), void *user,
                        mvad_error *error);

#endif
