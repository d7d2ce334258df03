#include "core/train/runlog.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/base/file.h"

/* The step a line is of; 0 where it is none of ours. */
static int64_t line_step(const char *line, size_t length)
{
    cJSON *json = cJSON_ParseWithLength(line, length);
    const cJSON *step = cJSON_GetObjectItemCaseSensitive(json, "step");
    int64_t number = cJSON_IsNumber(step) && step->valuedouble >= 1 && step->valuedouble < 1e15
                         ? (int64_t)step->valuedouble
                         : 0;
    cJSON_Delete(json);
    return number;
}

/* Bytes of the lines up to `step`; *last is the step of the last of them. */
static size_t measure_kept(const char *text, size_t size, int64_t step, int64_t *last)
{
    size_t kept = 0;
    while (kept < size) {
        const char *end = memchr(text + kept, '\n', size - kept);
        if (!end) break;
        int64_t number = line_step(text + kept, (size_t)(end - (text + kept)));
        if (number < 1 || number > step) break;
        kept = (size_t)(end - text) + 1;
        *last = number;
    }
    return kept;
}

mvad_status runlog_open(const char *path, int64_t step, struct runlog *log, mvad_error *error)
{
    size_t kept = 0;
    *log = (struct runlog){.file = -1, .path = path};
    if (step > 0 && access(path, F_OK) == 0) {
        struct file_mapping mapping;
        mvad_status status = file_map(path, SIZE_MAX, &mapping, error);
        if (status) return status;
        kept = measure_kept((const char *)mapping.data, mapping.size, step, &log->last_step);
        file_unmap(&mapping);
    }
    log->file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (log->file < 0) return file_error(path, "cannot open", error);
    if (ftruncate(log->file, (off_t)kept)) {
        mvad_status status = file_error(path, "cannot cut off", error);
        runlog_close(log);
        return status;
    }
    return MVAD_OK;
}

/* Resident memory of the process in bytes; 0 where it is not known. */
static double memory_in_use(void)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file) return 0;
    if (fscanf(file, "%*u %lu", &pages) != 1) pages = 0;
    fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

/* Appends the object as a line and deletes it; NULL and incomplete ones are for want of memory. */
static mvad_status append(struct runlog *log, cJSON *json, bool complete, mvad_error *error)
{
    char *line = json && complete ? cJSON_PrintUnformatted(json) : NULL;
    cJSON_Delete(json);
    if (!line) return error_out_of_memory(error, "log line", 256);
    size_t length = strlen(line);
    line[length++] = '\n'; /* the place of the terminating zero: a line is written by its length */
    mvad_status status = MVAD_OK;
    for (size_t done = 0; done < length && !status;) {
        ssize_t written = write(log->file, line + done, length - done);
        if (written > 0)
            done += (size_t)written;
        else if (written == 0 || errno != EINTR)
            status = file_error(log->path, "cannot write", error);
    }
    cJSON_free(line);
    return status;
}

mvad_status runlog_add(struct runlog *log, const mvad_train_progress *progress, mvad_error *error)
{
    const struct {
        const char *name;
        double value;
    } fields[] = {
        {"step", (double)progress->step},
        {"epoch", progress->epoch},
        {"loss", progress->loss},
        {"learning_rate", progress->learning_rate},
        {"gradient_norm", progress->gradient_norm},
        {"samples_per_second", progress->samples_per_second},
        {"data_wait_share", progress->data_wait_share},
        {"memory_bytes", memory_in_use()},
    };
    cJSON *json = cJSON_CreateObject();
    bool complete = true;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (!cJSON_AddNumberToObject(json, fields[i].name, fields[i].value)) complete = false;
    return append(log, json, complete, error);
}

mvad_status runlog_add_metrics(struct runlog *log, int64_t step, int32_t epoch,
                               const mvad_metrics_row *row, mvad_error *error)
{
    cJSON *json = cJSON_CreateObject();
    bool complete = cJSON_AddNumberToObject(json, "step", (double)step) &&
                    cJSON_AddNumberToObject(json, "epoch", epoch) &&
                    cJSON_AddStringToObject(json, "class", row->name);
    for (int m = 0; m < MVAD_METRIC_COUNT && complete; m++) {
        /* cJSON writes a NaN as null. */
        const char *key = mvad_metric_key((mvad_metric)m);
        complete = cJSON_AddNumberToObject(json, key, row->value[m]) != NULL;
    }
    return append(log, json, complete, error);
}

mvad_status runlog_sync(struct runlog *log, mvad_error *error)
{
    while (fsync(log->file))
        if (errno != EINTR) return file_error(log->path, "cannot write", error);
    return MVAD_OK;
}

void runlog_close(struct runlog *log)
{
    if (log->file >= 0) close(log->file);
    log->file = -1;
}
