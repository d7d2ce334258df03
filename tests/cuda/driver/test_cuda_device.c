/* What belongs to CUDA devices alone, on the emulated driver, which fails where it is told to: missing and old
 * drivers, memory, launches that fail, captured runs, several devices. Skipped on a real one. */
#include "tests/device.h"
#include "tests/small_graph.h"

#include "core/graph/executor.h"

enum { COUNT = 4096 };

static void needs_emulation(void)
{
    const char *driver = getenv("MVAD_CUDA_DRIVER");
    if (!driver || !strstr(driver, "emulated")) skip();
}

/* Opening fails, and says so. */
static void expect_no_device(const char *id, const char *what)
{
    mvad_device *device = NULL;
    mvad_error error = {0};
    assert_int_equal(mvad_device_open(id, 0, &device, &error), MVAD_ERROR_DEVICE);
    assert_null(device);
    if (!strstr(error.message, what)) fail_msg("%s\nholds no: %s", error.message, what);
    assert_null(strchr(error.message, '\n'));
}

static void expect_no_device_with(const char *variable, const char *value, const char *what)
{
    const char *old = getenv(variable);
    char *kept = old ? strdup(old) : NULL;
    if (value)
        setenv(variable, value, 1);
    else
        unsetenv(variable);
    expect_no_device("cuda:0", what);
    if (kept)
        setenv(variable, kept, 1);
    else
        unsetenv(variable);
    free(kept);
}

/* Before any test that opens a device: the driver stays loaded. */
static void no_driver(void **state)
{
    (void)state;
    needs_emulation();
    expect_no_device_with("MVAD_CUDA_DRIVER", "/nowhere/libcuda.so.1",
                          "cuda: MVAD_CUDA_DRIVER: /nowhere/libcuda.so.1");
    /* A library that is no driver. */
    expect_no_device_with("MVAD_CUDA_DRIVER", "libm.so.6",
                          "too old for this build: it has no function cu");
    expect_no_device_with("MVAD_CUBLAS", "/nowhere/libcublas.so", "cuda: MVAD_CUBLAS: /nowhere/");
}

static void unusable_driver(void **state)
{
    (void)state;
    needs_emulation();
    expect_no_device_with(
        "MVAD_EMULATED_VERSION", "11040",
        "cuda: the NVIDIA driver is too old: it supports CUDA 11.4, and this build");
    expect_no_device_with("MVAD_EMULATED_DEVICES", "0", "cuda: the NVIDIA driver finds no device");
    expect_no_device_with("MVAD_EMULATED_FAIL", "cuInit=999",
                          "cuda: the NVIDIA driver does not start: ");
    expect_no_device_with("MVAD_EMULATED_FAIL", "cuStreamCreate=3",
                          "cuda:0: opening: CUDA_ERROR_NOT_INITIALIZED (initialization error)");
    expect_no_device("cuda:1", "cuda:1: there is 1 CUDA device, cuda:0");
}

struct fixture {
    mvad_device *device;
    struct executor *executor;
    float x[COUNT];
};

/* y = relu(x), and a product. */
static void make_program(struct fixture *f, const char *id)
{
    mvad_error error = {0};
    struct graph graph;
    *f = (struct fixture){0};
    if (mvad_device_open(id, 0, &f->device, &error)) fail_msg("%s", error.message);
    graph_init(&graph, DTYPE_F32);
    value_id x = graph_input(&graph, "x", DTYPE_F32, DIM(1, 64, 64, 1));
    value_id w = graph_input(&graph, "w", DTYPE_F32, DIM(1, 1, 1, 1));
    value_id y = graph_relu(&graph, graph_conv2d(&graph, x, w, VALUE_NONE, 1, 0));
    graph_output(&graph, y, "y");
    if (executor_create(f->device, &graph, &f->executor, &error)) fail_msg("%s", error.message);
    for (int i = 0; i < COUNT; i++) f->x[i] = (float)(i % 7 - 3);
    const float two = 2;
    const struct graph *made = executor_graph(f->executor);
    if (executor_write(f->executor, graph_find(made, "w"), &two, &error) ||
        executor_write(f->executor, graph_find(made, "x"), f->x, &error))
        fail_msg("%s", error.message);
}

static void free_program(struct fixture *f)
{
    executor_destroy(f->executor);
    mvad_device_close(f->device);
}

static void expect_result(struct fixture *f)
{
    float y[COUNT];
    mvad_error error = {0};
    if (executor_read(f->executor, graph_find(executor_graph(f->executor), "y"), y, &error))
        fail_msg("%s", error.message);
    for (int i = 0; i < COUNT; i++) assert_true(y[i] == (f->x[i] > 0 ? 2 * f->x[i] : 0));
}

static void run_and_expect_result(struct fixture *f)
{
    mvad_error error = {0};
    if (executor_run(f->executor, NULL, &error)) fail_msg("%s", error.message);
    expect_result(f);
}

/* The third run makes no launch any more: it replays the second. */
static void captured_run(void **state)
{
    struct fixture f;
    (void)state;
    needs_emulation();
    make_program(&f, "cuda:0");
    run_and_expect_result(&f);
    run_and_expect_result(&f);
    setenv("MVAD_EMULATED_FAIL", "cuLaunchKernel=719,cublasGemmEx=1", 1);
    run_and_expect_result(&f);
    unsetenv("MVAD_EMULATED_FAIL");
    free_program(&f);
}

