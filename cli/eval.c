#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/common/config_options.h"
#include "cli/metrics_table.h"
#include "cli/result_file.h"
#include "cli/verbs.h"

#define MAX_BATCH 4096
#define MAX_RESULT_BYTES (64l << 20)

struct eval_options {
    struct text_option model, data, variant, classes, json, csv, markdown, maps;
    struct text_option combine;
    const char *combine_second; /* the argument after --combine's own */
    struct number_option batch;
    int strips, skip_bad;
    struct config_options config;
    struct device_options device;
};

/* A terminal's line of progress. */
struct progress {
    bool shown;
    double begin;
};

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static int32_t show_progress(size_t done, size_t total, void *user)
{
    const struct progress *progress = user;
    if (!progress->shown) return 0;
    double left = (now() - progress->begin) / (double)done * (double)(total - done);
    fprintf(stderr, "\rscored %zu of %zu samples, %.0f s left   ", done, total, left);
    if (done == total) fputc('\n', stderr);
    return 0;
}

/* Deletes `json`. */
static int write_json(const struct caller *caller, const char *path, cJSON *json)
{
    struct result_file file;
    char *text = json ? cJSON_Print(json) : NULL;
    int code = EXIT_FAILED;
    cJSON_Delete(json);
    if (!text) return command_fail(caller, EXIT_FAILED, "out of memory");
    if ((code = result_file_begin(caller, path, &file)) == EXIT_DONE) {
        fprintf(file.stream, "%s\n", text);
        code = result_file_end(caller, &file);
    }
    cJSON_free(text);
    return code;
}

static int write_table(const struct caller *caller, const char *path,
                       const struct metrics_table *table,
                       void (*print)(const struct metrics_table *table, FILE *file))
{
    struct result_file file;
    int code = result_file_begin(caller, path, &file);
    if (code != EXIT_DONE) return code;
    print(table, file.stream);
    return result_file_end(caller, &file);
}

/* The table on standard output, then the files asked for: each is tried, whatever became of the
 * others. `json` is deleted. */
static int give_results(const struct caller *caller, const struct eval_options *options,
                        const struct metrics_table *table, cJSON *json)
{
    int code = EXIT_DONE, csv = EXIT_DONE, markdown = EXIT_DONE;
    metrics_table_warn(table, caller);
    metrics_table_print(table, stdout);
    metrics_table_to_json(table, json);
    if (options->json.value)
        code = write_json(caller, options->json.value, json);
    else
        cJSON_Delete(json);
    if (options->csv.value) csv = write_table(caller, options->csv.value, table, metrics_table_csv);
    if (options->markdown.value)
        markdown = write_table(caller, options->markdown.value, table, metrics_table_markdown);
    return code ? code : csv ? csv : markdown;
}

static int check_results(const struct caller *caller, const struct eval_options *options)
{
    const char *const paths[] = {options->json.value, options->csv.value, options->markdown.value};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        if (paths[i] && result_file_check(caller, paths[i])) return EXIT_FAILED;
    return OPTIONS_READ;
}

static void name_skipped(const mvad_dataset_problem *problem, void *user)
{
    if (problem->fatal)
        command_fail(user, EXIT_DONE, "skipped: %s: %s", problem->kind, problem->text);
}

static int open_dataset(const struct caller *caller, const struct eval_options *options,
                        int32_t image_size, mvad_dataset **dataset)
{
    mvad_dataset_options open = mvad_dataset_options_default();
    mvad_error error;
    open.variant = options->variant.value;
    open.classes = options->classes.value;
    open.image_size = image_size;
    if (mvad_dataset_open(options->data.value, &open, dataset, &error))
        return command_error(caller, &error);
    if (!options->skip_bad) return OPTIONS_READ;
    mvad_dataset_check_options check = mvad_dataset_check_options_default();
    size_t fatal;
    check.threads = options->device.threads.value;
    check.remove = 1;
    check.problem = name_skipped;
    check.user = (void *)(uintptr_t)caller;
    if (mvad_dataset_check(*dataset, &check, &fatal, &error)) return command_error(caller, &error);
    return OPTIONS_READ;
}

/* A map that cannot be written is no fault of the data, which the status alone does not tell. */
static int report_error(const struct caller *caller, const struct eval_options *options,
                        const mvad_error *error)
{
    if (options->maps.value && error->status == MVAD_ERROR_IO && strstr(error->message, ".npy: "))
        return command_fail(caller, EXIT_FAILED, "%s", error->message);
    return command_error(caller, error);
}

