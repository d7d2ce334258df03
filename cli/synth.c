#include <stdio.h>
#include <unistd.h>

#include "cli/common/clock.h"
#include "cli/common/options.h"
#include "cli/verbs.h"
#include "mvad.h"

/* One line on the terminal, written over itself. */
static int show_progress(int64_t done, int64_t total, void *user)
{
    const double *start = user;
    double left = (clock_seconds() - *start) * (double)(total - done) / (double)done;
    fprintf(stderr, "\r%lld of %lld images, %.0f s left   %s", (long long)done, (long long)total,
            left, done == total ? "\n" : "");
    fflush(stderr);
    return 0;
}

static int write_set(const struct caller *caller, const struct text_option *out,
                     const struct text_option *seed, mvad_synth_options *options)
{
    mvad_error error;
    int code = options_required(caller, "out", out);
    if (code == OPTIONS_READ) code = options_seed(caller, "seed", seed->value, &options->seed);
    if (code != OPTIONS_READ) return code;

    double start = clock_seconds();
    mvad_synth_progress show = isatty(STDERR_FILENO) ? show_progress : NULL;
    mvad_status status = mvad_synth_write(out->value, options, show, &start, &error);
    if (status == MVAD_ERROR_IO) return command_fail(caller, EXIT_FAILED, "%s", error.message);
    if (status) return command_error(caller, &error);
    int samples = options->classes * (options->samples_train + options->samples_test);
    printf("%s: %d classes, %d samples, %d images of %dx%d, %.1f s\n", out->value, options->classes,
           samples, samples * MVAD_SYNTH_VIEWS, options->image_size, options->image_size,
           clock_seconds() - start);
    return EXIT_DONE;
}

int verb_synth(const char *program, const struct command *command, int argc, char **argv)
{
    const struct caller caller = {program, command};
    mvad_synth_options options = mvad_synth_options_default();
    struct text_option out = {0}, seed = {.value = "1"};
    struct number_option classes = {.value = options.classes},
                         train = {.value = options.samples_train},
                         test = {.value = options.samples_test},
                         size = {.value = options.image_size}, threads = {.value = options.threads};
    const int number = POPT_ARG_INT | POPT_ARGFLAG_SHOW_DEFAULT;
    struct poptOption table[] = {
        {"out", 'o', POPT_ARG_STRING, &out, 0, "Folder to make; it must be empty or new (required)",
         "DIR"},
        {"classes", 0, number, &classes, 0,
         "Kinds of parts: the first so many of plate, cap, wheel, board", "N"},
        {"train", 0, number, &train, 0, "Training samples of each class, all good", "N"},
        {"test", 0, number, &test, 0, "Test samples of each class, half of them defective", "N"},
        {"size", 0, number, &size, 0, "Pixels a side", "PIXELS"},
        {"seed", 0, POPT_ARG_STRING | POPT_ARGFLAG_SHOW_DEFAULT, &seed, 0,
         "Seed; the same one gives the same files", "N"},
        {"threads", 0, number, &threads, 0, "Threads; 0: as many as OpenMP would use", "N"},
        OPTION_HELP,
        POPT_TABLEEND};
    int code = options_parse(&caller, table, argc, argv);
    options.classes = classes.value;
    options.samples_train = train.value;
    options.samples_test = test.value;
    options.image_size = size.value;
    options.threads = threads.value;
    if (code == OPTIONS_READ) code = write_set(&caller, &out, &seed, &options);
    options_free(table);
    return code;
}
