#include "cli/common/config_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/common/model_folder.h"

static void list_text(const int32_t *values, char text[32])
{
    snprintf(text, 32, "%d,%d,%d", values[0], values[1], values[2]);
}

void config_options_init(struct config_options *options)
{
    const mvad_config config = mvad_config_default();
    *options = (struct config_options){
        .backbone = {.value = mvad_backbone_name(config.backbone)},
        .projection = {.value = mvad_projection_name(config.projection)},
        .windows = {.value = options->defaults[0]},
        .topk = {.value = options->defaults[1]},
        .blocks = {.value = options->defaults[2]},
        .views = {.value = config.views},
        .size = {.value = config.image_size},
    };
    list_text(config.windows, options->defaults[0]);
    list_text(config.topk, options->defaults[1]);
    list_text(config.blocks, options->defaults[2]);
    const unsigned int text = POPT_ARG_STRING | POPT_ARGFLAG_SHOW_DEFAULT;
    const unsigned int number = POPT_ARG_INT | POPT_ARGFLAG_SHOW_DEFAULT;
    const struct poptOption table[] = {
        {"backbone", 0, text, &options->backbone, 0,
         "Teacher: resnet18, resnet34, resnet50 or wide_resnet50_2", "NAME"},
        {"projection", 0, text, &options->projection, 0,
         "Keys, queries and values of the attention: none or qkv", "NAME"},
        {"route-projection", 0, POPT_ARG_NONE, &options->route_projection, 0,
         "Project the queries before windows are selected", NULL},
        {"views", 0, number, &options->views, 0, "Views of a sample, 1 to 16", "V"},
        {"size", 0, number, &options->size, 0, "Image size, a multiple of 32 up to 1024", "S"},
        {"windows", 0, text, &options->windows, 0, "Attention windows a side at each scale",
         "A,A,A"},
        {"topk", 0, text, &options->topk, 0, "Windows of other views a window attends to", "K,K,K"},
        {"blocks", 0, text, &options->blocks, 0, "Attention blocks at each scale", "N,N,N"},
        POPT_TABLEEND};
    _Static_assert(sizeof table == sizeof options->table, "one entry an option");
    memcpy(options->table, table, sizeof table);
}

bool config_options_given(const struct config_options *options)
{
    return options->backbone.owned || options->projection.owned || options->windows.owned ||
           options->topk.owned || options->blocks.owned || options->route_projection ||
           options->size.given || options->views.given;
}

int config_options_read(const struct caller *caller, const struct config_options *options,
                        mvad_config *config)
{
    mvad_error error;
    *config = mvad_config_default();
    config->route_projection = options->route_projection;
    config->views = options->views.value;
    config->image_size = options->size.value;
    if (mvad_backbone_from_name(options->backbone.value, &config->backbone, &error) ||
        mvad_projection_from_name(options->projection.value, &config->projection, &error))
        return command_error(caller, &error);
    int code =
        options_integers(caller, "windows", options->windows.value, MVAD_SCALES, config->windows);
    if (code == OPTIONS_READ)
        code = options_integers(caller, "topk", options->topk.value, MVAD_SCALES, config->topk);
    if (code == OPTIONS_READ)
        code =
            options_integers(caller, "blocks", options->blocks.value, MVAD_SCALES, config->blocks);
    if (code != OPTIONS_READ) return code;
    if (mvad_config_check(config, &error)) return command_error(caller, &error);
    return OPTIONS_READ;
}

/* Does the file say all of its configuration? OPTIONS_READ with the answer, or an exit code. */
static int has_configuration(const struct caller *caller, const char *path, bool *answer)
{
    static const char *const keys[] = {"mvad.backbone", "mvad.projection", "mvad.windows",
                                       "mvad.topk",     "mvad.blocks",     "mvad.route_projection",
                                       "mvad.views",    "mvad.image_size"};
    mvad_tensors *tensors = NULL;
    mvad_error error;
    if (mvad_tensors_load(path, &tensors, &error)) return command_error(caller, &error);
    *answer = true;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (!mvad_tensors_metadata(tensors, keys[i])) *answer = false;
    mvad_tensors_destroy(tensors);
    return OPTIONS_READ;
}

