#include "bench/step.h"

#include "cli/common/config_options.h"

#define MAX_BATCH 4096

struct step_options {
    struct number_option batch, repeats, warmup;
    struct text_option precision;
    int train, recompute, ops, json;
    struct config_options config;
    struct device_options device;
};

static int read_settings(const struct caller *caller, const struct step_options *options,
                         struct step_settings *settings)
{
    const bool train = options->train;
    *settings = (struct step_settings){
        .batch = options->batch.given ? options->batch.value
                 : train              ? 8
                                      : 1,
        .repeats = options->repeats.given ? options->repeats.value
                   : train                ? 3
                                          : 5,
        .warmup = options->warmup.value,
        .train = train,
        .recompute = options->recompute,
        .ops = options->ops,
    };
    int code = options_count(caller, "batch", settings->batch, MAX_BATCH);
    if (code == OPTIONS_READ)
        code = options_count(caller, "repeats", settings->repeats, STEP_MAX_REPEATS);
    if (code == OPTIONS_READ && settings->warmup != 0)
        code = options_count(caller, "warmup", settings->warmup, STEP_MAX_REPEATS);
    if (code == OPTIONS_READ && settings->recompute && !train)
        code = command_fail(caller, EXIT_USAGE, "--recompute needs --train");
    if (code == OPTIONS_READ)
        code = precision_read(caller, options->precision.value, &settings->precision);
    if (code == OPTIONS_READ)
        code = config_options_read(caller, &options->config, &settings->config);
    return code;
}

static int step(const struct caller *caller, const struct step_options *options)
{
    struct step_settings settings;
    struct step_result result = {0};
    mvad_device *device = NULL;
    mvad_error error;
    int code = read_settings(caller, options, &settings);
    if (code == OPTIONS_READ) code = device_options_open(caller, &options->device, &device);
    if (code != OPTIONS_READ) return code;
    if (step_measure(&settings, device, &result, &error))
        code = command_error(caller, &error);
    else if (options->json)
        code = step_print_json(caller, &settings, &result);
    else
        code = step_print_text(&settings, &result);
    mvad_device_close(device);
    return code;
}

int verb_step(const char *program, const struct command *command, int argc, char **argv)
{
    const struct caller caller = {program, command};
    struct step_options o = {.precision = {.value = "f32"}, .warmup = {.value = 1}};
    config_options_init(&o.config);
    device_options_init(&o.device);
    struct poptOption table[] = {
        {"train", 0, POPT_ARG_NONE, &o.train, 0, "A training step instead of a forward pass", NULL},
        {"batch", 'b', POPT_ARG_INT, &o.batch, 0, "Samples a step (default: 1; training: 8)", "B"},
        {"repeats", 0, POPT_ARG_INT, &o.repeats, 0, "Timed steps (default: 5; training: 3)", "R"},
        {"warmup", 0, POPT_ARG_INT | POPT_ARGFLAG_SHOW_DEFAULT, &o.warmup, 0,
         "Steps before the timed ones", "W"},
        {"recompute", 0, POPT_ARG_NONE, &o.recompute, 0,
         "Recompute cheap values in the backward pass", NULL},
        {"ops", 0, POPT_ARG_NONE, &o.ops, 0, "Profile each kind of op in one step more", NULL},
        {"json", 0, POPT_ARG_NONE, &o.json, 0, "Print JSON", NULL},
        OPTION_PRECISION(&o.precision),
        OPTION_HELP,
        OPTION_GROUP(o.config.table, "Model:"),
        OPTION_GROUP(o.device.table, "Device:"),
        POPT_TABLEEND};
    int code = options_parse(&caller, table, argc, argv);
    if (code == OPTIONS_READ) code = step(&caller, &o);
    options_free(table);
    return code;
}
