/* Every op on a device against the reference loops, the same bits whatever the number of threads,
 * and a check that the checker notices what it should. On the device of tests/device.h; the number
 * of threads means something on the CPU only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <math.h>

#include <cmocka.h>

#include "core/graph/builder.h"
#include "core/graph/executor.h"
#include "core/selftest/selftest.h"
#include "tests/device.h"

#define MAX_THREADS 3

struct devices {
    mvad_device *with[MAX_THREADS]; /* i: with i + 1 threads; NULL where the device is not there */
};

static int open_devices(void **state)
{
    struct devices *devices = calloc(1, sizeof *devices);
    if (!devices) return -1;
    *state = devices;
    for (int i = 0; i < MAX_THREADS && (!i || devices->with[0]); i++)
        devices->with[i] = test_device_open(i + 1);
    return 0;
}

static int close_devices(void **state)
{
    struct devices *devices = *state;
    for (int i = 0; i < MAX_THREADS; i++) mvad_device_close(devices->with[i]);
    free(devices);
    return 0;
}

static struct selftest_data *prepare(const struct selftest_case *test, mvad_precision precision)
{
    struct selftest_data *data;
    mvad_error error = {0};
    if (selftest_prepare(test, precision, &data, &error)) fail_msg("%s", error.message);
    return data;
}

static bool same_bytes(const struct reference_tensor *a, const struct reference_tensor *b)
{
    size_t count = (size_t)reference_count(a);
    if (a->real) return b->real && !memcmp(a->real, b->real, count * sizeof *a->real);
    if (a->index) return b->index && !memcmp(a->index, b->index, count * sizeof *a->index);
    return !b->real && !b->index;
}

/* One case with 1, 2, 3 threads, then with 1 thread again: number of failures, each printed. The
 * answers are compared with each other before they are compared with the reference, which sorts
 * routed rows. */
static int run_case(const struct devices *devices, const struct selftest_data *data, bool *lacks)
{
    struct selftest_result result[MAX_THREADS + 1] = {0};
    struct selftest_verdict verdict;
    int failures = 0;
    for (int i = 0; i <= MAX_THREADS; i++) {
        mvad_error error = {0};
        if (selftest_execute(devices->with[i % MAX_THREADS], data, &result[i], &error)) {
            *lacks |= test_device_lacks(error.status) && data->precision == MVAD_PRECISION_F64;
            print_error("%s: %s\n", data->name, error.message);
            failures++;
            continue;
        }
        for (int slot = 0; slot < SLOT_COUNT && i; slot++) {
            if (same_bytes(&result[0].after[slot], &result[i].after[slot])) continue;
            print_error("%s: other bits with %d threads\n", data->name, i % MAX_THREADS + 1);
            failures++;
        }
    }
    for (int i = 0; i <= MAX_THREADS; i++) {
        selftest_compare(data, &result[i], &verdict);
        if (!verdict.passed) {
            print_error("%s (%d threads): error %.3g, allowed %.3g; %s\n", data->name,
                        i % MAX_THREADS + 1, verdict.error, verdict.tolerance, verdict.detail);
            failures++;
        }
        selftest_result_free(&result[i]);
    }
    return failures;
}

static void run_table(const struct devices *devices, mvad_precision precision)
{
    int failures = 0;
    bool lacks_double = false;
    if (!devices->with[0]) skip();
    assert_true(selftest_case_count() > 100);
    for (size_t i = 0; i < selftest_case_count(); i++) {
        struct selftest_data *data = prepare(selftest_case_at(i), precision);
        failures += run_case(devices, data, &lacks_double);
        selftest_data_free(data);
        if (lacks_double) skip();
    }
    if (failures) fail_msg("%d failures", failures);
}

static void ops_agree_in_float(void **state)
{
    run_table(*state, MVAD_PRECISION_F32);
}

static void ops_agree_in_double(void **state)
{
    run_table(*state, MVAD_PRECISION_F64);
}

/* A device without 16-bit values refuses the first case. */
static void ops_agree_in(void **state, mvad_precision precision)
{
    const struct devices *devices = *state;
    if (!devices->with[0]) skip();
    struct selftest_data *first = prepare(selftest_case_at(0), precision);
    struct selftest_result result = {0};
    mvad_error error = {0};
    const mvad_status status = selftest_execute(devices->with[0], first, &result, &error);
    selftest_result_free(&result);
    selftest_data_free(first);
    if (status == MVAD_ERROR_UNSUPPORTED) skip();
    run_table(devices, precision);
}

static void ops_agree_in_half(void **state)
{
    ops_agree_in(state, MVAD_PRECISION_F16);
}

static void ops_agree_in_bfloat16(void **state)
{
    ops_agree_in(state, MVAD_PRECISION_BF16);
}

static void ops_agree_in_tf32(void **state)
{
    ops_agree_in(state, MVAD_PRECISION_TF32);
}