/* The first option given that says something else than the file. */
static const char *contradiction(const struct config_options *options, const mvad_config *asked,
                                 const mvad_config *file)
{
    if (options->backbone.owned && asked->backbone != file->backbone) return "backbone";
    if (options->projection.owned && asked->projection != file->projection) return "projection";
    if (options->route_projection && !file->route_projection) return "route-projection";
    if (options->size.given && asked->image_size != file->image_size) return "size";
    if (options->windows.owned && memcmp(asked->windows, file->windows, sizeof file->windows))
        return "windows";
    if (options->topk.owned && memcmp(asked->topk, file->topk, sizeof file->topk)) return "topk";
    if (options->blocks.owned && memcmp(asked->blocks, file->blocks, sizeof file->blocks))
        return "blocks";
    return NULL;
}

static int load_file(const struct caller *caller, const struct config_options *options,
                     const char *path, mvad_model **model, int32_t *views)
{
    mvad_config asked;
    mvad_error error;
    bool from_file = true;
    int code = config_options_read(caller, options, &asked);
    if (code == OPTIONS_READ && config_options_given(options))
        code = has_configuration(caller, path, &from_file);
    if (code != OPTIONS_READ) return code;
    if (mvad_model_load(path, from_file ? NULL : &asked, model, &error))
        return command_error(caller, &error);
    const mvad_config file = mvad_model_config(*model);
    const char *wrong = contradiction(options, &asked, &file);
    if (wrong) {
        char text[CONFIG_TEXT];
        config_text(&file, file.views, text);
        mvad_model_destroy(*model);
        *model = NULL;
        return command_fail(caller, EXIT_USAGE, "--%s contradicts %s: %s%s", wrong, path, text,
                            file.route_projection ? "" : ", no route projection");
    }
    *views = options->views.given ? asked.views : file.views;
    return OPTIONS_READ;
}

int config_options_load(const struct caller *caller, const struct config_options *options,
                        const char *path, mvad_model **model, int32_t *views)
{
    char *file;
    *model = NULL;
    int code = model_folder_find(caller, path, &file);
    if (code == OPTIONS_READ)
        code = file ? load_file(caller, options, file, model, views)
                    : command_fail(caller, EXIT_UNREADABLE,
                                   "%s: a folder without model.safetensors (of a single-class run, "
                                   "name a class's folder)",
                                   path);
    free(file);
    return code;
}

void config_text(const mvad_config *config, int32_t views, char text[CONFIG_TEXT])
{
    char windows[32], topk[32], blocks[32];
    list_text(config->windows, windows);
    list_text(config->topk, topk);
    list_text(config->blocks, blocks);
    snprintf(text, CONFIG_TEXT,
             "%s, projection %s%s, %d view%s, %dx%d, windows %s, top-K %s, blocks %s",
             mvad_backbone_name(config->backbone), mvad_projection_name(config->projection),
             config->route_projection ? ", route projection" : "", views, views == 1 ? "" : "s",
             config->image_size, config->image_size, windows, topk, blocks);
}

void device_options_init(struct device_options *options)
{
    *options = (struct device_options){.device = {.value = "cpu"}};
    const struct poptOption table[] = {
        {"device", 'd', POPT_ARG_STRING | POPT_ARGFLAG_SHOW_DEFAULT, &options->device, 0,
         "Device to run on, see mvad devices", "ID"},
        {"threads", 't', POPT_ARG_INT | POPT_ARGFLAG_SHOW_DEFAULT, &options->threads, 0,
         "Threads of a CPU device, 0 for one a core", "N"},
        POPT_TABLEEND};
    _Static_assert(sizeof table == sizeof options->table, "one entry an option");
    memcpy(options->table, table, sizeof table);
}

int device_options_open(const struct caller *caller, const struct device_options *options,
                        mvad_device **device)
{
    mvad_error error;
    if (mvad_device_open(options->device.value, options->threads.value, device, &error))
        return command_error(caller, &error);
    return OPTIONS_READ;
}

int precision_read(const struct caller *caller, const char *text, mvad_precision *precision)
{
    for (int i = 0; i < MVAD_PRECISION_COUNT; i++) {
        *precision = (mvad_precision)i;
        const char *name = precision_name(*precision);
        /* fp32 is f32, and so on. */
        if (!strcmp(text, name) || (text[0] == 'f' && text[1] == 'p' && !strcmp(text + 2, name + 1)))
            return OPTIONS_READ;
    }
    return command_fail(caller, EXIT_USAGE, "--precision '%s'; known: f32, tf32, f16, bf16, f64",
                        text);
}

const char *precision_name(mvad_precision precision)
{
    static const char *const names[MVAD_PRECISION_COUNT] = {"f32", "f64", "f16", "bf16", "tf32"};
    return names[precision];
}
