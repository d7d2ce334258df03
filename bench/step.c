#include "bench/step.h"

#include "bench/progress.h"
#include "cli/common/config_options.h"
#include "cli/common/interrupt.h"

struct step_options {
    struct number_option batch, repeats, warmup;
    struct text_option precision;
    int train, recompute, ops;
    struct config_options config;
    struct device_options device;
    struct output_options output;
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
        .show = true,
    };
    int code = options_count(caller, "batch", settings->batch, STEP_MAX_BATCH);
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

static int report(const struct caller *caller, const struct step_options *options,
                  const struct step_settings *settings, struct document *document,
                  const struct step_result *result)
{
    step_document(document, settings, result);
    if (settings->ops && !step_roofline(document, result))
        return command_fail(caller, EXIT_FAILED, "out of memory");
    return document_write(document, &options->output);
}

static int step(const struct caller *caller, const struct step_options *options)
{
    struct step_settings settings;
    struct step_result result = {0};
    struct document document = {0};
    mvad_device *device = NULL;
    mvad_error error;
    int code = read_settings(caller, options, &settings);
    if (code == OPTIONS_READ) code = output_options_check(caller, &options->output);
    if (code == OPTIONS_READ) code = device_options_open(caller, &options->device, &device);
    if (code != OPTIONS_READ) return code;
    code = document_begin(&document, caller, "One step");
    interrupt_catch();
    if (code == OPTIONS_READ && step_measure(&settings, device, &result, &error))
        code = command_error(caller, &error);
    else if (code == OPTIONS_READ && result.interrupted)
        code = progress_interrupted(caller);
    else if (code == OPTIONS_READ)
        code = report(caller, options, &settings, &document, &result);
    document_free(&document);
    mvad_device_close(device);
    return code;
}

int verb_step(const char *program, const struct command *command, int argc, char **argv)
{
    const struct caller caller = {program, command};
    struct step_options o = {.precision = {.value = "f32"}, .warmup = {.value = 1}};
    config_options_init(&o.config);
    device_options_init(&o.device);
    output_options_init(&o.output);
    struct poptOption table[] = {
        {"train", 0, POPT_ARG_NONE, &o.train, 0, "A training step instead of a forward pass", NULL},
        {"batch", 'b', POPT_ARG_INT, &o.batch, 0, "Samples a step (default: 1; training: 8)", "B"},
        {"repeats", 0, POPT_ARG_INT, &o.repeats, 0, "Timed steps (default: 5; training: 3)", "R"},
        {"warmup", 0, POPT_ARG_INT | POPT_ARGFLAG_SHOW_DEFAULT, &o.warmup, 0,
         "Steps before the timed ones", "W"},
        {"recompute", 0, POPT_ARG_NONE, &o.recompute, 0,
         "Recompute cheap values in the backward pass", NULL},
        {"ops", 0, POPT_ARG_NONE, &o.ops, 0, "Profile each kind of op in one step more", NULL},
        OPTION_PRECISION(&o.precision),
        OPTION_HELP,
        OPTION_GROUP(o.config.table, "Model:"),
        OPTION_GROUP(o.device.table, "Device:"),
        OPTION_GROUP(o.output.table, "Output:"),
        POPT_TABLEEND};
    int code = options_parse(&caller, table, argc, argv);
    if (code == OPTIONS_READ) code = step(&caller, &o);
    options_free(table);
    return code;
}