static void every_op_is_covered(void **state)
{
    (void)state;
    int cases[OP_COUNT] = {0};
    for (size_t i = 0; i < selftest_case_count(); i++) cases[selftest_case_at(i)->op]++;
    for (int op = 0; op < OP_COUNT; op++) {
        if (cases[op] < 5) fail_msg("%s has %d cases", op_name((enum op)op), cases[op]);
        for (int input = 0; input < NODE_MAX_INPUTS; input++) {
            bool covered = !op_in_place((enum op)op, input);
            for (size_t i = 0; i < selftest_case_count(); i++) {
                const struct selftest_case *test = selftest_case_at(i);
                covered |= test->op == (enum op)op && test->in_place == input + 1 &&
                           !(test->flags & CASE_KEEP);
            }
            if (!covered)
                fail_msg("%s never runs in place of input %d", op_name((enum op)op), input);
        }
    }
}

/* Names tell failures apart and seed the random inputs. */
static void names_are_unique(void **state)
{
    (void)state;
    for (size_t i = 0; i < selftest_case_count(); i++) {
        char name[SELFTEST_NAME_BYTES], other[SELFTEST_NAME_BYTES];
        selftest_name(selftest_case_at(i), name);
        for (size_t j = 0; j < i; j++) {
            selftest_name(selftest_case_at(j), other);
            if (!strcmp(name, other)) fail_msg("two cases are called %s", name);
        }
    }
}

/* The recomputed batch norm must repeat the first one's bits. */
static void batch_norm_repeats_its_bits(void **state)
{
    const struct devices *devices = *state;
    if (!devices->with[1]) skip();
    for (int variant = 0; variant < 4; variant++) {
        bool residual = variant & 1;
        const union op_params params = {.norm = {1e-5, 0.1, variant & 2}};
        const int64_t dim[4] = {3, 7, 5, 37}, vector[4] = {1, 1, 1, 37};
        enum { COUNT = 3 * 7 * 5 * 37 };
        static double numbers[COUNT], first[COUNT], second[COUNT];
        struct graph graph;
        struct executor *executor;
        mvad_error error = {0};
        graph_init(&graph, DTYPE_F32);
        value_id x = graph_input(&graph, "x", DTYPE_F32, dim),
                 more = residual ? graph_input(&graph, "more", DTYPE_F32, dim) : VALUE_NONE;
        value_id gamma = graph_constant(&graph, "gamma", vector),
                 beta = graph_constant(&graph, "beta", vector);
        value_id mean = graph_statistic(&graph, "mean", vector),
                 var = graph_statistic(&graph, "var", vector);
        value_id out[3] = {graph_add_value(&graph, DTYPE_F32, SEGMENT_ARENA, dim, NULL),
                           graph_add_value(&graph, DTYPE_F32, SEGMENT_ARENA, vector, NULL),
                           graph_add_value(&graph, DTYPE_F32, SEGMENT_ARENA, vector, NULL)};
        value_id again = graph_add_value(&graph, DTYPE_F32, SEGMENT_ARENA, dim, NULL);
        graph_emit(&graph, OP_BATCH_NORM, &params, 6, (value_id[]){x, gamma, beta, mean, var, more},
                   3, out);
        graph_emit(&graph, OP_BATCH_NORM_APPLY, &params, 6,
                   (value_id[]){x, gamma, beta, out[1], out[2], more}, 1, &again);
        graph_output(&graph, out[0], "first");
        graph_output(&graph, again, "second");
        assert_int_equal(executor_create(devices->with[1], &graph, &executor, &error), MVAD_OK);
        for (int i = 0; i < COUNT; i++) numbers[i] = sin(i * (1 + variant)) * 3;
        executor_write_double(executor, x, numbers, &error);
        executor_write_double(executor, gamma, numbers + 1, &error);
        executor_write_double(executor, beta, numbers + 50, &error);
        if (residual) {
            for (int i = 0; i < COUNT; i++) numbers[i] = cos(i * 1.7);
            executor_write_double(executor, more, numbers, &error);
        }
        assert_int_equal(executor_run(executor, NULL, &error), MVAD_OK);
        assert_int_equal(executor_read_double(executor, out[0], first, &error), MVAD_OK);
        assert_int_equal(executor_read_double(executor, again, second, &error), MVAD_OK);
        double size = 0;
        for (int i = 0; i < COUNT; i++) size = fmax(size, fabs(first[i]));
        assert_true(size > 0.1);
        assert_memory_equal(first, second, sizeof first);
        executor_destroy(executor);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_op_is_covered), cmocka_unit_test(names_are_unique),
        cmocka_unit_test(ops_agree_in_float),  cmocka_unit_test(ops_agree_in_double),
        cmocka_unit_test(ops_agree_in_half),   cmocka_unit_test(ops_agree_in_bfloat16),
        cmocka_unit_test(ops_agree_in_tf32),   cmocka_unit_test(batch_norm_repeats_its_bits),
    };
    return cmocka_run_group_tests_name("ops", tests, open_devices, close_devices);
}
