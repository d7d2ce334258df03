/* Training runs as processes: killed and resumed, and the verb. */
#include <math.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "run_program.h"
#include "train_case.h"

#define CONFIG "--backbone resnet18 --size 32 --windows 2,2,2 --topk 2,2,2 --blocks 1,1,1"

static bool exists(const char *folder, const char *file)
{
    char name[128];
    snprintf(name, sizeof name, "%s/%s", folder, file);
    char *path = tree_path(name);
    bool found = access(path, F_OK) == 0;
    free(path);
    return found;
}

/* What the child process does; a checkpoint after every step. */
static int train_in_child(const char *data, const char *folder, bool resume)
{
    mvad_dataset *dataset;
    mvad_device *device;
    mvad_model *model = train_make_model(1);
    mvad_train_options options = train_make_options();
    const mvad_dataset_options reading = mvad_dataset_options_default();
    mvad_error error;
    int32_t finished = 0;
    options.folder = folder;
    options.resume = resume;
    options.checkpoint_seconds = 0;
    if (mvad_dataset_open(data, &reading, &dataset, &error) ||
        mvad_device_open("cpu", 2, &device, &error) ||
        mvad_train(model, device, dataset, &options, &finished, &error)) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    mvad_device_close(device);
    mvad_model_destroy(model);
    mvad_dataset_close(dataset);
    return finished ? 0 : 2;
}

/* A process of its own, because OpenMP's threads do not survive a fork. */
static pid_t start_child(const char *folder, bool resume)
{
    char *data = tree_path("data"), *path = tree_path(folder);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        execl("/proc/self/exe", "test_train", "--child", data, path, resume ? "resume" : "new",
              (char *)NULL);
        _exit(127);
    }
    free(data);
    free(path);
    return child;
}

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void wait_seconds(double seconds)
{
    const struct timespec time = {(time_t)seconds, (long)(1e9 * (seconds - floor(seconds)))};
    nanosleep(&time, NULL);
}

static void killed_and_resumed_gives_the_same_bytes(void **state)
{
    (void)state;
    enum { KILLS = 4 };
    int status, killed = 0;
    const double start = seconds_now();
    waitpid(start_child("child", false), &status, 0);
    const double whole = seconds_now() - start;
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);

    const unsigned seed = (unsigned)time(NULL);
    print_message("kill -9 with seed %u, within %.1f s\n", seed, whole);
    srand(seed);
    for (int i = 0; i < KILLS; i++) {
        pid_t child = start_child("killed", exists("killed", "checkpoint.safetensors"));
        wait_seconds(0.6 * whole * rand() / RAND_MAX);
        kill(child, SIGKILL);
        waitpid(child, &status, 0);
        if (WIFSIGNALED(status)) killed++;
        assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
    }
    waitpid(start_child("killed", exists("killed", "checkpoint.safetensors")), &status, 0);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_true(killed > 0);
    assert_same_run("killed", "child");
    cJSON_Delete(train_read_log("killed", STEPS));
}

/* Data, folder of the run, further options; the last of two equal options counts. */
#define TRAIN                                                                            \
    MVAD_PROGRAM " train --data %s --out %s " CONFIG " --threads 2 --batch 2 --epochs 3" \
                 " --lr 0.001 --checkpoint-seconds 1 --teacher random %s"

static struct output run_verb(int code, const char *data, const char *out, const char *more)
{
    char *paths[2] = {tree_path(data), tree_path(out)};
    struct output output = expect_run(code, TRAIN, paths[0], paths[1], more);
    free(paths[0]);
    free(paths[1]);
    return output;
}

static void expect_said(struct output output, const char *what)
{
    if (!strstr(output.err, what)) print_error("wanted '%s', got '%s'\n", what, output.err);
    assert_non_null(strstr(output.err, what));
    output_free(&output);
}

