/* `mvad-bench tables`: the paper's tables of efficiency, its numbers beside ours. */
#ifndef BENCH_TABLES_H
#define BENCH_TABLES_H

#include "cli/common/command.h"

int verb_tables(const char *program, const struct command *command, int argc, char **argv);

#endif
