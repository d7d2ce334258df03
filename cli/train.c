#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/common/config_options.h"
#include "cli/verbs.h"

#define MAX_BATCH 4096
#define MAX_EPOCHS 1000000
#define MAX_SECONDS 86400
#define EXIT_INTERRUPTED 130     /* what a shell says of a program that SIGINT ended */
#define SECONDS_BETWEEN_LINES 10 /* where standard error is no terminal */

struct train_options {
    struct text_option data, variant, classes, out, teacher, rate, dropout, drop_path, seed;
    struct number_option epochs, batch, checkpoint;
    int recompute, resume, skip_bad;
    struct config_options config;
    struct device_options device;
};

/* Everything of one run. */
struct training {
    const struct caller *caller;
    const struct train_options *options;
    mvad_train_options run;
    mvad_dataset *dataset;
    mvad_model *model;
    mvad_device *device;
    mvad_train_progress last; /* step 0 before the first one */
    bool terminal;            /* progress is one line, rewritten in place */
    bool line_open;           /* the terminal's cursor is in that line */
    size_t fatal, warnings;   /* problems of the data */
    double shown;             /* seconds: when progress was printed last */
};

/* Handlers have nothing else to tell the program with. */
static volatile sig_atomic_t interrupted;

static void take_signal(int number)
{
    (void)number;
    interrupted = 1;
}

/* The first signal ends the run after a checkpoint, the second one ends the program. */
static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = take_signal,
                               .sa_flags = SA_RESTART | (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is to be seen as a failed write */
}

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void warn(const struct training *t, const char *text)
{
    command_fail(t->caller, EXIT_DONE, "warning: %s", text);
}

/* Leaves the progress line, so that a message gets a line of its own. */
static void close_line(struct training *t)
{
    if (t->line_open) fputc('\n', stderr);
    t->line_open = false;
}

static void show_check(size_t done, size_t total, void *user)
{
    struct training *t = user;
    if (!t->terminal) return;
    fprintf(stderr, "\rchecking images: %zu of %zu", done, total);
    t->line_open = true;
}

/* Those that make a sample unusable, one line each; the others are counted. */
static void show_problem(const mvad_dataset_problem *problem, void *user)
{
    struct training *t = user;
    close_line(t);
    t->warnings += !problem->fatal;
    if (!problem->fatal) return;
    t->fatal++;
    command_fail(t->caller, EXIT_UNREADABLE, "%s%s: %s", t->options->skip_bad ? "skipped: " : "",
                 problem->kind, problem->text);
}

static int check_data(struct training *t)
{
    mvad_dataset_check_options check = mvad_dataset_check_options_default();
    mvad_error error;
    size_t fatal = 0;
    check.threads = t->options->device.threads.value;
    check.remove = t->options->skip_bad;
    check.problem = show_problem;
    check.progress = show_check;
    check.user = t;
    mvad_status status = mvad_dataset_check(t->dataset, &check, &fatal, &error);
    close_line(t);
    if (status) return command_error(t->caller, &error);
    if (t->warnings) {
        char text[128];
        snprintf(text, sizeof text, "%zu peculiarities of the data; mvad data check lists them",
                 t->warnings);
        warn(t, text);
    }
    if (fatal && !t->options->skip_bad)
        return command_fail(t->caller, EXIT_UNREADABLE,
                            "%zu problems of the data; --skip-bad trains without these samples",
                            fatal);
    return OPTIONS_READ;
}

/* The number of views most samples of the first class with samples have, by its mean. */
static int32_t count_views(const mvad_dataset *dataset)
{
    for (size_t i = 0; i < mvad_dataset_class_count(dataset); i++) {
        mvad_dataset_class c;
        if (mvad_dataset_class_at(dataset, i, &c, NULL)) continue;
        const uint64_t samples = c.train_samples + c.test_samples;
        if (samples) return (int32_t)((c.views + samples / 2) / samples);
    }
    return 1; /* mvad_train says that there is nothing to train on */
}

