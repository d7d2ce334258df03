#include <stdlib.h>
#include <string.h>

#include "cli/common/config_options.h"
#include "cli/verbs.h"

/* Whether the file holds a whole model, and not a teacher alone. */
static bool is_model(const mvad_tensors *tensors)
{
    static const char student[] = "net_s.";
    for (size_t i = 0; i < mvad_tensors_count(tensors); i++) {
        mvad_tensor_view view;
        if (!mvad_tensors_at(tensors, i, &view, NULL) &&
            !strncmp(view.name, student, sizeof student - 1))
            return true;
    }
    return false;
}

/* Tensors as they are, but for floats, which become float32. */
static int convert_tensors(const struct caller *caller, const char *in, const char *out)
{
    mvad_tensors *tensors = NULL;
    mvad_error error;
    if (mvad_tensors_load(in, &tensors, &error)) return command_error(caller, &error);
    const bool without_configuration =
        is_model(tensors) && !mvad_tensors_metadata(tensors, "mvad.backbone");
    int code = EXIT_DONE;
    mvad_tensors_make_float32(tensors);
    if (mvad_tensors_save(tensors, out, &error))
        code = command_fail(caller, EXIT_FAILED, "%s", error.message);
    else if (without_configuration)
        command_fail(caller, code,
                     "note: %s holds a model and does not tell its configuration; with --backbone, "
                     "--windows and so on, %s will",
                     in, out);
    mvad_tensors_destroy(tensors);
    return code;
}

/* A model with its configuration, checked as a whole. */
static int convert_model(const struct caller *caller, const struct config_options *options,
                         const char *in, const char *out)
{
    mvad_model *model = NULL;
    mvad_error error;
    int32_t views;
    int code = config_options_load(caller, options, in, &model, &views);
    if (code != OPTIONS_READ) return code;
    code = EXIT_DONE;
    if (mvad_model_save(model, out, &error))
        code = command_fail(caller, EXIT_FAILED, "%s", error.message);
    mvad_model_destroy(model);
    return code;
}

int verb_convert(const char *program, const struct command *command, int argc, char **argv)
{
    const struct caller caller = {program, command};
    struct argument_list files = {0};
    struct config_options config;
    config_options_init(&config);
    struct poptOption table[] = {
        OPTION_ARGUMENTS(&files, "[OPTION...] IN OUT"), OPTION_HELP,
        OPTION_GROUP(config.table, "Of a model whose file does not tell its configuration:"),
        POPT_TABLEEND};
    int code = options_parse(&caller, table, argc, argv);
    if (code == OPTIONS_READ && files.count != 2)
        code =
            command_fail(&caller, EXIT_USAGE, "%zu files given, not two: IN and OUT", files.count);
    if (code == OPTIONS_READ)
        code = config_options_given(&config)
                   ? convert_model(&caller, &config, files.values[0], files.values[1])
                   : convert_tensors(&caller, files.values[0], files.values[1]);
    options_free(table);
    return code;
}