static int run(const struct caller *caller, const struct eval_options *options,
               const mvad_model *model, mvad_device *device, const mvad_dataset *dataset)
{
    struct metrics_table table = {0};
    struct progress progress = {.shown = isatty(STDERR_FILENO), .begin = now()};
    mvad_evaluate_options evaluate = mvad_evaluate_options_default();
    mvad_error error;
    evaluate.session.samples = options->batch.value;
    evaluate.strips = options->strips;
    evaluate.maps = options->maps.value;
    evaluate.progress = show_progress;
    evaluate.user = &progress;
    if (evaluate.maps && mkdir(evaluate.maps, 0777) && errno != EEXIST)
        return command_fail(caller, EXIT_FAILED, "%s: cannot make this folder: %s", evaluate.maps,
                            strerror(errno));
    if (mvad_evaluate(model, device, dataset, &evaluate, metrics_table_add, &table, &error)) {
        if (progress.shown) fputc('\n', stderr);
        return report_error(caller, options, &error);
    }
    int code;
    if (table.out_of_memory) {
        code = command_fail(caller, EXIT_FAILED, "out of memory");
    } else {
        cJSON *json = cJSON_CreateObject();
        cJSON_AddStringToObject(json, "version", mvad_version());
        cJSON_AddStringToObject(json, "model", options->model.value);
        cJSON_AddStringToObject(json, "data", options->data.value);
        cJSON_AddBoolToObject(json, "strips", options->strips);
        cJSON_AddNumberToObject(json, "seconds", now() - progress.begin);
        code = give_results(caller, options, &table, json);
    }
    metrics_table_free(&table);
    return code;
}

static int eval(const struct caller *caller, const struct eval_options *options)
{
    mvad_model *model = NULL;
    mvad_device *device = NULL;
    mvad_dataset *dataset = NULL;
    int32_t views;
    int code = options_required(caller, "model", &options->model);
    if (code == OPTIONS_READ) code = options_required(caller, "data", &options->data);
    if (code == OPTIONS_READ)
        code = options_count(caller, "batch", options->batch.value, MAX_BATCH);
    if (code == OPTIONS_READ) code = check_results(caller, options);
    if (code == OPTIONS_READ) code = device_options_open(caller, &options->device, &device);
    if (code == OPTIONS_READ)
        code = config_options_load(caller, &options->config, options->model.value, &model, &views);
    if (code == OPTIONS_READ)
        code = open_dataset(caller, options, mvad_model_config(model).image_size, &dataset);
    if (code == OPTIONS_READ) code = run(caller, options, model, device, dataset);
    mvad_dataset_close(dataset);
    mvad_model_destroy(model);
    mvad_device_close(device);
    return code;
}

static int unreadable(const struct caller *caller, const char *path, const char *why)
{
    return command_fail(caller, EXIT_UNREADABLE, "%s: %s", path, why);
}

/* Reads a file that --json wrote. *strips: how its pixels were measured. */
static int read_result(const struct caller *caller, const char *path, struct metrics_table *table,
                       bool *strips)
{
    FILE *file = fopen(path, "rb");
    if (!file) return unreadable(caller, path, strerror(errno));
    long size = fseek(file, 0, SEEK_END) ? -1 : ftell(file);
    rewind(file);
    char *text = size >= 0 && size <= MAX_RESULT_BYTES ? malloc((size_t)size + 1) : NULL;
    bool complete = text && fread(text, 1, (size_t)size, file) == (size_t)size;
    fclose(file);
    cJSON *json = complete ? cJSON_ParseWithLength(text, (size_t)size) : NULL;
    const char *fault = !complete ? "cannot be read" : !json ? "is not JSON" : NULL;
    if (!fault) fault = metrics_table_from_json(json, table);
    *strips = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, "strips"));
    cJSON_Delete(json);
    free(text);
    if (fault) return command_fail(caller, EXIT_UNREADABLE, "%s: %s", path, fault);
    if (table->out_of_memory) return command_fail(caller, EXIT_FAILED, "out of memory");
    return OPTIONS_READ;
}

/* Each class of `a` is in `b`; where they differ in what was tested, that is worth a warning. */
static int check_classes(const struct caller *caller, const struct metrics_table *a,
                         const struct metrics_table *b, const char *a_path, const char *b_path)
{
    for (size_t i = 0; i + 1 < a->count; i++) {
        const mvad_metrics_row *other = metrics_table_find(b, a->rows[i].name);
        if (!other)
            return command_fail(caller, EXIT_UNREADABLE, "%s: has no class %s, which %s has",
                                b_path, a->rows[i].name, a_path);
        if (other->samples != a->rows[i].samples || other->views != a->rows[i].views)
            command_fail(caller, EXIT_DONE,
                         "warning: class %s: %s and %s were not made from the same samples",
                         a->rows[i].name, a_path, b_path);
    }
    return OPTIONS_READ;
}

