/* `mvad-bench compare`: the same work on every device, and beside PyTorch's. */
#ifndef BENCH_COMPARE_H
#define BENCH_COMPARE_H

#include <stdbool.h>

#include "bench/table.h"
#include "cli/common/command.h"

enum compare_column {
    COMPARE_WORK,
    COMPARE_WHERE,
    COMPARE_SECONDS,
    COMPARE_LOW,
    COMPARE_HIGH,
    COMPARE_TIMES, /* as long as on the first device */
    COMPARE_RATE,
    COMPARE_GEMM,
    COMPARE_SHARE,
    COMPARE_COPY,
    COMPARE_DEVICE_MEMORY,
    COMPARE_HOST_MEMORY,
    COMPARE_REMARK,
    COMPARE_COLUMNS
};

int verb_compare(const char *program, const struct command *command, int argc, char **argv);

/* What compare_torch.py wrote: read, and found to be of this configuration and batch. *json is to be deleted.
 * OPTIONS_READ, or an exit code after a message that names the file. compare_torch.c */
int compare_torch_read(const struct caller *caller, const char *path, const mvad_config *config,
                       int batch, cJSON **json);

/* Its row of that work ("forward", "training") at the end of the table, where it was measured; `macs` a step. False:
 * out of memory. */
bool compare_torch_row(const cJSON *json, const char *work, double macs, struct table *table);

#endif
