#include "cli/train.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/common/cache_option.h"
#include "cli/common/interrupt.h"
#include "cli/common/model_folder.h"
#include "cli/common/path.h"
#include "cli/verbs.h"

#define MAX_BATCH 4096
#define MAX_EPOCHS 1000000
#define MAX_SECONDS 86400

/* A number not below 0; NULL leaves the library's default. */
static int read_real(const struct caller *caller, const char *name, const char *text, double *value)
{
    if (!text) return OPTIONS_READ;
    char *end;
    const double number = strtod(text, &end);
    if (end == text || *end || !isfinite(number) || number < 0)
        return command_fail(caller, EXIT_USAGE, "--%s: '%s' is not a number from 0 up", name, text);
    *value = number;
    return OPTIONS_READ;
}

static int read_norm(struct training *t)
{
    const char *text = t->options->norm.value;
    if (!strcmp(text, "file"))
        t->norm = TEACHER_NORM_FILE;
    else if (!strcmp(text, "data"))
        t->norm = TEACHER_NORM_DATA;
    else
        return command_fail(t->caller, EXIT_USAGE, "--teacher-norm: '%s'; known: file, data", text);
    return OPTIONS_READ;
}

static int read_run_options(struct training *t)
{
    const struct train_options *o = t->options;
    mvad_train_options *run = &t->run;
    int code = options_required(t->caller, "data", &o->data);
    if (code == OPTIONS_READ) code = options_required(t->caller, "out", &o->out);
    if (code == OPTIONS_READ)
        code = options_count(t->caller, "epochs", o->epochs.value, MAX_EPOCHS);
    if (code == OPTIONS_READ) code = options_count(t->caller, "batch", o->batch.value, MAX_BATCH);
    if (code == OPTIONS_READ)
        code = options_count(t->caller, "checkpoint-seconds", o->checkpoint.value, MAX_SECONDS);
    if (code == OPTIONS_READ)
        code = read_real(t->caller, "lr", o->rate.value, &run->step.learning_rate);
    if (code == OPTIONS_READ)
        code = read_real(t->caller, "dropout", o->dropout.value, &run->step.dropout);
    if (code == OPTIONS_READ)
        code = read_real(t->caller, "drop-path", o->drop_path.value, &run->step.drop_path);
    if (code == OPTIONS_READ)
        code = options_seed(t->caller, "seed", o->seed.value, &run->step.seed);
    if (code == OPTIONS_READ && o->evaluate.value < 0)
        code = command_fail(t->caller, EXIT_USAGE, "--eval-every is %d; it must not be negative",
                            o->evaluate.value);
    if (code == OPTIONS_READ) code = read_norm(t);
    if (code == OPTIONS_READ)
        code = precision_read(t->caller, o->precision.value, &run->step.precision);
    if (code == OPTIONS_READ) code = read_real(t->caller, "holdout", o->holdout.value, &t->holdout);
    if (code == OPTIONS_READ && t->holdout >= 1)
        code = command_fail(t->caller, EXIT_USAGE, "--holdout is %s; it must be below 1",
                            o->holdout.value);
    run->epochs = o->epochs.value;
    run->checkpoint_seconds = o->checkpoint.value;
    run->evaluate_every = o->evaluate.value;
    run->step.samples = o->batch.value;
    run->step.recompute = o->recompute;
    return code;
}

/* A run in t->folder on t->class_name, or on all classes. */
static int train_one(struct training *t, const mvad_config *asked)
{
    mvad_config config = *asked;
    t->run.folder = t->folder;
    t->run.resume = t->resume;
    int code = train_check_folder(t);
    if (code == OPTIONS_READ && t->resume) {
        code = train_resume_model(t);
        if (code == OPTIONS_READ) config = mvad_model_config(t->model);
    }
    if (code == OPTIONS_READ) code = train_open_data(t, config.image_size);
    if (code == OPTIONS_READ && !t->resume) code = train_create_model(t, &config);
    if (code == OPTIONS_READ) code = train_run(t);
    mvad_dataset_close(t->dataset);
    mvad_model_destroy(t->model);
    t->dataset = NULL;
    t->model = NULL;
    return code;
}

static bool has_checkpoint(const char *folder)
{
    char *path = path_join(folder, "checkpoint.safetensors");
    const bool exists = path && access(path, F_OK) == 0;
    free(path);
    return exists;
}

static size_t count_trained(const mvad_dataset *dataset)
{
    size_t count = 0;
    for (size_t i = 0; i < mvad_dataset_class_count(dataset); i++) {
        mvad_dataset_class c;
        count += !mvad_dataset_class_at(dataset, i, &c, NULL) && c.train_samples;
    }
    return count;
}

/* A run a class, in folders of their own. The data of all of them is checked before the first one
 * begins. Resuming takes them up where they are: done, begun or not begun. */
static int train_each_class(struct training *t, const mvad_config *config)
{
    const mvad_train_options settings = t->run;
    const char *out = t->options->out.value;
    t->check_only = true;
    int code = train_open_data(t, config->image_size);
    mvad_dataset *all = t->dataset;
    t->dataset = NULL;
    t->check_only = false;
    t->quiet = true;
    t->count = code == OPTIONS_READ ? count_trained(all) : 0;
    if (code == OPTIONS_READ && !t->count)
        code = command_fail(t->caller, EXIT_UNREADABLE, "%s: there are no training samples",
                            t->options->data.value);
    if (code == OPTIONS_READ && mkdir(out, 0777) && errno != EEXIST)
        code = command_fail(t->caller, EXIT_FAILED, "%s: cannot create the folder: %s", out,
                            strerror(errno));
    for (size_t i = 0; t->number < t->count && (code == OPTIONS_READ || code == EXIT_DONE); i++) {
        mvad_dataset_class c;
        char *folder = NULL;
        if (mvad_dataset_class_at(all, i, &c, NULL) || !c.train_samples) continue;
        code = model_folder_class(t->caller, out, c.name, NULL, &folder);
        t->class_name = c.name;
        t->folder = folder;
        t->number++;
        t->run = settings;
        t->last = (mvad_train_progress){0};
        t->resume = folder && t->options->resume && has_checkpoint(folder);
        if (code == OPTIONS_READ) code = train_one(t, config);
        free(folder);
    }
    mvad_dataset_close(all);
    return code;
}