/* A path in the folder of the run, to be freed by the caller; NULL without memory. */
static char *path_in_run(const struct training *t, const char *name)
{
    const size_t bytes = strlen(t->options->out.value) + strlen(name) + 2;
    char *path = malloc(bytes);
    if (path) snprintf(path, bytes, "%s/%s", t->options->out.value, name);
    return path;
}

/* The model and its views: from the run to be resumed. */
static int resume_model(struct training *t)
{
    char *path = path_in_run(t, "model.safetensors");
    if (!path) return command_fail(t->caller, EXIT_FAILED, "out of memory");
    int code =
        config_options_load(t->caller, &t->options->config, path, &t->model, &t->run.step.views);
    free(path);
    return code;
}

static int load_teacher(struct training *t)
{
    mvad_error error;
    const char *teacher = t->options->teacher.value;
    if (teacher) {
        if (mvad_model_load_teacher(t->model, teacher, &error))
            return command_error(t->caller, &error);
    } else if (!t->options->resume) {
        warn(t, "the teacher is random, and so are the features that defects are found by; "
                "--teacher FILE takes a trained one: a torchvision or timm ResNet as .safetensors");
    }
    return OPTIONS_READ;
}

static int create_model(struct training *t, const mvad_config *asked)
{
    mvad_config config = *asked;
    mvad_error error;
    if (!t->options->config.views.given) config.views = count_views(t->dataset);
    if (mvad_model_create(&config, t->run.step.seed, &t->model, &error))
        return command_error(t->caller, &error);
    return OPTIONS_READ;
}

/* A run is not lost by giving its folder to another one. */
static int check_folder(const struct training *t)
{
    char *path = path_in_run(t, "checkpoint.safetensors");
    if (!path) return command_fail(t->caller, EXIT_FAILED, "out of memory");
    const bool exists = access(path, F_OK) == 0;
    int code = OPTIONS_READ;
    if (exists && !t->options->resume)
        code = command_fail(t->caller, EXIT_USAGE,
                            "%s exists: --resume goes on with that run, another folder begins anew",
                            path);
    else if (!exists && t->options->resume)
        code =
            command_fail(t->caller, EXIT_UNREADABLE, "%s: no such file, nothing to resume", path);
    free(path);
    return code;
}

static int open_data(struct training *t, int32_t image_size)
{
    mvad_dataset_options options = mvad_dataset_options_default();
    mvad_error error;
    options.variant = t->options->variant.value;
    options.classes = t->options->classes.value;
    options.image_size = image_size;
    if (mvad_dataset_open(t->options->data.value, &options, &t->dataset, &error))
        return command_error(t->caller, &error);
    return check_data(t);
}

static void show_progress(struct training *t)
{
    const mvad_train_progress *p = &t->last;
    const int64_t left = (int64_t)fmin(p->seconds_left + 0.5, 1e9);
    fprintf(stderr,
            "%sepoch %d/%d  step %" PRId64 "/%" PRId64 "  loss %.4f  %.1f samples/s  %" PRId64
            ":%02d:%02d left%s",
            t->terminal ? "\r" : "", p->epoch, p->epochs, p->step, p->steps, p->loss,
            p->samples_per_second, left / 3600, (int)(left / 60 % 60), (int)(left % 60),
            t->terminal ? "\033[K" : "\n"); /* erases what a longer line left behind */
    t->line_open = t->terminal;
}

static int32_t take_progress(const mvad_train_progress *progress, void *user)
{
    struct training *t = user;
    const double now = seconds_now(), pause = t->terminal ? 0.1 : SECONDS_BETWEEN_LINES;
    t->last = *progress;
    if (now - t->shown >= pause || (t->terminal && progress->step == progress->steps)) {
        show_progress(t);
        t->shown = now;
    }
    return interrupted;
}

