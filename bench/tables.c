#include "bench/tables.h"

#include <stdio.h>
#include <string.h>

#include "bench/names.h"
#include "bench/paper.h"
#include "bench/progress.h"
#include "bench/step.h"
#include "cli/common/config_options.h"
#include "cli/common/interrupt.h"
#include "cli/common/json.h"

#define REALIAD_SAMPLES 7293 /* training samples of all classes; the paper trains 100 epochs */
#define EPOCHS 100
#define TOLERANCE 0.01

enum column {
    TABLE,
    ROW,
    MACS,
    PAPER_MACS,
    FLOPS,
    PARAMETERS,
    PAPER_PARAMETERS,
    PLANNED,
    MEASURED,
    PAPER_MEMORY,
    SECONDS,
    LEAST,
    MOST,
    RATE_SHARE,
    HOURS,
    PAPER_HOURS,
    REMARK,
    COLUMNS
};

static const struct table_column columns[COLUMNS] = {
    [TABLE] = {"paper_table", "table", TABLE_TEXT},
    [ROW] = {"row", "row", TABLE_TEXT},
    [MACS] = {"gmacs", "GMACs", 1},
    [PAPER_MACS] = {"paper_gmacs", "paper", 1},
    [FLOPS] = {"gflops", "GFLOPs", 1},
    [PARAMETERS] = {"parameters_millions", "M param.", 1},
    [PAPER_PARAMETERS] = {"paper_parameters_millions", "paper", 1},
    [PLANNED] = {"planned_megabytes", "train MB", 0},
    [MEASURED] = {"measured_megabytes", "measured", 0},
    [PAPER_MEMORY] = {"paper_megabytes", "paper", 0},
    [SECONDS] = {"seconds_per_sample", "s/sample", 2},
    [LEAST] = {"seconds_per_sample_min", "least", 2},
    [MOST] = {"seconds_per_sample_max", "most", 2},
    [RATE_SHARE] = {"share_of_gemm_rate", "of GEMM", 2},
    [HOURS] = {"hours_of_100_epochs", "hours", 0},
    [PAPER_HOURS] = {"paper_hours", "paper", 0},
    [REMARK] = {"remark", "remark", TABLE_TEXT},
};

struct tables {
    const struct caller *caller;
    mvad_device *device;
    int batch, repeats;
    bool dry;
    const char *only; /* tables of the paper; NULL: all */
    struct table table;
};

static bool is_near(double ours, double paper)
{
    return ours >= paper * (1 - TOLERANCE) && ours <= paper * (1 + TOLERANCE);
}

/* Why numbers differ from the paper's, or that they do not. */
static void write_remark(const struct paper_row *row, struct table_cell *cells)
{
    const bool macs = !row->gmacs || is_near(cells[MACS].number, row->gmacs);
    const bool parameters = !row->parameters || is_near(cells[PARAMETERS].number, row->parameters);
    char *text = cells[REMARK].text;
    const size_t size = sizeof cells[REMARK].text;
    if (!row->gmacs)
        snprintf(text, size, "the paper only draws a curve");
    else if (macs && parameters)
        snprintf(text, size, "within 1 %%");
    else
        snprintf(text, size, "%s%s%s%s%s", macs ? "" : "GMACs: ",
                 macs               ? ""
                 : row->macs_reason ? row->macs_reason
                                    : "not explained",
                 macs || parameters ? "" : "; ", parameters ? "" : "parameters: ",
                 parameters              ? ""
                 : row->parameter_reason ? row->parameter_reason
                                         : "not explained");
}

static void set_known(struct table_cell *cell, double value)
{
    if (value) cell->number = value;
}

static mvad_status count(const struct tables *tables, const mvad_config *config,
                         struct table_cell *cells, mvad_error *error)
{
    mvad_cost cost;
    mvad_session_options session = mvad_session_options_default();
    mvad_trainer_options trainer = mvad_trainer_options_default();
    trainer.samples = tables->batch;
    mvad_status status = mvad_cost_inference(config, tables->device, &session, &cost, error);
    if (status) return status;
    cells[MACS].number = cost.macs / 1e9;
    cells[FLOPS].number = 2 * cost.macs / 1e9;
    cells[PARAMETERS].number = (double)cost.parameters / 1e6;
    status = mvad_cost_training(config, tables->device, &trainer, &cost, error);
    if (!status)
        cells[PLANNED].number = (double)(cost.weights_bytes + cost.activations_bytes) / 1e6;
    return status;
}

static mvad_status measure(const struct tables *tables, const mvad_config *config,
                           struct table_cell *cells, mvad_error *error)
{
    const struct step_settings settings = {.config = *config,
                                           .batch = tables->batch,
                                           .repeats = tables->repeats,
                                           .warmup = 1,
                                           .train = true};
    struct step_result result = {0};
    mvad_status status = step_measure(&settings, tables->device, &result, error);
    if (status) return status;
    if (result.interrupted) return MVAD_OK;
    const double seconds = result.time.median / tables->batch;
    set_known(&cells[MEASURED], (double)result.measured_bytes / 1e6);
    cells[SECONDS].number = seconds;
    cells[LEAST].number = result.time.least / tables->batch;
    cells[MOST].number = result.time.most / tables->batch;
    cells[RATE_SHARE].number = result.cost.macs / result.time.median / step_gemm_rate(&result);
    cells[HOURS].number = seconds * REALIAD_SAMPLES * EPOCHS / 3600;
    return MVAD_OK;
}

