/* Training runs: epochs over a data set, checkpoints, a log. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/data/handle.h"
#include "core/model/model.h"
#include "core/train/checkpoint.h"
#include "core/train/leftovers.h"
#include "core/train/loader.h"
#include "core/train/runlog.h"
#include "core/train/schedule.h"
#include "core/train/trainer.h"

#define MAX_FACTS 24

struct run {
    const mvad_train_options *options;
    mvad_model *model;
    struct training_set set;
    struct schedule schedule;
    mvad_trainer *trainer;
    struct loader *loader;
    struct runlog log;
    struct checkpoint_fact facts[MAX_FACTS];
    size_t fact_count;
    char *model_path, *checkpoint_path, *log_path;
    int64_t first_step, step;    /* where this run began, and how many steps are done */
    int64_t saved_step;          /* of the newest checkpoint; -1: none by this run */
    double start, saved, waited; /* seconds: beginning, newest checkpoint, for images */
};

mvad_train_options mvad_train_options_default(void)
{
    return (mvad_train_options){.size = sizeof(mvad_train_options),
                                .step = mvad_trainer_options_default(),
                                .epochs = 100,
                                .decay_at = 0.8,
                                .decay_factor = 0.1,
                                .checkpoint_seconds = 60};
}

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static mvad_status check_options(const mvad_train_options *options, mvad_error *error)
{
    if (!options || options->size != sizeof *options)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "options are NULL or not initialised");
    if (!options->folder || !*options->folder)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "no folder for the run");
    if (options->checkpoint_seconds < 0)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT,
                         "checkpoint_seconds must not be negative");
    if (options->step.precision != MVAD_PRECISION_F32)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT,
                         "training runs have precision f32, which their checkpoints hold exactly");
    return MVAD_OK;
}

static struct checkpoint_fact *new_fact(struct run *run, const char *name)
{
    struct checkpoint_fact *fact = &run->facts[run->fact_count++];
    fact->name = name;
    return fact;
}

static void add_integer(struct run *run, const char *name, uint64_t value)
{
    struct checkpoint_fact *fact = new_fact(run, name);
    snprintf(fact->text, sizeof fact->text, "%" PRIu64, value);
}

/* With as many digits as it takes to tell it from every other number. */
static void add_real(struct run *run, const char *name, double value)
{
    struct checkpoint_fact *fact = new_fact(run, name);
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(fact->text, sizeof fact->text, "%.*g", digits, value);
        if (strtod(fact->text, NULL) == value) break;
    }
}

static void add_hash(struct run *run, const char *name, uint64_t value)
{
    struct checkpoint_fact *fact = new_fact(run, name);
    snprintf(fact->text, sizeof fact->text, "%016" PRIx64, value);
}

static uint64_t hash_frozen(const mvad_model *model)
{
    uint64_t hash = HASH_START;
    for (size_t i = 0; i < model->table.count; i++) {
        const struct parameter *parameter = &model->table.items[i];
        if (parameter->kind == MVAD_PARAMETER_FROZEN)
            hash = hash_bytes(hash, model->values + parameter->offset,
                              parameter->count * sizeof *model->values);
    }
    return hash;
}

/* All that decides what comes out of the run, but the device and its threads. */
static void gather_facts(struct run *run)
{
    const mvad_trainer_options *step = trainer_options(run->trainer);
    add_integer(run, "batch", (uint64_t)step->samples);
    add_integer(run, "views", (uint64_t)step->views);
    add_integer(run, "size", (uint64_t)run->model->config.image_size);
    add_integer(run, "epochs", (uint64_t)run->schedule.epochs);
    add_integer(run, "seed", step->seed);
    add_real(run, "learning_rate", run->schedule.learning_rate);
    add_real(run, "decay_at", run->options->decay_at);
    add_real(run, "decay_factor", run->schedule.decay_factor);
    add_real(run, "beta1", step->beta1);
    add_real(run, "beta2", step->beta2);
    add_real(run, "epsilon", step->epsilon);
    add_real(run, "weight_decay", step->weight_decay);
    add_real(run, "clip_norm", step->clip_norm);
    add_real(run, "loss_weight", step->loss_weight);
    add_real(run, "dropout", step->dropout);
    add_real(run, "drop_path", step->drop_path);
    add_integer(run, "classes", run->set.dataset->class_count);
    add_integer(run, "samples", run->set.count);
    add_hash(run, "sample_names", training_set_hash(&run->set));
    add_hash(run, "teacher", hash_frozen(run->model));
}

static mvad_status join(const char *folder, const char *name, char **path, mvad_error *error)
{
    const size_t bytes = strlen(folder) + strlen(name) + 2;
    *path = malloc(bytes);
    if (!*path) return error_out_of_memory(error, name, bytes);
    snprintf(*path, bytes, "%s/%s", folder, name);
    return MVAD_OK;
}

static mvad_status prepare_folder(struct run *run, mvad_error *error)
{
    const char *folder = run->options->folder;
    if (!run->options->resume && mkdir(folder, 0777) && errno != EEXIST)
        return error_set(error, MVAD_ERROR_IO, "%s: cannot create the folder: %s",
                         file_label(folder), strerror(errno));
    leftovers_remove(folder);
    mvad_status status = join(folder, "model.safetensors", &run->model_path, error);
    if (!status) status = join(folder, "checkpoint.safetensors", &run->checkpoint_path, error);
    if (!status) status = join(folder, "log.jsonl", &run->log_path, error);
    return status;
}

static struct checkpoint describe(const struct run *run)
{
    return (struct checkpoint){
        .config = &run->model->config, .facts = run->facts, .fact_count = run->fact_count};
}

