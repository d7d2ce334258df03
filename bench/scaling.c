#include "bench/scaling.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/names.h"
#include "bench/progress.h"
#include "bench/step.h"
#include "bench/theory.h"
#include "cli/common/config_options.h"
#include "cli/common/interrupt.h"
#include "cli/common/json.h"

static const struct table_column columns[SCALING_COLUMNS] = {
    [SCALING_VALUE] = {"value", "value", 0},
    [SCALING_MACS] = {"gmacs", "GMACs", 2},
    [SCALING_ATTENTION] = {"attention_gmacs", "attention", 3},
    [SCALING_THEORY] = {"equation_7_gmacs", "eq. 7", 3},
    [SCALING_LEAST] = {"equation_8_gmacs", "eq. 8", 3},
    [SCALING_FULL] = {"equation_6_gmacs", "eq. 6", 2},
    [SCALING_INFERENCE] = {"inference_megabytes", "infer MB", 1},
    [SCALING_TRAINING] = {"training_megabytes", "train MB", 1},
    [SCALING_SECONDS] = {"seconds_per_sample", "s/sample", 3},
    [SCALING_LOW] = {"seconds_per_sample_min", "least", 3},
    [SCALING_HIGH] = {"seconds_per_sample_max", "most", 3},
    [SCALING_SHARE] = {"share_of_gemm_rate", "of GEMM", 2},
};

static const struct sweep sweeps[] = {
    {"windows", "windows a side", 6, {1, 2, 4, 8, 12, 16}},
    {"topk", "top-K", 7, {4, 8, 16, 32, 64, 128, 256}},
    {"views", "views", 9, {1, 2, 3, 4, 5, 6, 8, 12, 16}},
    {"size", "image size, pixels a side", 8, {128, 192, 256, 384, 512, 640, 768, 1024}},
    {"batch", "samples of a step", 6, {1, 2, 4, 8, 16, 32}},
    {"threads", "threads", 6, {1, 2, 4, 8, 16, 32}}, /* of them those that there are cores for */
};
#define SWEEPS (sizeof sweeps / sizeof *sweeps)

struct scaling {
    const struct caller *caller;
    struct step_settings step; /* batch and configuration the sweeps begin from */
    const char *only;          /* keys with commas between; NULL: all */
    int limit;                 /* GMACs of a step above which it is only counted */
    int measure, train;
    const struct device_options *device_options;
    mvad_device *device;
    int done; /* points */
};

/* The step at a value; *threads stays but in its own sweep. */
static struct step_settings settings_at(const struct scaling *s, const struct sweep *sweep,
                                        int value, int *threads)
{
    struct step_settings step = s->step;
    mvad_config *config = &step.config;
    for (int i = 0; i < MVAD_SCALES; i++) {
        if (!strcmp(sweep->key, "windows")) config->windows[i] = value;
        if (!strcmp(sweep->key, "topk")) config->topk[i] = value;
    }
    if (!strcmp(sweep->key, "views")) config->views = value;
    if (!strcmp(sweep->key, "size")) config->image_size = value;
    if (!strcmp(sweep->key, "batch")) step.batch = value;
    if (!strcmp(sweep->key, "threads")) *threads = value;
    return step;
}

static double planned_megabytes(const mvad_cost *cost)
{
    return (double)(cost->weights_bytes + cost->activations_bytes) / 1e6;
}

static mvad_status count(const struct scaling *s, const struct step_settings *step,
                         struct table_cell *cells, mvad_error *error)
{
    const mvad_config *config = &step->config;
    mvad_session_options session = mvad_session_options_default();
    mvad_trainer_options trainer = mvad_trainer_options_default();
    mvad_cost cost;
    session.samples = step->batch;
    session.precision = step->precision;
    trainer.samples = step->batch;
    trainer.recompute = step->recompute;
    mvad_status status = mvad_cost_inference(config, s->device, &session, &cost, error);
    if (status) return status;
    cells[SCALING_MACS].number = cost.macs / step->batch / 1e9;
    cells[SCALING_INFERENCE].number = planned_megabytes(&cost);
    status = mvad_cost_training(config, s->device, &trainer, &cost, error);
    if (status) return status;
    cells[SCALING_TRAINING].number = planned_megabytes(&cost);
    cells[SCALING_THEORY].number = theory_selected(config) / 1e9;
    cells[SCALING_LEAST].number = theory_least(config) / 1e9;
    cells[SCALING_FULL].number = theory_full(config) / 1e9;
    status = theory_counted(config, &cells[SCALING_ATTENTION].number, error);
    cells[SCALING_ATTENTION].number /= 1e9;
    return status;
}

