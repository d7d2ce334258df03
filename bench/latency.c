#include "bench/latency.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/document.h"
#include "bench/images.h"
#include "bench/progress.h"
#include "bench/spread.h"
#include "cli/common/clock.h"
#include "cli/common/config_options.h"
#include "cli/common/interrupt.h"
#include "cli/common/json.h"

enum column { FROM, STAGE, P50, P90, P99, MOST, FIRST, COLUMNS };

static const struct table_column columns[COLUMNS] = {
    [FROM] = {"from", "from", TABLE_TEXT},
    [STAGE] = {"stage", "stage", TABLE_TEXT},
    [P50] = {"p50_milliseconds", "p50, ms", 2},
    [P90] = {"p90_milliseconds", "p90", 2},
    [P99] = {"p99_milliseconds", "p99", 2},
    [MOST] = {"max_milliseconds", "max", 2},
    [FIRST] = {"first_milliseconds", "first result", 2},
};

static const char *const stages[LATENCY_STAGES] = {
    "decode", "resize", "normalise", "upload, network, map", "score, regions", "total"};

/* One part: its images into the device, its map and verdict out of it. */
static mvad_status verdict(mvad_session *session, const float *images, float *map, size_t count,
                           double *seconds, mvad_error *error)
{
    float score;
    const double begin = clock_seconds();
    mvad_status status = mvad_session_run(session, images, error);
    if (!status) status = mvad_session_read(session, MVAD_OUTPUT_MAP, map, count, error);
    if (!status) status = mvad_session_read(session, MVAD_OUTPUT_SAMPLE_SCORE, &score, 1, error);
    *seconds = clock_seconds() - begin;
    return status;
}

static mvad_status decoded_runs(const struct latency_settings *settings, mvad_session *session,
                                const float *images, float *map, size_t count,
                                struct latency_times *times, mvad_error *error)
{
    double seconds;
    for (int r = -settings->warmup; r < settings->repeats && !interrupt_came(); r++) {
        mvad_status status = verdict(session, images, map, count, &seconds, error);
        if (status) return status;
        if (r >= 0) times->decoded[r] = seconds;
        progress_show("parts in memory", r + settings->warmup + 1,
                      settings->repeats + settings->warmup);
    }
    progress_clear();
    return MVAD_OK;
}

/* From images in memory; opens the device, which the caller closes. */
static int measure_decoded(const struct caller *caller, const struct latency_settings *settings,
                           const mvad_model *model, mvad_device **device,
                           struct latency_times *times)
{
    const size_t size = (size_t)settings->config.image_size;
    const size_t pixels = (size_t)settings->config.views * size * size;
    mvad_session_options options = mvad_session_options_default();
    mvad_session *session = NULL;
    mvad_error error;
    double seconds = 0;
    options.precision = settings->precision;
    float *images = images_random(3 * pixels), *map = calloc(pixels, sizeof *map);
    int code = images && map ? OPTIONS_READ : command_fail(caller, EXIT_FAILED, "out of memory");
    const double begin = clock_seconds();
    if (code == OPTIONS_READ &&
        (mvad_device_open(settings->device, settings->threads, device, &error) ||
         mvad_session_create(model, *device, &options, &session, &error) ||
         verdict(session, images, map, pixels, &seconds, &error)))
        code = command_error(caller, &error);
    times->first_decoded = clock_seconds() - begin;
    if (code == OPTIONS_READ && decoded_runs(settings, session, images, map, pixels, times, &error))
        code = command_error(caller, &error);
    if (code == OPTIONS_READ && interrupt_came()) code = progress_interrupted(caller);
    mvad_session_destroy(session);
    free(images);
    free(map);
    return code;
}

