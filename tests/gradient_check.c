#include "gradient_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <math.h>

#include <cmocka.h>

#include "core/base/random.h"
#include "core/graph/autodiff.h"
#include "core/graph/builder.h"
#include "core/graph/passes.h"

#define CHECKED_ELEMENTS 20 /* of every parameter, spread over it */

/* Small enough that hardly any ReLU changes sides, large enough that rounding of a loss of about 1
 * stays near 1e-10. */
static const double step = 3e-6;

/* Numbers in [-1, 1) that depend on the value's id only. */
static void random_numbers(value_id id, int64_t count, double *numbers)
{
    const struct random_state state = {.seed_low = 7, .seed_high = id};
    float lanes[4];
    for (int64_t i = 0; i < count; i++) {
        if (i % 4 == 0) random_block(&state, 0, (uint64_t)i / 4, lanes);
        numbers[i] = 2 * (double)lanes[i % 4] - 1;
    }
}

static bool ends_with(const char *text, const char *end)
{
    size_t a = strlen(text), b = strlen(end);
    return a >= b && !strcmp(text + a - b, end);
}

void write_values(struct executor *executor)
{
    static double numbers[MAX_ELEMENTS];
    const struct graph *graph = executor_graph(executor);
    const uint32_t random[4] = {1, 2, 3, 4};
    mvad_error error = {0};
    for (value_id id = 0; id < graph->value_count; id++) {
        const struct value *value = &graph->values[id];
        if (!value->name || value->segment == SEGMENT_ARENA || value->offset == OFFSET_UNUSED)
            continue;
        int64_t count = value_count_elements(value);
        assert_true(count <= MAX_ELEMENTS);
        if (value->dtype == DTYPE_U32) {
            assert_int_equal(executor_write(executor, id, random, &error), MVAD_OK);
            continue;
        }
        random_numbers(id, count, numbers);
        double gain = value->segment == SEGMENT_TRAINABLE && value->dim[0] > 1
                          ? 2 / sqrt((double)count / (double)value->dim[0])
                          : 1;
        double shift = ends_with(value->name, "gamma") || ends_with(value->name, "var") ? 1.5 : 0;
        for (int64_t i = 0; i < count; i++) numbers[i] = gain * numbers[i] + shift;
        if (executor_write_double(executor, id, numbers, &error))
            fail_msg("%s: %s", value->name, error.message);
    }
}

static double run_loss(struct executor *executor, value_id loss)
{
    mvad_error error = {0};
    double value = NAN;
    if (executor_run(executor, NULL, &error)) fail_msg("%s", error.message);
    if (executor_read_double(executor, loss, &value, &error)) fail_msg("%s", error.message);
    return value;
}

void gradients_free(struct gradients *gradients)
{
    for (size_t i = 0; i < gradients->parameters; i++) free(gradients->gradient[i]);
}

void read_gradients(struct executor *executor, value_id loss, struct gradients *result)
{
    const struct graph *graph = executor_graph(executor);
    mvad_error error = {0};
    *result = (struct gradients){.loss = run_loss(executor, loss)};
    for (value_id id = 0; id < graph->value_count; id++) {
        const struct value *value = &graph->values[id];
        if (value->segment != SEGMENT_TRAINABLE || !value->name) continue;
        double *gradient = malloc(value_bytes(value));
        assert_non_null(gradient);
        if (executor_read_mirror(executor, SEGMENT_GRADIENT, id, gradient, &error))
            fail_msg("%s: %s", value->name, error.message);
        assert_true(result->parameters < MAX_PARAMETERS);
        result->parameter[result->parameters] = id;
        result->gradient[result->parameters++] = gradient;
    }
}

/* tolerance: of each parameter's largest gradient; 0 asks for the same bits. */
static void assert_same_gradients(const struct graph *graph, const struct gradients *a,
                                  const struct gradients *b, double tolerance, const char *what)
{
    assert_int_equal(a->parameters, b->parameters);
    if (!(fabs(a->loss - b->loss) <= tolerance * a->loss))
        fail_msg("%s: the loss is %.17g, not %.17g", what, b->loss, a->loss);
    for (size_t i = 0; i < a->parameters; i++) {
        const struct value *value = &graph->values[a->parameter[i]];
        double largest = 0, difference = 0;
        for (int64_t e = 0; e < value_count_elements(value); e++) {
            largest = fmax(largest, fabs(a->gradient[i][e]));
            difference = fmax(difference, fabs(a->gradient[i][e] - b->gradient[i][e]));
        }
        if (!(difference <= tolerance * largest))
            fail_msg("%s: the gradient of %s differs by %g", what, value->name,
                     difference / largest);
    }
}

