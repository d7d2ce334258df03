/* Training runs: epochs over a data set, checkpoints, a log. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/log.h"
#include "core/base/options.h"
#include "core/data/handle.h"
#include "core/model/model.h"
#include "core/train/loader.h"
#include "core/train/run_facts.h"
#include "core/train/run_notes.h"
#include "core/train/runlog.h"
#include "core/train/schedule.h"
#include "core/train/score_scale.h"
#include "core/train/trainer.h"

struct run {
    const mvad_train_options *options;
    mvad_model *model;
    struct training_set set;
    struct schedule schedule;
    mvad_trainer *trainer;
    struct loader *loader;
    struct runlog log, evaluations;
    struct checkpoint_fact facts[RUN_MAX_FACTS];
    size_t fact_count;
    char *model_path, *checkpoint_path, *log_path, *evaluations_path;
    mvad_device *device;
    const mvad_dataset *dataset;
    mvad_train_progress progress; /* of the last step */
    bool stop;                    /* asked for by options->progress or options->reading */
    bool unscaled;                /* and that while the scale of the scores was measured */
    mvad_status log_status;       /* of writing an evaluation's rows */
    mvad_error log_error;
    int64_t first_step, step;    /* where this run began, and how many steps are done */
    int64_t saved_step;          /* of the newest checkpoint; -1: none by this run */
    double start, saved, waited; /* seconds: beginning, newest checkpoint, for images */
};

static const struct options_shape options_shape = OPTIONS_SHAPE_WITH(mvad_train_options, step);

void mvad_train_options_init(mvad_train_options *options, size_t size, size_t step_size)
{
    const mvad_train_options defaults = {.step = mvad_trainer_options_default(),
                                         .epochs = 100,
                                         .decay_at = 0.8,
                                         .decay_factor = 0.1,
                                         .checkpoint_seconds = 60};
    options_init(&options_shape, &defaults, options, size, step_size);
}

static mvad_status check_options(const mvad_train_options *options, mvad_error *error)
{
    if (!options->folder || !*options->folder)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "no folder for the run");
    if (options->checkpoint_seconds < 0)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT,
                         "checkpoint_seconds must not be negative");
    if (options->evaluate_every < 0)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "evaluate_every must not be negative");
    if (options->step.precision == MVAD_PRECISION_F64)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT,
                         "training runs keep their parameters as f32, which their checkpoints hold "
                         "exactly; f64 is for single steps");
    return MVAD_OK;
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
        return file_error(folder, "cannot create the folder", error);
    file_remove_leftovers(folder);
    mvad_status status = join(folder, "model.safetensors", &run->model_path, error);
    if (!status) status = join(folder, "checkpoint.safetensors", &run->checkpoint_path, error);
    if (!status) status = join(folder, "log.jsonl", &run->log_path, error);
    if (!status) status = join(folder, "evaluation.jsonl", &run->evaluations_path, error);
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
    if (!status && run->options->evaluate_every) status = runlog_sync(&run->evaluations, error);
    if (!status) status = mvad_trainer_export(run->trainer, run->model, error);
    if (!status) status = mvad_model_save(run->model, run->model_path, error);
    if (!status)
        status = checkpoint_save(&checkpoint, run->trainer, run->schedule.steps_per_epoch,
                                 run->checkpoint_path, error);
    run->saved = clock_seconds();
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
    log_write(MVAD_LOG_INFO, "%s: goes on after step %" PRIu64 " of %" PRId64,
              file_label(run->checkpoint_path), step, run->schedule.steps);
    run->first_step = run->step = (int64_t)step;
    return mvad_trainer_export(run->trainer, run->model, error);
}

static mvad_status check_evaluation(const struct run *run, mvad_error *error)
{
    if (!run->options->evaluate_every) return MVAD_OK;
    const struct dataset *dataset = run->set.dataset;
    for (size_t c = 0; c < dataset->class_count; c++)
        if (dataset->classes[c].test_count) return MVAD_OK;
    return error_set(error, MVAD_ERROR_INVALID_ARGUMENT,
                     "evaluation during training needs test samples, and there are none");
}

