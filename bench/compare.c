#include "bench/compare.h"

#include <math.h>
#include <string.h>

#include "bench/progress.h"
#include "bench/step.h"
#include "cli/common/config_options.h"
#include "cli/common/interrupt.h"
#include "cli/common/json.h"

static const struct table_column columns[COMPARE_COLUMNS] = {
    [COMPARE_WORK] = {"work", "work", TABLE_TEXT},
    [COMPARE_WHERE] = {"where", "where", TABLE_TEXT},
    [COMPARE_SECONDS] = {"seconds_median", "s/step", 3},
    [COMPARE_LOW] = {"seconds_min", "least", 3},
    [COMPARE_HIGH] = {"seconds_max", "most", 3},
    [COMPARE_TIMES] = {"times_the_first", "of first", 2},
    [COMPARE_RATE] = {"gmacs_per_second", "GMAC/s", 1},
    [COMPARE_GEMM] = {"gemm_gmacs_per_second", "GEMM", 1},
    [COMPARE_SHARE] = {"share_of_gemm_rate", "of GEMM", 2},
    [COMPARE_COPY] = {"copy_gigabytes_per_second", "copy GB/s", 1},
    [COMPARE_DEVICE_MEMORY] = {"device_megabytes", "device MB", 0},
    [COMPARE_HOST_MEMORY] = {"host_megabytes", "host MB", 0},
    [COMPARE_REMARK] = {"remark", "remark", TABLE_TEXT},
};

enum { MAX_DEVICES = 32 };

struct comparison {
    const struct caller *caller;
    struct step_settings step;
    int threads, forward, train;
    mvad_device_info devices[MAX_DEVICES];
    int device_count;
    cJSON *torch; /* NULL without */
    struct table *table;
    double macs; /* of a step of the work at hand */
};

static const char *const works[] = {"forward", "training"};

static void take_device(const mvad_device_info *info, void *user)
{
    struct comparison *c = user;
    if (c->device_count < MAX_DEVICES) c->devices[c->device_count++] = *info;
}

static void fill_row(struct comparison *c, const struct step_result *result,
                     struct table_cell *cells)
{
    const double rate = result->cost.macs / result->time.median;
    cells[COMPARE_SECONDS].number = result->time.median;
    cells[COMPARE_LOW].number = result->time.least;
    cells[COMPARE_HIGH].number = result->time.most;
    cells[COMPARE_RATE].number = rate / 1e9;
    cells[COMPARE_GEMM].number = step_gemm_rate(result) / 1e9;
    cells[COMPARE_SHARE].number = rate / step_gemm_rate(result);
    if (step_copy_rate(result) > 0) cells[COMPARE_COPY].number = step_copy_rate(result) / 1e9;
    cells[COMPARE_DEVICE_MEMORY].number = (double)result->device_bytes / 1e6;
    if (result->measured_bytes)
        cells[COMPARE_HOST_MEMORY].number = (double)result->measured_bytes / 1e6;
    c->macs = result->cost.macs;
}

/* What a device cannot do is its row's remark: the others are still worth comparing. */
static int measure_device(struct comparison *c, const char *work, const mvad_device_info *info)
{
    struct step_result result = {0};
    mvad_device *device = NULL;
    mvad_error error;
    struct table_cell *cells = table_add_row(c->table);
    if (!cells) return command_fail(c->caller, EXIT_FAILED, "out of memory");
    snprintf(cells[COMPARE_WORK].text, sizeof cells[0].text, "%s", work);
    snprintf(cells[COMPARE_WHERE].text, sizeof cells[0].text, "mvad, %s", info->id);
    mvad_status status = mvad_device_open(info->id, c->threads, &device, &error);
    if (!status) status = step_measure(&c->step, device, &result, &error);
    mvad_device_close(device);
    if (interrupt_came()) return progress_interrupted(c->caller);
    if (status)
        snprintf(cells[COMPARE_REMARK].text, sizeof cells[0].text, "%.127s", error.message);
    else
        fill_row(c, &result, cells);
    return OPTIONS_READ;
}

static int measure(struct comparison *c)
{
    for (int w = 0; w < 2; w++) {
        const size_t first = c->table->row_count;
        if (!(w ? c->train : c->forward)) continue;
        c->step.train = w == 1;
        c->macs = NAN;
        for (int d = 0; d < c->device_count; d++) {
            const int code = measure_device(c, works[w], &c->devices[d]);
            if (code != OPTIONS_READ) return code;
        }
        if (c->torch && !compare_torch_row(c->torch, works[w], c->macs, c->table))
            return command_fail(c->caller, EXIT_FAILED, "out of memory");
        struct table_cell *cells = c->table->cells + first * COMPARE_COLUMNS;
        const double base = cells[COMPARE_SECONDS].number;
        for (size_t r = first; r < c->table->row_count; r++, cells += COMPARE_COLUMNS)
            cells[COMPARE_TIMES].number = cells[COMPARE_SECONDS].number / base;
    }
    return OPTIONS_READ;
}

static void draw(struct document *document, const struct comparison *c)
{
    static const char *const styles[] = {"first", "second"};
    struct plot *plot = document_plot(document, "compare", "Seconds of a step", "row of the table");
    plot->whole = true;
    for (int w = 0; w < 2; w++) {
        struct plot_series *series = plot_add(plot, styles[w], works[w], true);
        series->apart = true;
        for (size_t r = 0; r < c->table->row_count; r++) {
            const struct table_cell *cells = c->table->cells + r * COMPARE_COLUMNS;
            if (strcmp(cells[COMPARE_WORK].text, works[w]) != 0) continue;
            plot_point(series, (double)r + 1, cells[COMPARE_SECONDS].number);
            plot_label(series, cells[COMPARE_WHERE].text);
        }
    }
}