static mvad_status measure(const struct scaling *s, const struct step_settings *step, int threads,
                           struct table_cell *cells, mvad_error *error)
{
    struct step_result result = {0};
    mvad_device *device = NULL;
    const double passes = step->train ? 3 : 1;
    if (cells[SCALING_MACS].number * step->batch * passes > s->limit) return MVAD_OK;
    mvad_status status = MVAD_OK;
    if (threads) status = mvad_device_open("cpu", threads, &device, error);
    if (!status) status = step_measure(step, device ? device : s->device, &result, error);
    if (!status && !result.interrupted) {
        cells[SCALING_SECONDS].number = result.time.median / step->batch;
        cells[SCALING_LOW].number = result.time.least / step->batch;
        cells[SCALING_HIGH].number = result.time.most / step->batch;
        cells[SCALING_SHARE].number =
            result.cost.macs / result.time.median / step_gemm_rate(&result);
    }
    mvad_device_close(device);
    return status;
}

static bool takes_part(const struct scaling *s, const struct sweep *sweep)
{
    if (s->only && !names_have(s->only, sweep->key)) return false;
    if (strcmp(sweep->key, "threads") != 0) return true;
    return s->measure && !strcmp(s->device_options->device.value, "cpu");
}

static int fill(struct scaling *s, const struct sweep *sweep, struct table *table)
{
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    mvad_error error;
    for (int i = 0; i < sweep->count; i++) {
        int threads = 0;
        const struct step_settings step = settings_at(s, sweep, sweep->values[i], &threads);
        if (threads > cores) break;
        struct table_cell *cells = table_add_row(table);
        if (!cells) return command_fail(s->caller, EXIT_FAILED, "out of memory");
        cells[SCALING_VALUE].number = sweep->values[i];
        if (s->measure) progress_show(sweep->title, i, sweep->count);
        if (count(s, &step, cells, &error) ||
            (s->measure && measure(s, &step, threads, cells, &error)))
            return command_error(s->caller, &error);
        if (interrupt_came()) return progress_interrupted(s->caller);
    }
    progress_clear();
    return OPTIONS_READ;
}

static int describe(const struct scaling *s, struct document *document)
{
    char text[CONFIG_TEXT];
    const mvad_config *config = &s->step.config;
    mvad_device_info info;
    mvad_error error;
    if (mvad_device_describe(s->device, &info, &error)) return command_error(s->caller, &error);
    config_text(config, config->views, text);
    document_line(document, "%s, where nothing else is said; %s", text,
                  precision_name(s->step.precision));
    document_line(document, "%s: %s, %s, %d threads; %s", info.id, info.name, info.details,
                  info.threads,
                  !s->measure ? "counted only"
                  : s->train  ? "training steps timed"
                              : "forward passes timed");
    document_line(document,
                  "attention: multiply-adds of choosing windows and attending to them, without "
                  "projections; equation 8 is least at %.1f, %.1f, %.1f windows a side",
                  theory_windows(config, 0), theory_windows(config, 1), theory_windows(config, 2));
    cJSON *json = document->json;
    cJSON_AddItemToObject(json, "config", json_config(config, config->views));
    cJSON_AddItemToObject(json, "device", json_device(&info));
    cJSON_AddStringToObject(json, "precision", precision_name(s->step.precision));
    cJSON_AddNumberToObject(json, "samples", s->step.batch);
    cJSON_AddBoolToObject(json, "training", s->train);
    return OPTIONS_READ;
}

