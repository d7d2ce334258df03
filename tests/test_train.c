/* Training runs: what they learn, log and save, and how they go on after an interruption. */
#include <math.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "train_case.h"

/* The run that the others are compared with: whole.safetensors and so on. */
static void loss_falls_and_log_tells(void **state)
{
    (void)state;
    const mvad_train_options options = train_make_options();
    train_whole("whole", &options);
    cJSON *lines = train_read_log("whole", STEPS);
    for (int step = 1; step <= STEPS; step++) {
        const int epoch = (step - 1) / (SAMPLES / BATCH) + 1;
        assert_int_equal((int)train_log_value(lines, step, "epoch"), epoch);
        const double rate = epoch <= 2 ? 1e-3 : 1e-4; /* half of three epochs, rounded up */
        assert_true(fabs(train_log_value(lines, step, "learning_rate") - rate) < 1e-12);
        assert_true(train_log_value(lines, step, "gradient_norm") > 0);
        assert_true(train_log_value(lines, step, "samples_per_second") > 0);
        assert_true(train_log_value(lines, step, "memory_bytes") > 1e6);
        const double share = train_log_value(lines, step, "data_wait_share");
        assert_true(share >= 0 && share <= 1);
    }
    double first = 0, last = 0;
    for (int i = 0; i < 3; i++) {
        first += train_log_value(lines, 1 + i, "loss");
        last += train_log_value(lines, STEPS - i, "loss");
    }
    print_message("mean loss of three steps: %.4f first, %.4f last\n", first / 3, last / 3);
    assert_true(last < 0.9 * first);
    cJSON_Delete(lines);
}

/* The file is the model the caller has. */
static void model_has_the_parameters(void **state)
{
    (void)state;
    mvad_train_options options = train_make_options();
    mvad_dataset *dataset = train_open_data("data");
    mvad_model *model = train_make_model(1);
    mvad_device *device;
    int32_t finished = 0;
    char *folder = tree_path("copy");
    char *other = tree_path("copy/other.safetensors");
    options.folder = folder;
    assert_int_equal(mvad_device_open("cpu", 2, &device, NULL), MVAD_OK);
    assert_int_equal(mvad_train(model, device, dataset, &options, &finished, NULL), MVAD_OK);
    assert_int_equal(mvad_model_save(model, other, NULL), MVAD_OK);
    size_t sizes[2];
    uint8_t *bytes[2] = {train_read_file("copy", "other.safetensors", &sizes[0]),
                         train_read_file("copy", "model.safetensors", &sizes[1])};
    assert_int_equal(sizes[0], sizes[1]);
    assert_true(memcmp(bytes[0], bytes[1], sizes[0]) == 0);
    assert_same_run("copy", "whole"); /* and the same run twice gives the same */
    free(bytes[0]);
    free(bytes[1]);
    free(folder);
    free(other);
    mvad_device_close(device);
    mvad_model_destroy(model);
    mvad_dataset_close(dataset);
}

static int32_t stop_at(const mvad_train_progress *progress, void *user)
{
    const int64_t *step = user;
    assert_int_equal(progress->steps, STEPS);
    assert_int_equal(progress->epochs, EPOCHS);
    return progress->step >= *step;
}

/* Stopped in the first epoch, at the end of the second one, and once more. */
static void stopped_and_resumed_gives_the_same_bytes(void **state)
{
    (void)state;
    static const int64_t stops[] = {3, 8, 9};
    mvad_train_options options = train_make_options();
    options.progress = stop_at;
    for (size_t i = 0; i < sizeof stops / sizeof *stops; i++) {
        int64_t stop = stops[i];
        int32_t finished = 1;
        mvad_error error;
        options.user = &stop;
        options.resume = i > 0;
        if (train_run("parts", &options, 1, &finished, &error)) fail_msg("%s", error.message);
        assert_int_equal(finished, 0);
        cJSON_Delete(train_read_log("parts", (int)stop));
    }
    /* Lines behind the checkpoint's step, as a killed run leaves them, and half a line. */
    char *log = tree_path("parts/log.jsonl");
    FILE *file = fopen(log, "a");
    assert_non_null(file);
    fputs("{\"step\":10,\"epoch\":3,\"loss\":1}\n{\"step\":11,\"ep", file);
    fclose(file);
    free(log);
    options.progress = NULL;
    train_whole("parts", &options);
    assert_same_run("parts", "whole");
    cJSON *lines = train_read_log("parts", STEPS), *wanted = train_read_log("whole", STEPS);
    for (int step = 1; step <= STEPS; step++)
        assert_true(train_log_value(lines, step, "loss") == train_log_value(wanted, step, "loss"));
    cJSON_Delete(lines);
    cJSON_Delete(wanted);
    /* What is finished stays as it is. */
    train_whole("parts", &options);
    assert_same_run("parts", "whole");
    cJSON_Delete(train_read_log("parts", STEPS));
}