static bool add_row(struct table *table, const char *from, const char *stage, double *seconds,
                    size_t count, double first)
{
    struct table_cell *cells = table_add_row(table);
    if (!cells) return false;
    const struct spread spread = spread_of(seconds, count);
    snprintf(cells[FROM].text, sizeof cells[FROM].text, "%s", from);
    snprintf(cells[STAGE].text, sizeof cells[STAGE].text, "%s", stage);
    cells[P50].number = spread.median * 1e3;
    cells[P90].number = spread.p90 * 1e3;
    cells[P99].number = spread.p99 * 1e3;
    cells[MOST].number = spread.most * 1e3;
    cells[FIRST].number = first * 1e3;
    return true;
}

/* The times are sorted by now. */
static void draw(struct document *document, const struct latency_settings *settings,
                 const struct latency_times *times)
{
    enum { POINTS = 100 };
    struct plot *plot = document_plot(document, "latency", "Latency of one part, ms",
                                      "share of the parts that take no longer, %");
    struct plot_series *decoded = plot_add(plot, "first", "from images in memory", false);
    struct plot_series *files = plot_add(plot, "second", "from files", false);
    const size_t count = (size_t)settings->repeats;
    for (int i = 0; i <= POINTS; i++) {
        const double share = (double)i / POINTS;
        plot_point(decoded, 100 * share, 1e3 * spread_percentile(times->decoded, count, share));
        plot_point(files, 100 * share,
                   1e3 * spread_percentile(times->files[LATENCY_TOTAL], count, share));
    }
}

static void describe(struct document *document, const struct latency_settings *settings,
                     const mvad_device_info *info)
{
    char text[CONFIG_TEXT];
    cJSON *json = document->json;
    config_text(&settings->config, settings->config.views, text);
    document_line(document, "%s, %s; %d parts after %d to warm up", text,
                  precision_name(settings->precision), settings->repeats, settings->warmup);
    document_line(document, "%s: %s, %s, %d threads", info->id, info->name, info->details,
                  info->threads);
    if (settings->data)
        document_line(document, "files: %s", settings->data);
    else
        document_line(document, "files: rendered parts, JPEG of %d x %d", settings->photograph_size,
                      settings->photograph_size);
    cJSON_AddStringToObject(json, "precision", precision_name(settings->precision));
    cJSON_AddItemToObject(json, "config", json_config(&settings->config, settings->config.views));
    cJSON_AddItemToObject(json, "device", json_device(info));
    cJSON_AddNumberToObject(json, "repeats", settings->repeats);
    cJSON_AddNumberToObject(json, "warmup", settings->warmup);
    if (settings->data)
        cJSON_AddStringToObject(json, "data", settings->data);
    else
        cJSON_AddNumberToObject(json, "photograph_size", settings->photograph_size);
}

static int report(const struct caller *caller, const struct latency_settings *settings,
                  const mvad_device *device, struct latency_times *times, struct document *document,
                  const struct output_options *output)
{
    mvad_device_info info;
    mvad_error error;
    if (mvad_device_describe(device, &info, &error)) return command_error(caller, &error);
    describe(document, settings, &info);
    struct table *table = &document->tables[document->table_count++];
    *table = (struct table){.key = "latency",
                            .title = "Latency of one part at a time",
                            .columns = columns,
                            .column_count = COLUMNS};
    const size_t count = (size_t)settings->repeats;
    bool filled = add_row(table, "memory", "total", times->decoded, count, times->first_decoded);
    for (int s = 0; s < LATENCY_STAGES && filled; s++)
        filled = add_row(table, "files", stages[s], times->files[s], count, times->first_files[s]);
    if (!filled) return command_fail(caller, EXIT_FAILED, "out of memory");
    draw(document, settings, times);
    return document_write(document, output);
}

