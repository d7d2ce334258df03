/* The model a run begins with, and its teacher. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/common/interrupt.h"
#include "cli/common/path.h"
#include "cli/train.h"

/* A run is not lost by giving its folder to another one. */
int train_check_folder(const struct training *t)
{
    char *path = path_join(t->folder, "checkpoint.safetensors");
    if (!path) return command_fail(t->caller, EXIT_FAILED, "out of memory");
    const bool exists = access(path, F_OK) == 0;
    int code = OPTIONS_READ;
    if (exists && !t->resume)
        code = command_fail(t->caller, EXIT_USAGE,
                            "%s exists: --resume goes on with that run, another folder begins anew",
                            path);
    else if (!exists && t->resume)
        code =
            command_fail(t->caller, EXIT_UNREADABLE, "%s: no such file, nothing to resume", path);
    free(path);
    return code;
}

static bool is_random(const char *teacher)
{
    return !strcmp(teacher, "random");
}

static int take_teacher(struct training *t)
{
    mvad_error error;
    const char *teacher = t->options->teacher.value;
    mvad_status status = MVAD_OK;
    if (!teacher || !strcmp(teacher, "builtin")) {
        status = mvad_model_use_builtin_teacher(t->model, &error);
        if (status == MVAD_ERROR_UNSUPPORTED)
            return command_fail(t->caller, EXIT_USAGE, "--teacher FILE is missing: %s",
                                error.message);
    } else if (!is_random(teacher)) {
        status = mvad_model_load_teacher(t->model, teacher, &error);
    } else if (t->number <= 1) {
        command_fail(t->caller, EXIT_DONE,
                     "warning: the teacher is random, and so are the features that defects are "
                     "found by");
    }
    return status ? command_error(t->caller, &error) : OPTIONS_READ;
}

/* The teacher is the run's. One given must be the same, which the checkpoint tells; after its norms
 * have been re-estimated it is not the file's any more. */
int train_resume_model(struct training *t)
{
    char *path = path_join(t->folder, "model.safetensors");
    if (!path) return command_fail(t->caller, EXIT_FAILED, "out of memory");
    int code =
        config_options_load(t->caller, &t->options->config, path, &t->model, &t->run.step.views);
    free(path);
    if (code != OPTIONS_READ) return code;
    const bool adapted = mvad_model_note(t->model, "mvad.teacher_norm") != NULL;
    if (t->options->norm.owned && adapted != (t->norm == TEACHER_NORM_DATA))
        return command_fail(t->caller, EXIT_USAGE, "--teacher-norm is not what the run began with");
    if (!t->options->teacher.value || adapted) return code;
    const char *note = mvad_model_note(t->model, "mvad.teacher");
    if (!is_random(t->options->teacher.value)) return take_teacher(t);
    if (note && !is_random(note))
        return command_fail(t->caller, EXIT_USAGE, "--teacher is not what the run began with");
    return code;
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

static int32_t show_norms(size_t done, size_t total, void *user)
{
    struct training *t = user;
    if (t->terminal) {
        fprintf(stderr, "\rre-estimating the teacher's norms: batch %zu of %zu", done, total);
        t->line_open = true;
    }
    return interrupt_came();
}

static int adapt_teacher(struct training *t)
{
    mvad_error error;
    int32_t finished = 0;
    mvad_status status = mvad_model_estimate_teacher_norms(t->model, t->device, t->dataset,
                                                           show_norms, t, &finished, &error);
    train_close_line(t);
    if (status) return command_error(t->caller, &error);
    return finished ? OPTIONS_READ
                    : command_fail(t->caller, EXIT_INTERRUPTED, "stopped before the first step");
}

int train_create_model(struct training *t, const mvad_config *asked)
{
    mvad_config config = *asked;
    mvad_error error;
    if (!t->options->config.views.given) config.views = count_views(t->dataset);
    if (mvad_model_create(&config, t->run.step.seed, &t->model, &error))
        return command_error(t->caller, &error);
    int code = take_teacher(t);
    return code == OPTIONS_READ && t->norm == TEACHER_NORM_DATA ? adapt_teacher(t) : code;
}