static int fill(struct tables *tables)
{
    size_t rows;
    mvad_error error;
    const struct paper_row *paper = paper_rows(&rows);
    int code = OPTIONS_READ;
    for (size_t i = 0; i < rows && code == OPTIONS_READ; i++) {
        const struct paper_row *row = &paper[i];
        if (tables->only && !names_have(tables->only, row->table)) continue;
        const mvad_config config = paper_config(row);
        struct table_cell *cells = table_add_row(&tables->table);
        if (!cells) return command_fail(tables->caller, EXIT_FAILED, "out of memory");
        if (!tables->dry) progress_show("rows", (int)i, (int)rows);
        snprintf(cells[TABLE].text, sizeof cells[TABLE].text, "%s", row->table);
        snprintf(cells[ROW].text, sizeof cells[ROW].text, "%s", row->row);
        set_known(&cells[PAPER_MACS], row->gmacs);
        set_known(&cells[PAPER_PARAMETERS], row->parameters);
        set_known(&cells[PAPER_MEMORY], row->megabytes);
        set_known(&cells[PAPER_HOURS], row->hours);
        if (count(tables, &config, cells, &error) ||
            (!tables->dry && measure(tables, &config, cells, &error)))
            code = EXIT_FAILED;
        else
            write_remark(row, cells);
        if (interrupt_came()) return progress_interrupted(tables->caller);
    }
    progress_clear();
    return code == OPTIONS_READ ? code : command_error(tables->caller, &error);
}

static int report(struct tables *tables, struct document *document,
                  const struct output_options *output)
{
    mvad_device_info info;
    mvad_error error;
    if (mvad_device_describe(tables->device, &info, &error))
        return command_error(tables->caller, &error);
    document_line(document, "%s: %s, %s, %d threads; training steps of %d samples%s", info.id,
                  info.name, info.details, info.threads, tables->batch,
                  tables->dry ? ", counted only" : "");
    document_line(document,
                  "the paper's memory and hours are those of PyTorch on one RTX 3090 with "
                  "a batch of 8: other software on another machine");
    cJSON_AddItemToObject(document->json, "device", json_device(&info));
    cJSON_AddNumberToObject(document->json, "training_batch", tables->batch);
    document->tables[document->table_count++] = tables->table;
    tables->table = (struct table){0};
    return document_write(document, output);
}

static int check_only(const struct caller *caller, const char *only)
{
    size_t rows;
    const struct paper_row *paper = paper_rows(&rows);
    bool known = !only;
    for (size_t i = 0; i < rows && !known; i++) known = names_have(only, paper[i].table);
    if (known) return OPTIONS_READ;
    return command_fail(caller, EXIT_USAGE, "--only '%s'; known: II, VI, VII, Fig. 4, Fig. 5", only);
}

static int run(struct tables *tables, const struct output_options *output)
{
    struct document document;
    int code = document_begin(&document, tables->caller, "The paper's tables of efficiency");
    interrupt_catch();
    if (code == OPTIONS_READ) code = fill(tables);
    if (code == OPTIONS_READ) code = report(tables, &document, output);
    document_free(&document);
    return code;
}

int verb_tables(const char *program, const struct command *command, int argc, char **argv)
{
    const struct caller caller = {program, command};
    struct number_option batch = {.value = 8}, repeats = {.value = 1};
    struct device_options device;
    struct output_options output;
    struct text_option only = {0};
    int dry = 0;
    device_options_init(&device);
    output_options_init(&output);
    const unsigned int number = POPT_ARG_INT | POPT_ARGFLAG_SHOW_DEFAULT;
    struct poptOption table[] = {
        {"dry-run", 0, POPT_ARG_NONE, &dry, 0, "Count and plan, but measure nothing", NULL},
        {"only", 0, POPT_ARG_STRING, &only, 0,
         "Of II, VI, VII, Fig. 4, Fig. 5, with commas between", "LIST"},
        {"batch", 'b', number, &batch, 0, "Samples of a training step", "B"},
        {"repeats", 0, number, &repeats, 0, "Timed steps of each row", "R"},
        OPTION_HELP,
        OPTION_GROUP(device.table, "Device:"),
        OPTION_GROUP(output.table, "Output:"),
        POPT_TABLEEND};
    struct tables tables = {.caller = &caller,
                            .table = {.key = "tables",
                                      .title = "Efficiency, beside the paper's numbers",
                                      .columns = columns,
                                      .column_count = COLUMNS}};
    int code = options_parse(&caller, table, argc, argv);
    if (code == OPTIONS_READ) code = options_count(&caller, "batch", batch.value, STEP_MAX_BATCH);
    if (code == OPTIONS_READ)
        code = options_count(&caller, "repeats", repeats.value, STEP_MAX_REPEATS);
    if (code == OPTIONS_READ) code = check_only(&caller, only.value);
    if (code == OPTIONS_READ) code = output_options_check(&caller, &output);
    if (code == OPTIONS_READ) code = device_options_open(&caller, &device, &tables.device);
    tables.batch = batch.value;
    tables.repeats = repeats.value;
    tables.dry = dry;
    tables.only = only.value;
    if (code == OPTIONS_READ) code = run(&tables, &output);
    table_free(&tables.table);
    mvad_device_close(tables.device);
    options_free(table);
    return code;
}