static int measure(const struct caller *caller, const struct latency_settings *settings,
                   struct latency_times *times, mvad_device **device)
{
    mvad_model *model = NULL;
    mvad_error error;
    char *folder = NULL;
    int code = OPTIONS_READ;
    if (mvad_model_create(&settings->config, 1, &model, &error))
        code = command_error(caller, &error);
    if (code == OPTIONS_READ) code = measure_decoded(caller, settings, model, device, times);
    if (code == OPTIONS_READ && !settings->data)
        code = latency_parts_make(caller, settings->photograph_size, &folder);
    if (code == OPTIONS_READ && interrupt_came()) code = progress_interrupted(caller);
    if (code == OPTIONS_READ)
        code = latency_files(caller, settings, folder ? folder : settings->data, model, *device,
                             times);
    latency_parts_remove(folder);
    mvad_model_destroy(model);
    return code;
}

static int run(const struct caller *caller, const struct latency_settings *settings,
               const struct output_options *output)
{
    struct document document = {0};
    struct latency_times times = {0};
    mvad_device *device = NULL;
    const size_t count = (size_t)settings->repeats;
    double *seconds = calloc(count * (LATENCY_STAGES + 1), sizeof *seconds);
    int code = seconds ? document_begin(&document, caller, "Latency")
                       : command_fail(caller, EXIT_FAILED, "out of memory");
    times.decoded = seconds;
    for (size_t s = 0; s < LATENCY_STAGES && seconds; s++)
        times.files[s] = seconds + (s + 1) * count;
    interrupt_catch();
    if (code == OPTIONS_READ) code = measure(caller, settings, &times, &device);
    if (code == OPTIONS_READ) code = report(caller, settings, device, &times, &document, output);
    document_free(&document);
    mvad_device_close(device);
    free(seconds);
    return code;
}

int verb_latency(const char *program, const struct command *command, int argc, char **argv)
{
    const struct caller caller = {program, command};
    struct number_option repeats = {.value = 50}, warmup = {.value = 2},
                         photograph = {.value = 1024};
    struct text_option precision = {.value = "f32"}, data = {0};
    struct config_options config;
    struct device_options device;
    struct output_options output;
    struct latency_settings settings = {0};
    config_options_init(&config);
    device_options_init(&device);
    output_options_init(&output);
    const unsigned int number = POPT_ARG_INT | POPT_ARGFLAG_SHOW_DEFAULT;
    struct poptOption table[] = {
        {"repeats", 0, number, &repeats, 0, "Parts, from memory and from files", "R"},
        {"warmup", 0, number, &warmup, 0, "Parts before them", "W"},
        {"data", 0, POPT_ARG_STRING, &data, 0, "A data set's parts instead of rendered ones",
         "PATH"},
        {"photograph-size", 0, number, &photograph, 0, "Pixels a side of rendered photographs", "N"},
        OPTION_PRECISION(&precision),
        OPTION_HELP,
        OPTION_GROUP(config.table, "Model:"),
        OPTION_GROUP(device.table, "Device:"),
        OPTION_GROUP(output.table, "Output:"),
        POPT_TABLEEND};
    int code = options_parse(&caller, table, argc, argv);
    if (code == OPTIONS_READ)
        code = options_count(&caller, "repeats", repeats.value, LATENCY_MAX_REPEATS);
    if (code == OPTIONS_READ && warmup.value != 0)
        code = options_count(&caller, "warmup", warmup.value, LATENCY_MAX_REPEATS);
    if (code == OPTIONS_READ && photograph.value < 32)
        code = command_fail(&caller, EXIT_USAGE, "--photograph-size is %d; it must be 32 or more",
                            photograph.value);
    if (code == OPTIONS_READ) code = precision_read(&caller, precision.value, &settings.precision);
    if (code == OPTIONS_READ) code = config_options_read(&caller, &config, &settings.config);
    if (code == OPTIONS_READ) code = output_options_check(&caller, &output);
    settings.repeats = repeats.value;
    settings.warmup = warmup.value;
    settings.photograph_size = photograph.value;
    settings.data = data.value;
    settings.device = device.device.value;
    settings.threads = device.threads.value;
    if (code == OPTIONS_READ) code = run(&caller, &settings, &output);
    options_free(table);
    return code;
}
