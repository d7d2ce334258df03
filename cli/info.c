#include <inttypes.h>
#include <stdio.h>

#include "cli/common/config_options.h"
#include "cli/common/json.h"
#include "cli/verbs.h"

#define MAX_BATCH 4096

/* What is asked for, and what the library answers. */
struct report {
    mvad_config config;
    int32_t views;
    int batch;
    mvad_device_info device;
    mvad_session_options session;
    mvad_cost inference, training[2]; /* of training: everything kept, recomputed */
};

static int gather(const struct caller *caller, mvad_device *device, struct report *report)
{
    mvad_error error;
    mvad_trainer_options trainer = mvad_trainer_options_default();
    report->session = mvad_session_options_default();
    report->session.views = report->views;
    trainer.views = report->views;
    trainer.samples = report->batch;
    mvad_status status = mvad_device_describe(device, &report->device, &error);
    if (!status)
        status = mvad_cost_inference(&report->config, device, &report->session, &report->inference,
                                     &error);
    for (int recompute = 0; recompute < 2 && !status; recompute++) {
        trainer.recompute = recompute;
        status = mvad_cost_training(&report->config, device, &trainer, &report->training[recompute],
                                    &error);
    }
    return status ? command_error(caller, &error) : OPTIONS_READ;
}

static void print_layer(const mvad_layer_cost *layer, void *user)
{
    (void)user;
    printf("%-24s %12" PRIu64 " %10.3f\n", layer->name, layer->parameters, layer->macs / 1e9);
}

static void print_memory(const char *what, const mvad_cost *cost)
{
    printf("%-36s %9.1f %12.1f %9.1f\n", what, (double)cost->weights_bytes / 1e6,
           (double)cost->activations_bytes / 1e6,
           (double)(cost->weights_bytes + cost->activations_bytes) / 1e6);
}

static int print_text(const struct caller *caller, const struct report *report)
{
    const mvad_cost *cost = &report->inference;
    char text[CONFIG_TEXT];
    mvad_error error;
    config_text(&report->config, report->views, text);
    printf("%s\n\n%-24s %12s %10s\n", text, "layers", "parameters", "GMACs");
    if (mvad_cost_layers(&report->config, &report->session, print_layer, NULL, &error))
        return command_error(caller, &error);
    printf("%-24s %12" PRIu64 " %10.3f\n\n", "total", cost->parameters, cost->macs / 1e9);
    printf("parameters   %.2f M, %.2f M of them trainable\n", (double)cost->parameters / 1e6,
           (double)cost->parameters_trainable / 1e6);
    printf("one sample   %.1f GMACs, %.1f GFLOPs (2 a multiply-add), counted as the paper does\n",
           cost->macs / 1e9, 2 * cost->macs / 1e9);
    printf("             %.1f GMACs, %.1f GFLOPs as executed\n\n", cost->macs_executed / 1e9,
           2 * cost->macs_executed / 1e9);
    printf("%-36s %9s %12s %9s\n", "planned memory, MB", "weights", "activations", "total");
    print_memory("inference, 1 sample", cost);
    for (int recompute = 0; recompute < 2; recompute++) {
        char what[64];
        snprintf(what, sizeof what, "training step, %d sample%s%s", report->batch,
                 report->batch == 1 ? "" : "s", recompute ? ", recompute" : "");
        print_memory(what, &report->training[recompute]);
    }
    return EXIT_DONE;
}

static void add_layer(const mvad_layer_cost *layer, void *user)
{
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "name", layer->name);
    cJSON_AddNumberToObject(json, "parameters", (double)layer->parameters);
    cJSON_AddNumberToObject(json, "macs", layer->macs);
    cJSON_AddItemToArray(user, json);
}

static int print_json(const struct caller *caller, const struct report *report)
{
    mvad_error error;
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "version", mvad_version());
    cJSON_AddItemToObject(json, "config", json_config(&report->config, report->views));
    cJSON_AddItemToObject(json, "device", json_device(&report->device));
    cJSON *layers = cJSON_AddArrayToObject(json, "layers");
    if (mvad_cost_layers(&report->config, &report->session, add_layer, layers, &error)) {
        cJSON_Delete(json);
        return command_error(caller, &error);
    }
    cJSON_AddNumberToObject(json, "parameters", (double)report->inference.parameters);
    cJSON_AddNumberToObject(json, "parameters_trainable",
                            (double)report->inference.parameters_trainable);
    cJSON_AddItemToObject(json, "inference", json_cost(&report->inference));
    cJSON_AddNumberToObject(json, "training_batch", report->batch);
    cJSON_AddItemToObject(json, "training", json_cost(&report->training[0]));
    cJSON_AddItemToObject(json, "training_recompute", json_cost(&report->training[1]));
    return json_print(caller, json);
}

/* The configuration of the options, or of a model file, which is checked as a whole on the way. */
static int configure(const struct caller *caller, const struct config_options *options,
                     const char *path, struct report *report)
{
    mvad_model *model = NULL;
    if (!path) {
        int code = config_options_read(caller, options, &report->config);
        report->views = report->config.views;
        return code;
    }
    int code = config_options_load(caller, options, path, &model, &report->views);
    if (code == OPTIONS_READ) report->config = mvad_model_config(model);
    mvad_model_destroy(model);
    return code;
}

int verb_info(const char *program, const struct command *command, int argc, char **argv)
{
    const struct caller caller = {program, command};
    struct text_option model = {0};
    struct number_option batch = {.value = 8};
    int json = 0;
    struct config_options config;
    struct device_options device_options;
    config_options_init(&config);
    device_options_init(&device_options);
    struct poptOption table[] = {
        {"model", 'm', POPT_ARG_STRING, &model, 0,
         "Model file, or the folder of a run, to describe", "PATH"},
        {"batch", 'b', POPT_ARG_INT | POPT_ARGFLAG_SHOW_DEFAULT, &batch, 0,
         "Samples of the training step", "B"},
        {"json", 0, POPT_ARG_NONE, &json, 0, "Print JSON", NULL},
        OPTION_HELP,
        OPTION_GROUP(config.table, "Model (with --model: for what the file does not say):"),
        OPTION_GROUP(device_options.table, "Device whose workspaces are counted:"),
        POPT_TABLEEND};
    struct report report = {0};
    mvad_device *device = NULL;
    int code = options_parse(&caller, table, argc, argv);
    if (code == OPTIONS_READ) code = options_count(&caller, "batch", batch.value, MAX_BATCH);
    report.batch = batch.value;
    if (code == OPTIONS_READ) code = configure(&caller, &config, model.value, &report);
    if (code == OPTIONS_READ) code = device_options_open(&caller, &device_options, &device);
    if (code == OPTIONS_READ) code = gather(&caller, device, &report);
    if (code == OPTIONS_READ)
        code = json ? print_json(&caller, &report) : print_text(&caller, &report);
    mvad_device_close(device);
    options_free(table);
    return code;
}