static void a_resumed_run_must_be_the_same_run(void **state)
{
    (void)state;
    const mvad_train_options good = train_make_options();
    mvad_train_options options = good;
    options.resume = 1;
    options.step.samples = 3;
    train_fails("whole", &options, MVAD_ERROR_INVALID_ARGUMENT, "made with batch 2, not 3");
    options.step.samples = BATCH;
    options.step.seed = 6;
    train_fails("whole", &options, MVAD_ERROR_INVALID_ARGUMENT, "made with seed 5, not 6");
    options.step.seed = 5;
    options.epochs = 4;
    train_fails("whole", &options, MVAD_ERROR_INVALID_ARGUMENT, "made with epochs 3, not 4");
    options.epochs = EPOCHS;
    options.step.learning_rate = 0;
    train_fails("whole", &options, MVAD_ERROR_INVALID_ARGUMENT,
                "made with learning_rate 0.001, not 0.00125");
    options.step.learning_rate = 1e-3;
    mvad_error error;
    int32_t finished;
    assert_int_equal(train_run("whole", &options, 2, &finished, &error),
                     MVAD_ERROR_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "made with teacher"));

    /* One sample less, and as many with another name. */
    char *sample = tree_path("data/nut/train/good/s3"), *other = tree_path("data/nut/s3");
    char *renamed = tree_path("data/nut/train/good/s5");
    assert_int_equal(rename(sample, other), 0);
    train_fails("whole", &options, MVAD_ERROR_INVALID_ARGUMENT, "made with samples 9, not 8");
    assert_int_equal(rename(other, renamed), 0);
    train_fails("whole", &options, MVAD_ERROR_INVALID_ARGUMENT, "made with sample_names");
    assert_int_equal(rename(renamed, sample), 0);
    free(sample);
    free(other);
    free(renamed);

    train_fails("nowhere", &options, MVAD_ERROR_IO, "nowhere/checkpoint.safetensors");
    size_t size;
    uint8_t *bytes = train_read_file("whole", "checkpoint.safetensors", &size);
    tree_write_bytes("cut/checkpoint.safetensors", bytes, size - 1);
    train_fails("cut", &options, MVAD_ERROR_FORMAT, "cut/checkpoint.safetensors");
    free(bytes);
    bytes = train_read_file("whole", "model.safetensors", &size);
    tree_write_bytes("cut/checkpoint.safetensors", bytes, size);
    train_fails("cut", &options, MVAD_ERROR_FORMAT, "not a checkpoint");
    free(bytes);
}

/* A temporary file of a process that is gone, one of a process that is not, and one that only looks
 * like one. */
static void leftovers_are_removed(void **state)
{
    (void)state;
    char dead[64], alive[64];
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) _exit(0);
    waitpid(child, NULL, 0);
    snprintf(dead, sizeof dead, "whole/.mvad-%ld-0.tmp", (long)child);
    snprintf(alive, sizeof alive, "whole/.mvad-%ld-0.tmp", (long)getpid());
    tree_write_text(dead, "x");
    tree_write_text(alive, "x");
    tree_write_text("whole/.mvad-notes.tmp", "x");
    mvad_train_options options = train_make_options();
    options.resume = 1;
    train_whole("whole", &options);
    char *paths[3] = {tree_path(dead), tree_path(alive), tree_path("whole/.mvad-notes.tmp")};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(access(paths[i], F_OK), i == 0 ? -1 : 0);
        remove(paths[i]);
        free(paths[i]);
    }
}