static void profiled_run(void **state)
{
    struct fixture f;
    double seconds[8] = {-1, -1, -1, -1, -1, -1, -1, -1};
    mvad_error error = {0};
    (void)state;
    needs_emulation();
    make_program(&f, "cuda:0");
    const size_t nodes = executor_graph(f.executor)->node_count;
    assert_true(nodes <= 8);
    const struct run_profile profile = {.node_seconds = seconds};
    for (int run = 0; run < 3; run++) { /* before and after a run was captured */
        if (executor_run(f.executor, &profile, &error)) fail_msg("%s", error.message);
        expect_result(&f);
        for (size_t i = 0; i < nodes; i++) assert_true(seconds[i] > 0 && seconds[i] < 10);
        run_and_expect_result(&f);
    }
    free_program(&f);
}

static void out_of_memory(void **state)
{
    mvad_device *device = NULL;
    mvad_error error = {0};
    struct executor *executor = NULL;
    struct graph graph;
    (void)state;
    needs_emulation();
    setenv("MVAD_EMULATED_MEMORY", "1000000", 1);
    assert_int_equal(mvad_device_open("cuda:0", 0, &device, &error), MVAD_OK);
    graph_init(&graph, DTYPE_F32);
    value_id x = graph_input(&graph, "x", DTYPE_F32, DIM(1, 1024, 1024, 1));
    graph_output(&graph, graph_relu(&graph, x), "y");
    assert_int_equal(executor_create(device, &graph, &executor, &error), MVAD_ERROR_OUT_OF_MEMORY);
    assert_string_equal(error.message,
                        "cuda:0: needs 4.2 MB; 1.0 MB of the device's 1.0 MB are free");
    mvad_device_close(device);
    unsetenv("MVAD_EMULATED_MEMORY");
    struct fixture f; /* and nothing is the worse for it */
    make_program(&f, "cuda:0");
    run_and_expect_result(&f);
    free_program(&f);
}

/* After `failure` every call says what happened; another handle, opened once this one is closed, works. */
static void expect_death(const char *failure, const char *what)
{
    struct fixture f;
    mvad_error error = {0};
    float y[COUNT];
    make_program(&f, "cuda:0");
    const value_id id = graph_find(executor_graph(f.executor), "x");
    run_and_expect_result(&f);
    setenv("MVAD_EMULATED_FAIL", failure, 1);
    assert_int_equal(executor_run(f.executor, NULL, &error), MVAD_ERROR_DEVICE);
    unsetenv("MVAD_EMULATED_FAIL");
    if (!strstr(error.message, what)) fail_msg("%s\nholds no: %s", error.message, what);
    const mvad_status later[] = {executor_run(f.executor, NULL, &error),
                                 executor_write(f.executor, id, f.x, &error),
                                 executor_read(f.executor, id, y, &error)};
    for (size_t i = 0; i < sizeof later / sizeof *later; i++)
        assert_int_equal(later[i], MVAD_ERROR_DEVICE);
    if (!strstr(error.message, "cuda:0: it cannot be used any more after an earlier error: ") ||
        !strstr(error.message, what))
        fail_msg("%s", error.message);
    free_program(&f);
    make_program(&f, "cuda:0");
    run_and_expect_result(&f);
    free_program(&f);
}

static void fatal_errors(void **state)
{
    (void)state;
    needs_emulation();
    expect_death("cuLaunchKernel=719", "running relu (");
    expect_death("cuLaunchKernel=719", "CUDA_ERROR_LAUNCH_FAILED (unspecified launch failure)");
    expect_death("cublasGemmEx=1", "matrix product (cuBLAS): the function failed to launch");
    /* Told when the host waits. */
    expect_death("kernel=700", "waiting for it: CUDA_ERROR_ILLEGAL_ADDRESS");
}

/* One that the context survives is told once. */
static void passing_error(void **state)
{
    struct fixture f;
    mvad_error error = {0};
    (void)state;
    needs_emulation();
    make_program(&f, "cuda:0");
    run_and_expect_result(&f);
    setenv("MVAD_EMULATED_FAIL", "cuGraphInstantiate=2", 1);
    assert_int_equal(executor_run(f.executor, NULL, &error), MVAD_ERROR_OUT_OF_MEMORY);
    unsetenv("MVAD_EMULATED_FAIL");
    for (int run = 0; run < 3; run++) run_and_expect_result(&f);
    free_program(&f);
}

static void two_devices_in_one_process(void **state)
{
    struct fixture a, b;
    (void)state;
    needs_emulation();
    setenv("MVAD_EMULATED_DEVICES", "2", 1);
    make_program(&a, "cuda:0");
    make_program(&b, "cuda:1");
    for (int run = 0; run < 3; run++) {
        run_and_expect_result(&a);
        run_and_expect_result(&b);
    }
    free_program(&a);
    run_and_expect_result(&b);
    free_program(&b);
    unsetenv("MVAD_EMULATED_DEVICES");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_driver),     cmocka_unit_test(unusable_driver),
        cmocka_unit_test(captured_run),  cmocka_unit_test(profiled_run),
        cmocka_unit_test(out_of_memory), cmocka_unit_test(fatal_errors),
        cmocka_unit_test(passing_error), cmocka_unit_test(two_devices_in_one_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