static int run(struct training *t)
{
    mvad_error error;
    int32_t finished = 0;
    t->run.progress = take_progress;
    t->run.user = t;
    t->shown = seconds_now();
    catch_signals();
    mvad_status status = mvad_train(t->model, t->device, t->dataset, &t->run, &finished, &error);
    close_line(t);
    /* The data has been read once by the check: what cannot be read or written now is the run's. */
    if (status == MVAD_ERROR_IO) return command_fail(t->caller, EXIT_FAILED, "%s", error.message);
    if (status) return command_error(t->caller, &error);
    if (!finished)
        return command_fail(t->caller, EXIT_INTERRUPTED,
                            "stopped after step %" PRId64 " of %" PRId64
                            "; the same command with --resume goes on from there",
                            t->last.step, t->last.steps);
    if (t->last.step)
        printf("%s/model.safetensors: %" PRId64 " steps, loss %.7g\n", t->run.folder, t->last.step,
               t->last.loss);
    else
        printf("%s/model.safetensors: was finished\n", t->run.folder);
    return EXIT_DONE;
}

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
    run->epochs = o->epochs.value;
    run->checkpoint_seconds = o->checkpoint.value;
    run->folder = o->out.value;
    run->resume = o->resume;
    run->step.samples = o->batch.value;
    run->step.recompute = o->recompute;
    return code;
}

static int train(const struct caller *caller, const struct train_options *options)
{
    struct training t = {.caller = caller,
                         .options = options,
                         .run = mvad_train_options_default(),
                         .terminal = isatty(STDERR_FILENO)};
    mvad_config config;
    int code = read_run_options(&t);
    if (code == OPTIONS_READ) code = config_options_read(caller, &options->config, &config);
    if (code == OPTIONS_READ) code = check_folder(&t);
    if (code == OPTIONS_READ && options->resume) {
        code = resume_model(&t);
        if (code == OPTIONS_READ) config = mvad_model_config(t.model);
    }
    if (code == OPTIONS_READ) code = open_data(&t, config.image_size);
    if (code == OPTIONS_READ && !options->resume) code = create_model(&t, &config);
    if (code == OPTIONS_READ) code = load_teacher(&t);
    if (code == OPTIONS_READ) code = device_options_open(caller, &options->device, &t.device);
    if (code == OPTIONS_READ) code = run(&t);
    mvad_dataset_close(t.dataset);
    mvad_model_destroy(t.model);
    mvad_device_close(t.device);
    return code;
}

int verb_train(const char *program, const struct command *command, int argc, char **argv)
{
    const struct caller caller = {program, command};
    const unsigned int number = POPT_ARG_INT | POPT_ARGFLAG_SHOW_DEFAULT;
    const mvad_train_options defaults = mvad_train_options_default();
    struct train_options o = {.seed = {.value = "1"},
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
        {"out", 'o', POPT_ARG_STRING, &o.out, 0,
         "Folder for the model, the checkpoint and the log (required)", "RUN"},
        {"resume", 0, POPT_ARG_NONE, &o.resume, 0, "Go on from the folder's checkpoint", NULL},
        {"teacher", 0, POPT_ARG_STRING, &o.teacher, 0,
         "Trained ResNet (torchvision's or timm's names); without it the teacher is random", "FILE"},
        {"epochs", 'e', number, &o.epochs, 0, "Passes over the training samples", "N"},
        {"batch", 'b', number, &o.batch, 0, "Samples a step: more take more memory", "B"},
        {"lr", 0, POPT_ARG_STRING, &o.rate, 0,
         "Learning rate; 0 or not given: 0.005 * B * V / 16 (a tenth after 80% of the epochs)", "X"},
        {"dropout", 0, POPT_ARG_STRING, &o.dropout, 0, "Share of dropout (default: 0.1)", "X"},
        {"drop-path", 0, POPT_ARG_STRING, &o.drop_path, 0,
         "Share of attention branches left out (default: 0.1)", "X"},
        {"seed", 0, POPT_ARG_STRING | POPT_ARGFLAG_SHOW_DEFAULT, &o.seed, 0,
         "Seed of initial values, shuffles and dropout", "N"},
        {"recompute", 0, POPT_ARG_NONE, &o.recompute, 0, "Less memory, more time, the same bits",
         NULL},
        {"checkpoint-seconds", 0, number, &o.checkpoint, 0, "Time between checkpoints", "N"},
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
