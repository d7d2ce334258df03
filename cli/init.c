#include "cli/common/config_options.h"
#include "cli/verbs.h"

static int write_model(const struct caller *caller, const struct config_options *config_options,
                       const struct text_option *out, const struct text_option *seed_text)
{
    mvad_config config;
    mvad_model *model = NULL;
    mvad_error error;
    uint64_t seed = 0;
    int code = options_required(caller, "out", out);
    if (code == OPTIONS_READ) code = config_options_read(caller, config_options, &config);
    if (code == OPTIONS_READ) code = options_seed(caller, "seed", seed_text->value, &seed);
    if (code != OPTIONS_READ) return code;
    code = EXIT_DONE;
    if (mvad_model_create(&config, seed, &model, &error))
        code = command_error(caller, &error);
    else if (mvad_model_save(model, out->value, &error))
        code = command_fail(caller, EXIT_FAILED, "%s", error.message);
    mvad_model_destroy(model);
    return code;
}

int verb_init(const char *program, const struct command *command, int argc, char **argv)
{
    const struct caller caller = {program, command};
    struct text_option out = {0}, seed = {.value = "1"};
    struct config_options config;
    config_options_init(&config);
    struct poptOption table[] = {
        {"out", 'o', POPT_ARG_STRING, &out, 0, "Model file to write (required)", "FILE"},
        {"seed", 0, POPT_ARG_STRING | POPT_ARGFLAG_SHOW_DEFAULT, &seed, 0,
         "Seed of the initial values", "N"},
        OPTION_HELP,
        OPTION_GROUP(config.table, "Model:"),
        POPT_TABLEEND};
    int code = options_parse(&caller, table, argc, argv);
    if (code == OPTIONS_READ) code = write_model(&caller, &config, &out, &seed);
    options_free(table);
    return code;
}