static int run(struct scaling *s, const struct output_options *output)
{
    struct document document;
    int code = document_begin(&document, s->caller, "How cost grows");
    interrupt_catch();
    if (code == OPTIONS_READ) code = describe(s, &document);
    for (size_t i = 0; i < SWEEPS && code == OPTIONS_READ; i++) {
        if (!takes_part(s, &sweeps[i])) continue;
        struct table *table = &document.tables[document.table_count++];
        *table = (struct table){.key = sweeps[i].key,
                                .title = sweeps[i].title,
                                .columns = columns,
                                .column_count = SCALING_COLUMNS};
        code = fill(s, &sweeps[i], table);
        if (code == OPTIONS_READ) scaling_plots(&document, &sweeps[i], table);
    }
    if (code == OPTIONS_READ) code = document_write(&document, output);
    document_free(&document);
    return code;
}

static int check_only(const struct caller *caller, const char *only)
{
    bool known = !only;
    for (size_t i = 0; i < SWEEPS && !known; i++) known = names_have(only, sweeps[i].key);
    if (known) return OPTIONS_READ;
    return command_fail(caller, EXIT_USAGE,
                        "--only '%s'; known: windows, topk, views, size, batch, threads", only);
}

int verb_scaling(const char *program, const struct command *command, int argc, char **argv)
{
    const struct caller caller = {program, command};
    struct number_option batch = {.value = 1}, repeats = {.value = 3}, limit = {.value = 500};
    struct text_option precision = {.value = "f32"}, only = {0};
    struct config_options config;
    struct device_options device;
    struct output_options output;
    struct scaling s = {.caller = &caller, .device_options = &device};
    config_options_init(&config);
    device_options_init(&device);
    output_options_init(&output);
    const unsigned int number = POPT_ARG_INT | POPT_ARGFLAG_SHOW_DEFAULT;
    struct poptOption table[] = {
        {"measure", 0, POPT_ARG_NONE, &s.measure, 0, "Time each point as well", NULL},
        {"train", 0, POPT_ARG_NONE, &s.train, 0, "Time training steps, not forward passes", NULL},
        {"only", 0, POPT_ARG_STRING, &only, 0,
         "Of windows, topk, views, size, batch, threads, with commas between", "LIST"},
        {"batch", 'b', number, &batch, 0, "Samples a step", "B"},
        {"repeats", 0, number, &repeats, 0, "Timed steps of each point", "R"},
        {"limit", 0, number, &limit, 0, "Time no step of more than so many GMACs", "G"},
        OPTION_PRECISION(&precision),
        OPTION_HELP,
        OPTION_GROUP(config.table, "Model:"),
        OPTION_GROUP(device.table, "Device:"),
        OPTION_GROUP(output.table, "Output:"),
        POPT_TABLEEND};
    int code = options_parse(&caller, table, argc, argv);
    if (code == OPTIONS_READ) code = options_count(&caller, "batch", batch.value, STEP_MAX_BATCH);
    if (code == OPTIONS_READ)
        code = options_count(&caller, "repeats", repeats.value, STEP_MAX_REPEATS);
    if (code == OPTIONS_READ && limit.value < 1)
        code =
            command_fail(&caller, EXIT_USAGE, "--limit is %d; it must be 1 or more", limit.value);
    if (code == OPTIONS_READ && s.train && !s.measure)
        code = command_fail(&caller, EXIT_USAGE, "--train needs --measure");
    if (code == OPTIONS_READ) code = check_only(&caller, only.value);
    if (code == OPTIONS_READ) code = precision_read(&caller, precision.value, &s.step.precision);
    if (code == OPTIONS_READ) code = config_options_read(&caller, &config, &s.step.config);
    if (code == OPTIONS_READ) code = output_options_check(&caller, &output);
    if (code == OPTIONS_READ) code = device_options_open(&caller, &device, &s.device);
    s.step.batch = batch.value;
    s.step.repeats = repeats.value;
    s.step.warmup = 1;
    s.step.train = s.train;
    s.only = only.value;
    s.limit = limit.value;
    if (code == OPTIONS_READ) code = run(&s, &output);
    mvad_device_close(s.device);
    options_free(table);
    return code;
}