/* The model first: where there is a checkpoint, there is a model, and a checkpoint that cannot be
 * written leaves one from which the run can be resumed. The log must not be behind either. */
static mvad_status save(struct run *run, mvad_error *error)
{
    const struct checkpoint checkpoint = describe(run);
    mvad_status status = runlog_sync(&run->log, error);
    if (!status) status = mvad_trainer_export(run->trainer, run->model, error);
    if (!status) status = mvad_model_save(run->model, run->model_path, error);
    if (!status)
        status = checkpoint_save(&checkpoint, run->trainer, run->schedule.steps_per_epoch,
                                 run->checkpoint_path, error);
    run->saved = seconds_now();
    run->saved_step = run->step;
    return status;
}

static mvad_status restore(struct run *run, mvad_error *error)
{
    const struct checkpoint checkpoint = describe(run);
    mvad_status status = checkpoint_load(&checkpoint, run->trainer, run->checkpoint_path, error);
    if (status) return status;
    const uint64_t step = trainer_step_count(run->trainer);
    if (step > (uint64_t)run->schedule.steps)
        return error_set(error, MVAD_ERROR_FORMAT, "%s: step %" PRIu64 " of %" PRId64,
                         file_label(run->checkpoint_path), step, run->schedule.steps);
    run->first_step = run->step = (int64_t)step;
    return mvad_trainer_export(run->trainer, run->model, error);
}

/* Everything up to the first step. */
static mvad_status begin(struct run *run, mvad_device *device, const mvad_dataset *dataset,
                         mvad_error *error)
{
    const mvad_train_options *options = run->options;
    const int32_t views = options->step.views ? options->step.views : run->model->config.views;
    mvad_status status = training_set_make(&dataset->index, views, &run->set, error);
    /* The learning rate is the trainer's business; it is filled in once there is one. */
    if (!status) status = schedule_make(options, run->set.count, 0, &run->schedule, error);
    if (!status)
        status = mvad_trainer_create(run->model, device, &options->step, &run->trainer, error);
    if (status) return status;
    run->schedule.learning_rate = trainer_options(run->trainer)->learning_rate;
    gather_facts(run);
    status = prepare_folder(run, error);
    if (!status && options->resume) status = restore(run, error);
    if (!status) status = runlog_open(run->log_path, run->step, &run->log, error);
    const struct loader_options loading = {
        .set = &run->set,
        .batch = options->step.samples,
        .image_size = run->model->config.image_size,
        .seed = options->step.seed,
        .first_step = run->step,
        .steps = run->schedule.steps,
        .steps_per_epoch = run->schedule.steps_per_epoch,
    };
    if (!status) status = loader_create(&loading, &run->loader, error);
    run->saved = seconds_now();
    /* A run that can be interrupted at its first step can be resumed as well, and a folder that
     * cannot be written shows before hours have gone by. */
    if (!status && !options->resume) status = save(run, error);
    return status;
}

static mvad_status do_step(struct run *run, mvad_train_progress *progress, mvad_error *error)
{
    const struct schedule *schedule = &run->schedule;
    const int32_t epoch = (int32_t)(run->step / schedule->steps_per_epoch);
    const double rate = schedule_learning_rate(schedule, epoch), before = seconds_now();
    const float *images;
    mvad_step_result result;
    mvad_status status = loader_next(run->loader, &images, error);
    if (status) return status;
    run->waited += seconds_now() - before;
    status = mvad_trainer_set_learning_rate(run->trainer, rate, error);
    if (!status) status = mvad_trainer_step(run->trainer, images, &result, error);
    if (status) return status;
    run->step++;

    const double elapsed = fmax(seconds_now() - run->start, 1e-9);
    const double done = (double)(run->step - run->first_step);
    *progress = (mvad_train_progress){
        .step = run->step,
        .steps = schedule->steps,
        .epoch = epoch + 1,
        .epochs = schedule->epochs,
        .loss = result.loss,
        .gradient_norm = result.gradient_norm,
        .learning_rate = rate,
        .samples_per_second = done * run->options->step.samples / elapsed,
        .seconds_left = (double)(schedule->steps - run->step) * elapsed / done,
        .data_wait_share = run->waited / elapsed,
    };
    return runlog_add(&run->log, progress, error);
}

static mvad_status go(struct run *run, mvad_error *error)
{
    const mvad_train_options *options = run->options;
    bool stop = false;
    run->start = seconds_now();
    while (run->step < run->schedule.steps && !stop) {
        mvad_train_progress progress;
        mvad_status status = do_step(run, &progress, error);
        if (status) return status;
        if (options->progress && options->progress(&progress, options->user)) stop = true;
        if (seconds_now() - run->saved >= options->checkpoint_seconds && (status = save(run, error)))
            return status;
    }
    return run->saved_step == run->step ? MVAD_OK : save(run, error);
}

mvad_status mvad_train(mvad_model *model, mvad_device *device, const mvad_dataset *dataset,
                       const mvad_train_options *options, int32_t *finished, mvad_error *error)
{
    if (!model || !device || !dataset || !finished)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "an argument is NULL");
    *finished = 0;
    mvad_status status = check_options(options, error);
    if (status) return status;
    struct run run = {.options = options, .model = model, .saved_step = -1, .log = {.file = -1}};
    status = begin(&run, device, dataset, error);
    if (!status) status = go(&run, error);
    if (!status) *finished = run.step == run.schedule.steps;
    loader_destroy(run.loader);
    mvad_trainer_destroy(run.trainer);
    runlog_close(&run.log);
    training_set_free(&run.set);
    free(run.model_path);
    free(run.checkpoint_path);
    free(run.log_path);
    return status ? status : error_clear(error);
}