/* Central differences of the loss by elements of one parameter. */
static void check_parameter(struct executor *executor, value_id loss, value_id parameter,
                            const double *gradient)
{
    static double numbers[MAX_ELEMENTS];
    const struct value *value = &executor_graph(executor)->values[parameter];
    mvad_error error = {0};
    int64_t count = value_count_elements(value), stride = count / CHECKED_ELEMENTS + 1;
    double largest = 0;
    for (int64_t i = 0; i < count; i++) largest = fmax(largest, fabs(gradient[i]));
    if (!(largest > 1e-4))
        fail_msg("%s: the largest gradient is %g: nothing to compare", value->name, largest);
    assert_int_equal(executor_read_double(executor, parameter, numbers, &error), MVAD_OK);
    for (int64_t i = count / 3 % stride; i < count; i += stride) {
        double number = numbers[i], above, below;
        numbers[i] = number + step;
        executor_write_double(executor, parameter, numbers, &error);
        above = run_loss(executor, loss);
        numbers[i] = number - step;
        executor_write_double(executor, parameter, numbers, &error);
        below = run_loss(executor, loss);
        numbers[i] = number;
        double difference = (above - below) / (2 * step);
        if (!(fabs(difference - gradient[i]) <= 1e-6 * largest + 1e-9))
            fail_msg("%s[%lld]: gradient %.10g, differences give %.10g", value->name, (long long)i,
                     gradient[i], difference);
    }
    executor_write_double(executor, parameter, numbers, &error);
}

/* How far the differentiated graph is rewritten before it runs. */
enum passes { PASS_NONE, PASS_FUSE, PASS_RECOMPUTE_SUMS, PASS_RECOMPUTE_CHEAP, PASS_COUNT };

static struct executor *make(mvad_device *device, build_graph *build, enum passes passes,
                             value_id *loss)
{
    struct graph graph;
    struct executor *executor;
    mvad_error error = {0};
    graph_init(&graph, DTYPE_F64);
    *loss = build(&graph);
    if (graph_status(&graph, &error)) fail_msg("%s", error.message);
    graph_output(&graph, *loss, "loss");
    if (graph_differentiate(&graph, *loss)) fail_msg("%s", graph.error.message);
    if (passes >= PASS_FUSE && graph_fuse(&graph)) fail_msg("%s", graph.error.message);
    enum recompute what = passes == PASS_RECOMPUTE_SUMS ? RECOMPUTE_SUMS : RECOMPUTE_CHEAP;
    if (passes >= PASS_RECOMPUTE_SUMS && graph_recompute(&graph, what))
        fail_msg("%s", graph.error.message);
    if (executor_create(device, &graph, &executor, &error)) fail_msg("%s", error.message);
    write_values(executor);
    return executor;
}

void check_gradients(mvad_device *device, build_graph *build)
{
    value_id loss[PASS_COUNT];
    struct executor *executor[PASS_COUNT];
    struct gradients result[PASS_COUNT], again;
    for (int i = 0; i < PASS_COUNT; i++) {
        executor[i] = make(device, build, (enum passes)i, &loss[i]);
        read_gradients(executor[i], loss[i], &result[i]);
    }
    const struct graph *graph = executor_graph(executor[PASS_NONE]);
    const struct gradients *plain = &result[PASS_NONE];
    assert_true(plain->parameters > 0 && plain->loss > 1e-3 && plain->loss < 1e3);
    for (size_t i = 0; i < plain->parameters; i++) {
        assert_true(value_present(graph_gradient_of(graph, plain->parameter[i])));
        check_parameter(executor[PASS_NONE], loss[PASS_NONE], plain->parameter[i],
                        plain->gradient[i]);
    }
    read_gradients(executor[PASS_NONE], loss[PASS_NONE], &again);
    assert_same_gradients(graph, plain, &again, 0, "second run");
    assert_same_gradients(graph, plain, &result[PASS_FUSE], 1e-12, "fused");
    assert_same_gradients(graph, &result[PASS_FUSE], &result[PASS_RECOMPUTE_SUMS], 0,
                          "sums recomputed");
    assert_same_gradients(graph, &result[PASS_FUSE], &result[PASS_RECOMPUTE_CHEAP], 0,
                          "cheap values recomputed");
    gradients_free(&again);
    for (int i = 0; i < PASS_COUNT; i++) {
        gradients_free(&result[i]);
        executor_destroy(executor[i]);
    }
}