static void describe(const struct comparison *c, struct document *document)
{
    char text[CONFIG_TEXT];
    const mvad_config *config = &c->step.config;
    cJSON *json = document->json;
    config_text(config, config->views, text);
    document_line(document, "%s, %s; batch %d, median of %d after %d", text,
                  precision_name(c->step.precision), c->step.batch, c->step.repeats, c->step.warmup);
    cJSON_AddItemToObject(json, "config", json_config(config, config->views));
    cJSON_AddStringToObject(json, "precision", precision_name(c->step.precision));
    cJSON_AddNumberToObject(json, "batch", c->step.batch);
    cJSON_AddNumberToObject(json, "repeats", c->step.repeats);
    cJSON_AddNumberToObject(json, "warmup", c->step.warmup);
    cJSON *devices = cJSON_AddArrayToObject(json, "devices");
    for (int d = 0; d < c->device_count; d++) {
        const mvad_device_info *info = &c->devices[d];
        document_line(document, "%s: %s, %s", info->id, info->name, info->details);
        cJSON_AddItemToArray(devices, json_device(info));
    }
    if (c->torch) cJSON_AddItemToObject(json, "torch", cJSON_Duplicate(c->torch, true));
}

static int run(struct comparison *c, const struct output_options *output)
{
    struct document document;
    mvad_error error;
    int code = document_begin(&document, c->caller, "The same work on every device");
    interrupt_catch();
    if (code == OPTIONS_READ && mvad_device_list(take_device, NULL, c, &error))
        code = command_error(c->caller, &error);
    if (code == OPTIONS_READ) {
        c->table = &document.tables[document.table_count++];
        *c->table = (struct table){.key = "comparison",
                                   .title = "Comparison",
                                   .columns = columns,
                                   .column_count = COMPARE_COLUMNS};
        describe(c, &document);
        code = measure(c);
    }
    if (code == OPTIONS_READ) draw(&document, c);
    if (code == OPTIONS_READ) code = document_write(&document, output);
    document_free(&document);
    return code;
}

int verb_compare(const char *program, const struct command *command, int argc, char **argv)
{
    const struct caller caller = {program, command};
    struct number_option batch = {.value = 1}, repeats = {.value = 5}, warmup = {.value = 1},
                         threads = {0};
    struct text_option precision = {.value = "f32"}, torch = {0}, work = {.value = "both"};
    struct config_options config;
    struct output_options output;
    struct comparison c = {.caller = &caller};
    config_options_init(&config);
    output_options_init(&output);
    const unsigned int number = POPT_ARG_INT | POPT_ARGFLAG_SHOW_DEFAULT;
    struct poptOption table[] = {
        {"work", 0, POPT_ARG_STRING | POPT_ARGFLAG_SHOW_DEFAULT, &work, 0,
         "forward, training or both", "NAME"},
        {"batch", 'b', number, &batch, 0, "Samples a step", "B"},
        {"repeats", 0, number, &repeats, 0, "Timed steps", "R"},
        {"warmup", 0, number, &warmup, 0, "Steps before the timed ones", "W"},
        {"threads", 0, number, &threads, 0, "Threads of the CPU; 0: one a core", "N"},
        {"torch", 0, POPT_ARG_STRING, &torch, 0, "Results of bench/compare_torch.py", "FILE"},
        OPTION_PRECISION(&precision),
        OPTION_HELP,
        OPTION_GROUP(config.table, "Model:"),
        OPTION_GROUP(output.table, "Output:"),
        POPT_TABLEEND};
    int code = options_parse(&caller, table, argc, argv);
    c.forward = code == OPTIONS_READ && strcmp(work.value, "training") != 0;
    c.train = code == OPTIONS_READ && strcmp(work.value, "forward") != 0;
    if (c.forward && c.train && strcmp(work.value, "both") != 0)
        code = command_fail(&caller, EXIT_USAGE, "--work '%s'; known: forward, training, both",
                            work.value);
    if (code == OPTIONS_READ) code = options_count(&caller, "batch", batch.value, STEP_MAX_BATCH);
    if (code == OPTIONS_READ)
        code = options_count(&caller, "repeats", repeats.value, STEP_MAX_REPEATS);
    if (code == OPTIONS_READ && warmup.value != 0)
        code = options_count(&caller, "warmup", warmup.value, STEP_MAX_REPEATS);
    if (code == OPTIONS_READ) code = precision_read(&caller, precision.value, &c.step.precision);
    if (code == OPTIONS_READ) code = config_options_read(&caller, &config, &c.step.config);
    if (code == OPTIONS_READ) code = output_options_check(&caller, &output);
    if (code == OPTIONS_READ && torch.value)
        code = compare_torch_read(&caller, torch.value, &c.step.config, batch.value, &c.torch);
    c.step.batch = batch.value;
    c.step.repeats = repeats.value;
    c.step.warmup = warmup.value;
    c.step.show = true;
    c.threads = threads.value;
    if (code == OPTIONS_READ) code = run(&c, &output);
    cJSON_Delete(c.torch);
    options_free(table);
    return code;
}