/* A run that is resumed is one on the same parts, and its model has the note of them. */
static mvad_status write_notes(struct run *run, mvad_error *error)
{
    const mvad_train_options *options = run->options;
    const struct part_hashes_progress progress = {options->reading, options->user};
    return run_notes_write(run->model, &run->set, &run->dataset->held_out, options->resume,
                           &progress, &run->stop, error);
}

/* Everything up to the first step; or nothing, where run->stop is set. */
static mvad_status begin(struct run *run, mvad_device *device, const mvad_dataset *dataset,
                         mvad_error *error)
{
    const mvad_train_options *options = run->options;
    const int32_t views = options->step.views ? options->step.views : run->model->config.views;
    mvad_status status = training_set_make(&dataset->index, views, &run->set, error);
    if (!status) status = check_evaluation(run, error);
    if (!status) status = write_notes(run, error);
    if (run->stop) return status;
    /* The learning rate is the trainer's business; it is filled in once there is one. */
    if (!status) status = schedule_make(options, run->set.count, 0, &run->schedule, error);
    if (!status)
        status = mvad_trainer_create(run->model, device, &options->step, &run->trainer, error);
    if (status) return status;
    run->schedule.learning_rate = trainer_options(run->trainer)->learning_rate;
    run->fact_count = run_facts_gather(run->model, &run->set, &run->schedule, options,
                                       trainer_options(run->trainer), run->facts);
    status = prepare_folder(run, error);
    if (!status && options->resume) status = restore(run, error);
    if (!status) status = runlog_open(run->log_path, run->step, &run->log, error);
    if (!status && options->evaluate_every)
        status = runlog_open(run->evaluations_path, run->step, &run->evaluations, error);
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
    run->saved = clock_seconds();
    run->progress =
        (mvad_train_progress){.step = run->step,
                              .steps = run->schedule.steps,
                              .epoch = (int32_t)(run->step / run->schedule.steps_per_epoch),
                              .epochs = run->schedule.epochs};
    /* A run that can be interrupted at its first step can be resumed as well, and a folder that
     * cannot be written shows before hours have gone by. */
    if (!status && !options->resume) status = save(run, error);
    return status;
}

/* Hands the images of the first step not handed over yet to the trainer. */
static mvad_status stage_images(struct run *run, mvad_error *error)
{
    const double before = clock_seconds();
    const float *images;
    mvad_status status = loader_next(run->loader, &images, error);
    run->waited += clock_seconds() - before;
    return status ? status : mvad_trainer_stage(run->trainer, images, error);
}

/* One step, whose images are staged, and beside it the copy of the next one's. What is wrong with those
 * counts only when this step is done and logged. */
