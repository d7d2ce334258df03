#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/common/interrupt.h"
#include "cli/common/json.h"
#include "cli/common/options.h"
#include "cli/verbs.h"

#define IMAGES_BETWEEN_SHOWS 16

/* What the checks report to. */
struct findings {
    cJSON *list; /* NULL: printed as they come */
    size_t warnings;
    bool terminal; /* progress is shown */
    bool line_open;
};

static void take_problem(const mvad_dataset_problem *problem, void *user)
{
    struct findings *findings = user;
    findings->warnings += !problem->fatal;
    if (!findings->list) {
        printf("%s: %s: %s\n", problem->fatal ? "problem" : "warning", problem->kind, problem->text);
        return;
    }
    cJSON *item = cJSON_CreateObject();
    cJSON_AddStringToObject(item, "kind", problem->kind);
    cJSON_AddBoolToObject(item, "fatal", problem->fatal);
    cJSON_AddStringToObject(item, "text", problem->text);
    cJSON_AddItemToArray(findings->list, item);
}

static int32_t show_progress(size_t done, size_t total, void *user)
{
    struct findings *findings = user;
    if (findings->terminal && (done % IMAGES_BETWEEN_SHOWS == 0 || done == total)) {
        fprintf(stderr, "\rchecking images: %zu of %zu%s", done, total, done == total ? "\n" : "");
        findings->line_open = done < total;
    }
    return interrupt_came();
}

static void print_classes(const mvad_dataset *dataset)
{
    printf("%-20s %8s %8s %10s %8s %15s\n", "class", "train", "test", "anomalous", "views",
           "anomalous views");
    for (size_t i = 0; i < mvad_dataset_class_count(dataset); i++) {
        mvad_dataset_class c;
        if (mvad_dataset_class_at(dataset, i, &c, NULL)) continue;
        printf("%-20s %8" PRIu64 " %8" PRIu64 " %10" PRIu64 " %8" PRIu64 " %15" PRIu64 "\n", c.name,
               c.train_samples, c.test_samples, c.anomalous_samples, c.views, c.anomalous_views);
    }
}

static cJSON *json_classes(const mvad_dataset *dataset)
{
    cJSON *list = cJSON_CreateArray();
    for (size_t i = 0; i < mvad_dataset_class_count(dataset); i++) {
        mvad_dataset_class c;
        if (mvad_dataset_class_at(dataset, i, &c, NULL)) continue;
        cJSON *item = cJSON_CreateObject();
        cJSON_AddStringToObject(item, "name", c.name);
        cJSON_AddNumberToObject(item, "train_samples", (double)c.train_samples);
        cJSON_AddNumberToObject(item, "test_samples", (double)c.test_samples);
        cJSON_AddNumberToObject(item, "anomalous_samples", (double)c.anomalous_samples);
        cJSON_AddNumberToObject(item, "views", (double)c.views);
        cJSON_AddNumberToObject(item, "anomalous_views", (double)c.anomalous_views);
        cJSON_AddItemToArray(list, item);
    }
    return list;
}

/* Prints what was found. A data set with a sample that cannot be used is EXIT_UNREADABLE. */
static int check(const struct caller *caller, mvad_dataset *dataset, int threads, bool json)
{
    struct findings findings = {.list = json ? cJSON_CreateArray() : NULL,
                                .terminal = isatty(STDERR_FILENO)};
    mvad_dataset_check_options options = mvad_dataset_check_options_default();
    options.threads = threads;
    options.problem = take_problem;
    options.progress = show_progress;
    options.user = &findings;
    size_t fatal = 0;
    mvad_error error;
    interrupt_catch();
    const mvad_status status = mvad_dataset_check(dataset, &options, &fatal, &error);
    if (findings.line_open) fputc('\n', stderr);
    int code = EXIT_DONE;
    if (status)
        code = command_error(caller, &error);
    else if (interrupt_came())
        code = command_fail(caller, EXIT_INTERRUPTED, "stopped before all images were checked");
    if (code != EXIT_DONE) {
        cJSON_Delete(findings.list);
        return code;
    }
    if (json) {
        cJSON *result = cJSON_CreateObject();
        cJSON_AddStringToObject(result, "kind", mvad_dataset_kind(dataset));
        cJSON_AddItemToObject(result, "classes", json_classes(dataset));
        cJSON_AddItemToObject(result, "problems", findings.list);
        code = json_print(caller, result);
    } else {
        print_classes(dataset);
        printf("%s, %zu problems, %zu warnings\n", mvad_dataset_kind(dataset), fatal,
               findings.warnings);
    }
    return code == EXIT_DONE && fatal ? EXIT_UNREADABLE : code;
}

int verb_data(const char *program, const struct command *command, int argc, char **argv)
{
    const struct caller caller = {program, command};
    struct text_option data = {0}, variant = {0}, classes = {0};
    struct number_option threads = {0};
    struct argument_list work = {0};
    int json = 0;
    struct poptOption table[] = {
        {"data", 0, POPT_ARG_STRING, &data, 0, "Data set: a folder or a manifest", "PATH"},
        {"variant", 0, POPT_ARG_STRING, &variant, 0, "Real-IAD's JSON files: sv, fuiad_0.1, ..",
         "NAME"},
        {"classes", 0, POPT_ARG_STRING, &classes, 0, "Only these, separated by commas", "LIST"},
        {"threads", 0, POPT_ARG_INT, &threads, 0, "Threads, 0 for one a core", "N"},
        {"json", 0, POPT_ARG_NONE, &json, 0, "Print JSON", NULL},
        OPTION_ARGUMENTS(&work, "check [OPTION...]"),
        OPTION_HELP,
        POPT_TABLEEND};
    int code = options_parse(&caller, table, argc, argv);
    mvad_dataset *dataset = NULL;
    mvad_dataset_options options = mvad_dataset_options_default();
    mvad_error error;
    options.variant = variant.value;
    options.classes = classes.value;
    if (code == OPTIONS_READ && !work.count)
        code =
            command_fail(&caller, EXIT_USAGE, "data: say what to do: mvad data check --data PATH");
    for (size_t i = 0; i < work.count && code == OPTIONS_READ; i++)
        if (i || strcmp(work.values[i], "check") != 0)
            code =
                command_fail(&caller, EXIT_USAGE, "data: '%s'; known: check, once", work.values[i]);
    if (code == OPTIONS_READ && (!data.value || !*data.value))
        code = command_fail(&caller, EXIT_USAGE, "data check: --data is missing");
    if (code == OPTIONS_READ && (threads.value < 0 || threads.value > 1024))
        code = command_fail(&caller, EXIT_USAGE, "--threads is %d; it must be 0 to 1024",
                            threads.value);
    if (code == OPTIONS_READ && mvad_dataset_open(data.value, &options, &dataset, &error))
        code = command_error(&caller, &error);
    if (code == OPTIONS_READ) code = check(&caller, dataset, threads.value, json);
    mvad_dataset_close(dataset);
    options_free(table);
    return code;
}
