/* Checks the checker: what the self-test must notice, and the public function. MVAD_TEST_DEVICE
 * names the device; the default is cpu. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <math.h>

#include <cmocka.h>

#include "core/graph/backend.h"
#include "core/selftest/selftest.h"

static bool is_cpu(const mvad_device *device)
{
    return !strcmp(device->backend->name, "cpu");
}

static struct selftest_data *prepare(const struct selftest_case *test, mvad_precision precision)
{
    struct selftest_data *data;
    mvad_error error = {0};
    if (selftest_prepare(test, precision, &data, &error)) fail_msg("%s", error.message);
    return data;
}

static double largest(const struct reference_tensor *tensor)
{
    double value = 0;
    for (int64_t i = 0; i < reference_count(tensor); i++)
        value = fmax(value, fabs(tensor->real[i]));
    return value;
}

/* Whether the case fails once one element of an answer is wrong by `error` of the largest, or is
 * NaN, or an index is one that was not selected. */
static bool notices(const struct selftest_data *data, struct selftest_result *result, int slot,
                    double error)
{
    struct selftest_verdict verdict;
    struct reference_tensor *answer = &result->after[slot];
    int64_t at = reference_count(answer) * 2 / 3;
    if (answer->index) {
        while (data->open_rows[at / answer->dim[2]])
            at = (at + answer->dim[2]) % reference_count(answer);
        int32_t index = answer->index[at];
        answer->index[at] = -1;
        selftest_compare(data, result, &verdict);
        bool noticed = !verdict.passed;
        for (int64_t i = at / answer->dim[2] * answer->dim[2];
             i < (at / answer->dim[2] + 1) * answer->dim[2]; i++)
            if (answer->index[i] == -1) answer->index[i] = index;
        return noticed;
    }
    double value = answer->real[at];
    answer->real[at] = value + error * fmax(1e-30, largest(&data->after[slot]));
    selftest_compare(data, result, &verdict);
    answer->real[at] = value;
    return !verdict.passed;
}

static void wrong_answers_are_noticed(void **state)
{
    mvad_device *device = *state;
    for (size_t i = 0; i < selftest_case_count(); i++) {
        struct selftest_data *data = prepare(selftest_case_at(i), MVAD_PRECISION_F32);
        struct selftest_result result;
        struct selftest_verdict verdict;
        mvad_error error = {0};
        double tolerance = selftest_tolerance(data, NODE_MAX_INPUTS);
        if (tolerance > 1e-3) fail_msg("%s: a tolerance of %g", data->name, tolerance);
        if (selftest_execute(device, data, &result, &error))
            fail_msg("%s: %s", data->name, error.message);
        for (int slot = 0; slot < SLOT_COUNT; slot++) {
            if (!result.after[slot].real && !result.after[slot].index) continue;
            /* The cosine's error is relative to at least 1. */
            double wrong =
                (2.5 * tolerance + 1e-6) * (data->test->op == OP_COSINE_MAP
                                                ? 1 / fmin(1, largest(&data->after[slot]) + 1e-30)
                                                : 1);
            if (!notices(data, &result, slot, wrong))
                fail_msg("%s: slot %d may be wrong by %g", data->name, slot, wrong);
            if (!notices(data, &result, slot, -wrong))
                fail_msg("%s: slot %d may be wrong by %g", data->name, slot, -wrong);
            if (!notices(data, &result, slot, NAN))
                fail_msg("%s: slot %d may be NaN", data->name, slot);
            if (!notices(data, &result, slot, INFINITY))
                fail_msg("%s: slot %d may be infinite", data->name, slot);
        }
        selftest_compare(data, &result, &verdict);
        if (!verdict.passed) fail_msg("%s fails by itself: %s", data->name, verdict.detail);
        selftest_result_free(&result);
        selftest_data_free(data);
    }
}

/* A backend that does everything right and then writes where it should not. */
static struct {
    const struct backend *real;
    const struct graph *graph;
    void *segments[SEGMENT_COUNT];
    enum segment where; /* the segment in which it spoils all guards */
    bool lazy; /* leaves out the last node instead: in a case's graph the one that is tested */
    struct graph shortened;
} saboteur;

static mvad_status saboteur_bind(void *device, const struct graph *graph, const struct plan *plan,
                                 void *const segments[SEGMENT_COUNT], void **program,
                                 mvad_error *error)
{
    saboteur.graph = graph;
    saboteur.shortened = *graph;
    if (saboteur.lazy) saboteur.shortened.node_count--;
    memcpy(saboteur.segments, segments, sizeof saboteur.segments);
    return saboteur.real->bind(device, &saboteur.shortened, plan, segments, program, error);
}

static mvad_status saboteur_run(void *device, void *program, const struct run_profile *profile,
                                mvad_error *error)
{
    mvad_status status = saboteur.real->run(device, program, profile, error);
    if (saboteur.lazy) return status;
    for (size_t i = 0; i < saboteur.graph->value_count && !status; i++) {
        const struct value *value = &saboteur.graph->values[i];
        if (!value->name || strcmp(value->name, "guard") || value->segment != saboteur.where)
            continue;
        status = saboteur.real->write(device, saboteur.segments[value->segment], value->offset + 8,
                                      "\1\2\3", 4, error);
    }
    return status;
}