static int train(const struct caller *caller, const struct train_options *options)
{
    struct training t = {.caller = caller,
                         .options = options,
                         .folder = options->out.value,
                         .resume = options->resume,
                         .run = mvad_train_options_default(),
                         .terminal = isatty(STDERR_FILENO)};
    mvad_config config;
    const bool single = !strcmp(options->setting.value, "single");
    int code = OPTIONS_READ;
    if (!single && strcmp(options->setting.value, "multi") != 0)
        code = command_fail(caller, EXIT_USAGE, "--setting: '%s'; known: multi, single",
                            options->setting.value);
    if (code == OPTIONS_READ) code = read_run_options(&t);
    if (code == OPTIONS_READ) code = config_options_read(caller, &options->config, &config);
    if (code == OPTIONS_READ) code = device_options_open(caller, &options->device, &t.device);
    interrupt_catch();
    if (code == OPTIONS_READ)
        code = single ? train_each_class(&t, &config) : train_one(&t, &config);
    mvad_device_close(t.device);
    return code;
}

int verb_train(const char *program, const struct command *command, int argc, char **argv)
{
    const struct caller caller = {program, command};
    const unsigned int number = POPT_ARG_INT | POPT_ARGFLAG_SHOW_DEFAULT;
    const unsigned int text = POPT_ARG_STRING | POPT_ARGFLAG_SHOW_DEFAULT;
    const mvad_train_options defaults = mvad_train_options_default();
    struct train_options o = {.seed = {.value = "1"},
                              .setting = {.value = "multi"},
                              .norm = {.value = "file"},
                              .precision = {.value = "f32"},
                              .epochs = {.value = defaults.epochs},
                              .batch = {.value = defaults.step.samples},
                              .checkpoint = {.value = defaults.checkpoint_seconds}};
    config_options_init(&o.config);
    device_options_init(&o.device);
    struct poptOption table[] = {
        {"data", 0, POPT_ARG_STRING, &o.data, 0, "Data set: a folder or a manifest (required)",
         "PATH"},
        {"variant", 0, POPT_ARG_STRING, &o.variant, 0, "Real-IAD's JSON files: sv, fuiad_0.1, ..",
         "NAME"},
        {"classes", 0, POPT_ARG_STRING, &o.classes, 0, "Only these, separated by commas", "LIST"},
        {"skip-bad", 0, POPT_ARG_NONE, &o.skip_bad, 0,
         "Train without the samples that cannot be used, and list them", NULL},
        OPTION_CACHE(&o.cache),
        {"out", 'o', POPT_ARG_STRING, &o.out, 0,
         "Folder for the model, the checkpoint and the log (required)", "RUN"},
        {"resume", 0, POPT_ARG_NONE, &o.resume, 0, "Go on from the folder's checkpoint", NULL},
        {"setting", 0, text, &o.setting, 0,
         "multi: one model for all classes; single: one a class, in RUN/CLASS", "NAME"},
        {"teacher", 0, POPT_ARG_STRING, &o.teacher, 0,
         "Trained ResNet (.safetensors, torchvision's or timm's names), builtin (resnet18 only; "
         "its "
         "default), or random",
         "FILE"},
        {"teacher-norm", 0, text, &o.norm, 0,
         "Batch norms of the teacher: as in the file, or re-estimated on the training data",
         "file|data"},
        {"epochs", 'e', number, &o.epochs, 0, "Passes over the training samples", "N"},
        {"batch", 'b', number, &o.batch, 0, "Samples a step: more take more memory", "B"},
        {"lr", 0, POPT_ARG_STRING, &o.rate, 0,
         "Learning rate; 0 or not given: 0.005 * B * V / 16 (a tenth after 80% of the epochs)", "X"},
        {"dropout", 0, POPT_ARG_STRING, &o.dropout, 0, "Share of dropout (default: 0.1)", "X"},
        {"drop-path", 0, POPT_ARG_STRING, &o.drop_path, 0,
         "Share of attention branches left out (default: 0.1)", "X"},
        {"holdout", 0, POPT_ARG_STRING, &o.holdout, 0,
         "Share of each class's good parts kept out of training, for mvad calibrate (default: 0)",
         "X"},
        {"eval-every", 0, number, &o.evaluate, 0,
         "Epochs between evaluations of the test split, 0 for none; also after the last", "N"},
        {"seed", 0, text, &o.seed, 0, "Seed of initial values, shuffles and dropout", "N"},
        {"recompute", 0, POPT_ARG_NONE, &o.recompute, 0, "Less memory, more time, the same bits",
         NULL},
        {"checkpoint-seconds", 0, number, &o.checkpoint, 0, "Time between checkpoints", "N"},
        OPTION_PRECISION(&o.precision),
        OPTION_HELP,
        OPTION_GROUP(o.config.table,
                     "Model (--resume: the checkpoint's; --views not given: as the data has):"),
        OPTION_GROUP(o.device.table, "Device:"),
        POPT_TABLEEND};
    int code = options_parse(&caller, table, argc, argv);
    if (code == OPTIONS_READ) code = train(&caller, &o);
    options_free(table);
    return code;
}