static int combine(const struct caller *caller, const struct eval_options *options)
{
    const char *const paths[] = {options->combine.value, options->combine_second};
    struct metrics_table tables[2] = {{0}}, mean = {0};
    bool strips[2] = {false, false};
    int code = check_results(caller, options);
    for (int i = 0; i < 2 && code == OPTIONS_READ; i++)
        code = read_result(caller, paths[i], &tables[i], &strips[i]);
    if (code == OPTIONS_READ && strips[0] != strips[1])
        code = command_fail(caller, EXIT_UNREADABLE,
                            "%s and %s: one was made with --strips, the other without", paths[0],
                            paths[1]);
    if (code == OPTIONS_READ)
        code = check_classes(caller, &tables[0], &tables[1], paths[0], paths[1]);
    if (code == OPTIONS_READ && tables[0].count != tables[1].count)
        code = check_classes(caller, &tables[1], &tables[0], paths[1], paths[0]);
    if (code == OPTIONS_READ) {
        metrics_table_combine(&tables[0], &tables[1], &mean);
        cJSON *json = cJSON_CreateObject();
        cJSON_AddStringToObject(json, "version", mvad_version());
        cJSON_AddItemToObject(json, "combined", cJSON_CreateStringArray(paths, 2));
        cJSON_AddBoolToObject(json, "strips", strips[0]);
        code = mean.out_of_memory ? command_fail(caller, EXIT_FAILED, "out of memory")
                                  : give_results(caller, options, &mean, json);
    }
    metrics_table_free(&tables[0]);
    metrics_table_free(&tables[1]);
    metrics_table_free(&mean);
    return code;
}

/* --combine has two arguments, of which popt takes the first: takes the second out of argv. */
static int take_second(const struct caller *caller, int *argc, char **argv, const char **second)
{
    for (int i = 1; i < *argc; i++) {
        if (strncmp(argv[i], "--combine", 9) || (argv[i][9] && argv[i][9] != '=')) continue;
        int at = i + (argv[i][9] ? 1 : 2);
        if (at >= *argc || argv[at][0] == '-')
            return command_fail(caller, EXIT_USAGE, "--combine takes two result files");
        *second = argv[at];
        memmove(&argv[at], &argv[at + 1], (size_t)(*argc - at) * sizeof *argv);
        --*argc;
        return OPTIONS_READ;
    }
    return OPTIONS_READ;
}

int verb_eval(const char *program, const struct command *command, int argc, char **argv)
{
    const struct caller caller = {program, command};
    struct eval_options o = {.batch = {.value = 1}};
    config_options_init(&o.config);
    device_options_init(&o.device);
    struct poptOption table[] = {
        {"model", 'm', POPT_ARG_STRING, &o.model, 0, "Model file (required)", "FILE"},
        {"data", 0, POPT_ARG_STRING, &o.data, 0, "Data set: a folder or a manifest (required)",
         "PATH"},
        {"variant", 0, POPT_ARG_STRING, &o.variant, 0, "Real-IAD's JSON files: sv, fuiad_0.1, ..",
         "NAME"},
        {"classes", 0, POPT_ARG_STRING, &o.classes, 0, "Only these, separated by commas", "LIST"},
        {"json", 0, POPT_ARG_STRING, &o.json, 0, "JSON file to write", "FILE"},
        {"csv", 0, POPT_ARG_STRING, &o.csv, 0, "CSV file to write", "FILE"},
        {"markdown", 0, POPT_ARG_STRING, &o.markdown, 0, "Markdown file to write", "FILE"},
        {"maps", 0, POPT_ARG_STRING, &o.maps, 0,
         "Folder for the anomaly maps, one .npy a sample: float32 (views, S, S)", "DIR"},
        {"strips", 0, POPT_ARG_NONE, &o.strips, 0,
         "Pixel metrics from 50 equal score strips, an approximation, as the paper's code has them",
         NULL},
        {"skip-bad", 0, POPT_ARG_NONE, &o.skip_bad, 0,
         "Check all files first and leave out samples with problems", NULL},
        {"batch", 'b', POPT_ARG_INT | POPT_ARGFLAG_SHOW_DEFAULT, &o.batch, 0,
         "Samples a run: more take more memory", "B"},
        {"combine", 0, POPT_ARG_STRING, &o.combine, 0,
         "Instead: the mean of two result files, class by class (the paper's cross-setting)",
         "A.json B.json"},
        OPTION_HELP,
        OPTION_GROUP(o.config.table,
                     "Model (for what the file does not say; samples have the views they have):"),
        OPTION_GROUP(o.device.table, "Device:"),
        POPT_TABLEEND};
    int code = take_second(&caller, &argc, argv, &o.combine_second);
    if (code == OPTIONS_READ) code = options_parse(&caller, table, argc, argv);
    if (code == OPTIONS_READ && o.combine.value && (o.model.value || o.data.value))
        code = command_fail(&caller, EXIT_USAGE,
                            "--combine takes results; it goes with neither --model nor --data");
    if (code == OPTIONS_READ) code = o.combine.value ? combine(&caller, &o) : eval(&caller, &o);
    options_free(table);
    return code;
}