static bool sabotage_is_noticed(mvad_device *device, size_t index)
{
    struct backend backend = *device->backend;
    struct mvad_device broken = {.backend = &backend, .state = device->state};
    struct selftest_data *data = prepare(selftest_case_at(index), MVAD_PRECISION_F32);
    struct selftest_result result;
    struct selftest_verdict verdict;
    mvad_error error = {0};
    saboteur.real = device->backend;
    backend.bind = saboteur_bind;
    backend.run = saboteur_run;
    if (selftest_execute(&broken, data, &result, &error))
        fail_msg("%s: %s", data->name, error.message);
    selftest_compare(data, &result, &verdict);
    selftest_result_free(&result);
    selftest_data_free(data);
    return !verdict.passed;
}

static void stray_writes_are_noticed(void **state)
{
    mvad_device *device = *state;
    int arena = 0, states = 0;
    for (size_t i = 0; i < selftest_case_count(); i += 3) {
        struct case_shape shape;
        bool has_state = false;
        selftest_shape(selftest_case_at(i), &shape);
        for (int slot = 0; slot < SLOT_COUNT; slot++) has_state |= shape.slot[slot].state;
        saboteur.where = SEGMENT_ARENA;
        assert_true(sabotage_is_noticed(device, i));
        arena++;
        if (!has_state) continue;
        saboteur.where = SEGMENT_STATISTIC;
        assert_true(sabotage_is_noticed(device, i));
        states++;
    }
    assert_true(arena > 10 && states > 10);
}

static void missing_results_are_noticed(void **state)
{
    saboteur.lazy = true;
    for (size_t i = 0; i < selftest_case_count(); i++) assert_true(sabotage_is_noticed(*state, i));
    saboteur.lazy = false;
}

/* ---- the public function ---- */

struct rows {
    size_t count, failed;
};

static void count_row(const mvad_selftest_row *row, void *user)
{
    struct rows *rows = user;
    rows->count++;
    assert_true(strlen(row->name) > 0);
    if (row->passed) {
        assert_true(row->error <= row->tolerance);
        return;
    }
    rows->failed++;
    if (!saboteur.lazy)
        print_error("%s: error %.3g, allowed %.3g\n", row->name, row->error, row->tolerance);
}

/* A row for every case and every output of the model. */
static void selftest_passes(void **state)
{
    mvad_device *device = *state;
    /* Doubles of other devices and all cases in 16 bits: test_ops.c. */
    for (int precision = 0; precision <= (is_cpu(device) ? MVAD_PRECISION_F64 : MVAD_PRECISION_F32);
         precision++) {
        struct rows rows = {0};
        mvad_error error;
        if (mvad_selftest(device, (mvad_precision)precision, count_row, &rows, &error))
            fail_msg("%s", error.message);
        assert_int_equal(rows.count, selftest_case_count() + MVAD_OUTPUT_COUNT);
        assert_int_equal(rows.failed, 0);
    }
}

static void selftest_fails_on_a_broken_device(void **state)
{
    mvad_device *device = *state;
    struct backend backend = *device->backend;
    struct mvad_device broken = {.backend = &backend, .state = device->state};
    struct rows rows = {0};
    mvad_error error = {0};
    saboteur.real = device->backend;
    saboteur.lazy = true;
    backend.bind = saboteur_bind;
    backend.run = saboteur_run;
    assert_int_equal(mvad_selftest(&broken, MVAD_PRECISION_F32, count_row, &rows, &error),
                     MVAD_ERROR_NUMERIC);
    saboteur.lazy = false;
    assert_true(strlen(error.message) > 0);
    assert_true(rows.failed >= selftest_case_count());
}

static void selftest_checks_its_arguments(void **state)
{
    mvad_device *device = *state;
    mvad_error error;
    assert_int_equal(mvad_selftest(NULL, MVAD_PRECISION_F32, NULL, NULL, &error),
                     MVAD_ERROR_INVALID_ARGUMENT);
    assert_int_equal(mvad_selftest(device, MVAD_PRECISION_COUNT, NULL, NULL, &error),
                     MVAD_ERROR_INVALID_ARGUMENT);
    assert_true(strlen(error.message) > 0);
}

static int open_device(void **state)
{
    const char *id = getenv("MVAD_TEST_DEVICE") ? getenv("MVAD_TEST_DEVICE") : "cpu";
    mvad_device *device;
    mvad_error error = {0};
    if (mvad_device_open(id, 2, &device, &error)) {
        print_error("%s: %s\n", id, error.message);
        return -1;
    }
    *state = device;
    return 0;
}

static int close_device(void **state)
{
    mvad_device_close(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_answers_are_noticed),
        cmocka_unit_test(stray_writes_are_noticed),
        cmocka_unit_test(missing_results_are_noticed),
        cmocka_unit_test(selftest_passes),
        cmocka_unit_test(selftest_fails_on_a_broken_device),
        cmocka_unit_test(selftest_checks_its_arguments),
    };
    return cmocka_run_group_tests_name("selftest", tests, open_device, close_device);
}