static void options_are_checked(void **state)
{
    (void)state;
    mvad_train_options options = train_make_options();
    options.step.samples = SAMPLES + 1;
    train_fails("none", &options, MVAD_ERROR_INVALID_ARGUMENT, "9 training samples are less");
    options.step.samples = BATCH;
    options.step.views = 3;
    train_fails("none", &options, MVAD_ERROR_INVALID_ARGUMENT,
                "class bolt, sample good/s1: has 2 views; training takes 3");
    options.step.views = 0;
    options.step.precision = MVAD_PRECISION_F64;
    train_fails("none", &options, MVAD_ERROR_INVALID_ARGUMENT, "f32");
    options = train_make_options();
    options.checkpoint_seconds = -1;
    train_fails("none", &options, MVAD_ERROR_INVALID_ARGUMENT, "checkpoint_seconds");
    options = train_make_options();
    train_fails("none/deeper", &options, MVAD_ERROR_IO, "none/deeper");
    options.size = 0;
    train_fails("none", &options, MVAD_ERROR_INVALID_ARGUMENT, "not initialised");
}

/* Every step has its checkpoint here, so the last good one is the one before. */
static void not_a_number_keeps_the_last_checkpoint(void **state)
{
    (void)state;
    mvad_train_options options = train_make_options();
    options.step.learning_rate = 1e30;
    options.checkpoint_seconds = 0;
    mvad_error error;
    int32_t finished;
    int step = 0;
    assert_int_equal(train_run("nan", &options, 1, &finished, &error), MVAD_ERROR_NUMERIC);
    assert_int_equal(sscanf(error.message, "step %d: loss", &step), 1);
    assert_in_range(step, 2, STEPS);
    mvad_tensors *tensors;
    char *path = tree_path("nan/checkpoint.safetensors");
    assert_int_equal(mvad_tensors_load(path, &tensors, NULL), MVAD_OK);
    assert_int_equal(atoi(mvad_tensors_metadata(tensors, "mvad.train.step")), step - 1);
    mvad_tensors_destroy(tensors);
    free(path);
    cJSON_Delete(train_read_log("nan", step - 1));
}

/* From step 5 on no file can grow beyond 100,000 bytes. */
static int32_t fill_disk(const mvad_train_progress *progress, void *user)
{
    struct rlimit *limit = user;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, limit), 0);
    const struct rlimit small = {100000, limit->rlim_max};
    if (progress->step == 5) assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    return progress->step == 5;
}

static void full_disk_keeps_the_last_checkpoint(void **state)
{
    (void)state;
    struct rlimit limit;
    mvad_train_options options = train_make_options();
    int64_t stop = 4;
    int32_t finished;
    mvad_error error;
    options.progress = stop_at;
    options.user = &stop;
    assert_int_equal(train_run("full", &options, 1, &finished, &error), MVAD_OK);
    size_t size, size_after;
    uint8_t *bytes = train_read_file("full", "checkpoint.safetensors", &size);

    signal(SIGXFSZ, SIG_IGN);
    options.resume = 1;
    options.progress = fill_disk;
    options.user = &limit;
    mvad_status status = train_run("full", &options, 1, &finished, &error);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_int_equal(status, MVAD_ERROR_IO);
    assert_non_null(strstr(error.message, "full/model.safetensors: cannot write: File too large"));
    uint8_t *after = train_read_file("full", "checkpoint.safetensors", &size_after);
    assert_int_equal(size, size_after);
    assert_true(memcmp(bytes, after, size) == 0);
    free(bytes);
    free(after);

    options.progress = NULL;
    train_whole("full", &options);
    assert_same_run("full", "whole");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loss_falls_and_log_tells),
        cmocka_unit_test(model_has_the_parameters),
        cmocka_unit_test(stopped_and_resumed_gives_the_same_bytes),
        cmocka_unit_test(a_resumed_run_must_be_the_same_run),
        cmocka_unit_test(leftovers_are_removed),
        cmocka_unit_test(options_are_checked),
        cmocka_unit_test(not_a_number_keeps_the_last_checkpoint),
        cmocka_unit_test(full_disk_keeps_the_last_checkpoint),
    };
    return cmocka_run_group_tests(tests, train_case_make, train_case_remove);
}