static mvad_status do_step(struct run *run, mvad_error *error)
{
    const struct schedule *schedule = &run->schedule;
    const int32_t epoch = (int32_t)(run->step / schedule->steps_per_epoch);
    const double rate = schedule_learning_rate(schedule, epoch);
    mvad_step_result result;
    mvad_error next_error = {0};
    mvad_status status = mvad_trainer_set_learning_rate(run->trainer, rate, error), next = MVAD_OK;
    if (!status) status = mvad_trainer_start(run->trainer, error);
    if (status) return status;
    if (run->step + 1 < schedule->steps) next = stage_images(run, &next_error);
    status = mvad_trainer_finish(run->trainer, &result, error);
    if (status) return status;
    run->step++;

    const double elapsed = fmax(clock_seconds() - run->start, 1e-9);
    const double done = (double)(run->step - run->first_step);
    run->progress = (mvad_train_progress){
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
    status = runlog_add(&run->log, &run->progress, error);
    if (status || !next) return status;
    if (error) *error = next_error;
    return next;
}

static bool report_progress(struct run *run)
{
    const mvad_train_options *options = run->options;
    if (options->progress && options->progress(&run->progress, options->user)) run->stop = true;
    return run->stop;
}

static int32_t take_evaluation_progress(size_t done, size_t total, void *user)
{
    (void)done;
    (void)total;
    return report_progress(user);
}

static void take_row(const mvad_metrics_row *row, void *user)
{
    struct run *run = user;
    const int32_t epoch = (int32_t)(run->step / run->schedule.steps_per_epoch);
    if (!run->log_status)
        run->log_status =
            runlog_add_metrics(&run->evaluations, run->step, epoch, row, &run->log_error);
    run->evaluations.last_step = run->step;
    if (run->options->evaluated) run->options->evaluated(epoch, row, run->options->user);
}

/* After every so many epochs and after the last one, unless the log has it already: a run that was
 * stopped in an evaluation makes it up when it is resumed. */
static bool evaluation_is_due(const struct run *run)
{
    const int64_t per_epoch = run->schedule.steps_per_epoch;
    if (!run->options->evaluate_every || !run->step || run->step % per_epoch) return false;
    if (run->evaluations.last_step == run->step) return false;
    return run->step == run->schedule.steps ||
           run->step / per_epoch % run->options->evaluate_every == 0;
}

static mvad_status evaluate(struct run *run, mvad_error *error)
{
    mvad_evaluate_options options = mvad_evaluate_options_default();
    options.progress = take_evaluation_progress;
    options.user = run;
    mvad_status status = mvad_trainer_export(run->trainer, run->model, error);
    if (!status)
        status =
            mvad_evaluate(run->model, run->device, run->dataset, &options, take_row, run, error);
    if (!status && run->log_status) {
        status = run->log_status;
        if (error) *error = run->log_error;
    }
    return status;
}

static bool is_finished(const struct run *run)
{
    const int64_t steps = run->schedule.steps; /* 0: it was stopped before the schedule was made */
    return steps && run->step == steps && !evaluation_is_due(run);
}

static bool take_scale_progress(void *user)
{
    return report_progress(user);
}

/* The model is on the disk already: what goes wrong here, or is stopped, costs no training. */
static mvad_status finish(struct run *run, mvad_error *error)
{
    mvad_score_scale scale;
    if (run->step == run->first_step && !mvad_model_scale(run->model, &scale, NULL)) return MVAD_OK;
    mvad_status status = score_scale_measure(run->model, run->device, &run->set,
                                             take_scale_progress, run, &run->unscaled, error);
    if (!status && !run->unscaled) status = mvad_model_save(run->model, run->model_path, error);
    return status;
}

static mvad_status go(struct run *run, mvad_error *error)
{
    mvad_status status = MVAD_OK;
    run->start = clock_seconds();
    if (evaluation_is_due(run)) status = evaluate(run, error);
    if (!status && run->step < run->schedule.steps) status = stage_images(run, error);
    while (!status && run->step < run->schedule.steps && !run->stop) {
        if ((status = do_step(run, error))) break;
        if (!report_progress(run) && evaluation_is_due(run)) status = evaluate(run, error);
        if (!status && clock_seconds() - run->saved >= run->options->checkpoint_seconds)
            status = save(run, error);
    }
    if (!status && run->saved_step != run->step) status = save(run, error);
    if (!status && is_finished(run)) status = finish(run, error);
    return status;
}

mvad_status mvad_train(mvad_model *model, mvad_device *device, const mvad_dataset *dataset,
                       const mvad_train_options *options, int32_t *finished, mvad_error *error)
{
    if (!model || !device || !dataset || !finished)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "an argument is NULL");
    *finished = 0;
    mvad_train_options own = mvad_train_options_default();
    mvad_status status = options_read(&options_shape, options, &own, error);
    if (!status) status = check_options(&own, error);
    if (status) return status;
    struct run run = {.options = &own,
                      .model = model,
                      .device = device,
                      .dataset = dataset,
                      .saved_step = -1,
                      .log = {.file = -1},
                      .evaluations = {.file = -1}};
    status = begin(&run, device, dataset, error);
    if (!status && !run.stop) status = go(&run, error);
    if (!status) *finished = is_finished(&run) && !run.unscaled;
    loader_destroy(run.loader);
    mvad_trainer_destroy(run.trainer);
    runlog_close(&run.log);
    runlog_close(&run.evaluations);
    training_set_free(&run.set);
    free(run.model_path);
    free(run.checkpoint_path);
    free(run.log_path);
    free(run.evaluations_path);
    return status ? status : error_clear(error);
}