static void verb_trains_and_resumes(void **state)
{
    (void)state;
    struct output output = run_verb(0, "data", "verb", "");
    assert_non_null(strstr(output.out, "verb/model.safetensors: 12 steps, loss "));
    expect_said(output, "warning: the teacher is random");
    expect_said(run_verb(2, "data", "verb", ""), "--resume goes on");
    output = run_verb(0, "data", "verb", "--resume");
    assert_non_null(strstr(output.out, "was finished"));
    assert_null(strstr(output.err, "random"));
    output_free(&output);
    expect_said(run_verb(2, "data", "verb", "--resume --size 64"), "--size contradicts");
    expect_said(run_verb(2, "data", "verb", "--resume --epochs 2"), "made with epochs 3, not 2");
    expect_said(run_verb(3, "data", "unborn", "--resume"), "nothing to resume");
    expect_said(run_verb(3, "missing", "unborn", ""), "missing");
    expect_said(run_verb(2, "data", "unborn", "--lr -1"), "--lr");
    expect_said(run_verb(2, "data", "unborn", "--views 3"), "has 2 views; training takes 3");
    assert_false(exists("unborn", "checkpoint.safetensors"));
}

static void verb_checks_the_data_first(void **state)
{
    (void)state;
    train_write_data("bad");
    tree_write_text("bad/nut/train/good/s2/C2.png", "no image");
    struct output output = run_verb(3, "bad", "bad-run", "");
    assert_non_null(strstr(output.err, "nut/train/good/s2/C2.png"));
    expect_said(output, "--skip-bad");
    assert_false(exists("bad-run", "checkpoint.safetensors"));
    output = run_verb(0, "bad", "bad-run", "--skip-bad");
    assert_non_null(strstr(output.err, "skipped: "));
    expect_said(output, "nut/train/good/s2/C2.png");
}

static int32_t stop_at_five(const mvad_train_progress *progress, void *user)
{
    (void)user;
    return progress->step == 5;
}

/* The verb goes on with what the library began, and it is the run that the verb made alone. */
static void verb_resumes_in_the_middle(void **state)
{
    (void)state;
    mvad_train_options options = train_make_options();
    mvad_error error;
    int32_t finished = 1;
    options.decay_at = 0.8;
    options.step.seed = 1;
    options.progress = stop_at_five;
    assert_int_equal(train_run("middle", &options, 1, &finished, &error), MVAD_OK);
    assert_int_equal(finished, 0);
    struct output output = run_verb(0, "data", "middle", "--resume");
    output_free(&output);
    assert_same_run("middle", "verb");
    cJSON_Delete(train_read_log("middle", STEPS));
}

/* Far too many epochs to end by themselves before the signal comes. */
static void verb_stops_at_a_signal(void **state)
{
    (void)state;
    char *data = tree_path("data"), *out = tree_path("signal");
    char *checkpoint = tree_path("signal/checkpoint.safetensors");
    struct output output = expect_run(
        130, TRAIN " & until [ -e %s ]; do sleep 0.1; done; sleep 0.5; kill -INT $!; wait $!", data,
        out, "--epochs 1000", checkpoint);
    const char *said = strstr(output.err, "stopped after step ");
    int step = 0;
    mvad_tensors *tensors;
    assert_non_null(said);
    assert_int_equal(sscanf(said, "stopped after step %d of 4000; ", &step), 1);
    assert_in_range(step, 1, 3999);
    assert_int_equal(mvad_tensors_load(checkpoint, &tensors, NULL), MVAD_OK);
    assert_int_equal(atoi(mvad_tensors_metadata(tensors, "mvad.train.step")), step);
    cJSON_Delete(train_read_log("signal", step));
    mvad_tensors_destroy(tensors);
    expect_said(output, "with --resume goes on");
    free(data);
    free(out);
    free(checkpoint);
}

int main(int argc, char **argv)
{
    if (argc == 5 && !strcmp(argv[1], "--child"))
        return train_in_child(argv[2], argv[3], !strcmp(argv[4], "resume"));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed_and_resumed_gives_the_same_bytes),
        cmocka_unit_test(verb_trains_and_resumes),
        cmocka_unit_test(verb_checks_the_data_first),
        cmocka_unit_test(verb_resumes_in_the_middle),
        cmocka_unit_test(verb_stops_at_a_signal),
    };
    return cmocka_run_group_tests(tests, train_case_make, train_case_remove);
}
