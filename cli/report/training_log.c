#include "cli/report/training_log.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/common/options.h"

enum { MAX_LINE = 65536 };

enum taken { TAKEN, BAD, NO_MEMORY };

/* A finite number, or NaN. */
static double number(const cJSON *json, const char *key)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(json, key);
    return cJSON_IsNumber(value) && isfinite(value->valuedouble) ? value->valuedouble : NAN;
}

/* `items` with room for one more than `count`; NULL, and `items` as it was, out of memory. */
static void *grow(void *items, size_t count, size_t *room, size_t size)
{
    if (count < *room) return items;
    const size_t larger = *room ? 2 * *room : 1024;
    void *grown = realloc(items, larger * size);
    if (grown) *room = larger;
    return grown;
}

static enum taken take_step(const cJSON *json, struct training_log *log)
{
    const double step = number(json, "step"), loss = number(json, "loss");
    const double rate = number(json, "learning_rate"), memory = number(json, "memory_bytes");
    if (!(step >= 0 && step <= 0x1p53) || isnan(loss) || isnan(rate)) return BAD;
    while (log->step_count && log->steps[log->step_count - 1].step >= (int64_t)step)
        log->step_count--;
    struct log_step *steps = grow(log->steps, log->step_count, &log->step_room, sizeof *steps);
    if (!steps) return NO_MEMORY;
    log->steps = steps;
    log->steps[log->step_count++] = (struct log_step){(int64_t)step, (float)loss, (float)rate};
    log->epochs = number(json, "epoch");
    log->samples_per_second = number(json, "samples_per_second");
    log->data_wait_share = number(json, "data_wait_share");
    log->memory_bytes = fmax(log->memory_bytes, memory); /* a NaN gives way */
    return TAKEN;
}

static enum taken take_evaluation(const cJSON *json, struct training_log *log)
{
    const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "class"));
    const double epoch = number(json, "epoch");
    if (!name || isnan(epoch)) return BAD;
    if (strcmp(name, "mean")) return TAKEN;
    while (log->evaluation_count && log->evaluations[log->evaluation_count - 1].epoch >= epoch)
        log->evaluation_count--;
    struct log_evaluation *evaluations =
        grow(log->evaluations, log->evaluation_count, &log->evaluation_room, sizeof *evaluations);
    if (!evaluations) return NO_MEMORY;
    log->evaluations = evaluations;
    log->evaluations[log->evaluation_count++] = (struct log_evaluation){
        epoch, (float)number(json, "sample_auroc"), (float)number(json, "image_auroc"),
        (float)number(json, "pixel_aupro")};
    return TAKEN;
}

static enum taken take_line(const char *line, struct training_log *log,
                            enum taken (*take)(const cJSON *json, struct training_log *log))
{
    cJSON *json = cJSON_ParseWithOpts(line, NULL, 1);
    const enum taken taken = json ? take(json, log) : BAD;
    cJSON_Delete(json);
    return taken;
}

/* Reads the rest of a line that is longer than a buffer. */
static void skip_line(FILE *file)
{
    int c;
    while ((c = getc(file)) != EOF && c != '\n') {}
}

static int read_lines(const struct caller *caller, const char *path, FILE *file,
                      struct training_log *log,
                      enum taken (*take)(const cJSON *json, struct training_log *log))
{
    char *line = malloc(MAX_LINE);
    size_t lines = 0, bad = 0, first_bad = 0;
    enum taken taken = line ? TAKEN : NO_MEMORY;
    while (taken != NO_MEMORY && fgets(line, MAX_LINE, file)) {
        lines++;
        taken = BAD;
        if (strlen(line) + 1 == MAX_LINE && line[MAX_LINE - 2] != '\n')
            skip_line(file);
        else
            taken = take_line(line, log, take);
        if (taken != BAD) continue;
        if (!bad++) first_bad = lines;
    }
    free(line);
    if (taken == NO_MEMORY) return command_fail(caller, EXIT_FAILED, "out of memory");
    if (ferror(file))
        return command_fail(caller, EXIT_UNREADABLE, "%s: cannot be read: %s", path,
                            strerror(errno));
    log->bad_lines += bad;
    if (bad == 1)
        command_fail(caller, EXIT_DONE, "warning: %s: line %zu cannot be read and is left out",
                     path, first_bad);
    if (bad > 1)
        command_fail(
            caller, EXIT_DONE,
            "warning: %s: %zu lines cannot be read and are left out, the first is line %zu", path,
            bad, first_bad);
    return OPTIONS_READ;
}

/* The path of evaluation.jsonl in the folder of `path`, to be freed. */
static char *path_beside(const char *path)
{
    static const char name[] = "evaluation.jsonl";
    const char *slash = strrchr(path, '/');
    const size_t folder = slash ? (size_t)(slash - path) + 1 : 0;
    char *beside = malloc(folder + sizeof name);
    if (!beside) return NULL;
    memcpy(beside, path, folder);
    memcpy(beside + folder, name, sizeof name);
    return beside;
}

static int read_beside(const struct caller *caller, const char *path, struct training_log *log)
{
    char *beside = path_beside(path);
    if (!beside) return command_fail(caller, EXIT_FAILED, "out of memory");
    FILE *file = fopen(beside, "rb");
    int code = OPTIONS_READ;
    if (file) {
        code = read_lines(caller, beside, file, log, take_evaluation);
        fclose(file);
    } else if (errno != ENOENT) {
        code = command_fail(caller, EXIT_UNREADABLE, "%s: %s", beside, strerror(errno));
    }
    free(beside);
    return code;
}

int training_log_read(const struct caller *caller, const char *path, struct training_log *log)
{
    *log = (struct training_log){
        .samples_per_second = NAN, .data_wait_share = NAN, .memory_bytes = NAN, .epochs = NAN};
    FILE *file = fopen(path, "rb");
    if (!file) return command_fail(caller, EXIT_UNREADABLE, "%s: %s", path, strerror(errno));
    int code = read_lines(caller, path, file, log, take_step);
    fclose(file);
    if (code == OPTIONS_READ && !log->step_count)
        code = command_fail(caller, EXIT_UNREADABLE, "%s: has no step of a training run", path);
    if (code == OPTIONS_READ) code = read_beside(caller, path, log);
    return code;
}

void training_log_free(struct training_log *log)
{
    free(log->steps);
    free(log->evaluations);
    *log = (struct training_log){0};
}
