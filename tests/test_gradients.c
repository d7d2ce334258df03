/* Gradients of small graphs against central differences of their loss, in double precision. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <math.h>

#include <cmocka.h>

#include "core/graph/autodiff.h"
#include "gradient_check.h"
#include "small_graph.h"

static value_id build_convolutions(struct graph *graph)
{
    value_id y = graph_relu(graph, linear(graph, "first", image(graph, 2, 9, 8, 3), 5));
    y = graph_relu(graph, conv(graph, "strided", y, 6, 3, 2, true));
    y = conv(graph, "large", y, 4, 7, 1, false);
    y = conv(graph, "skipping", y, 3, 1, 2, true);
    return mse_to_target(graph, conv(graph, "last", y, 3, 3, 1, true));
}

static void convolutions(void **state)
{
    check_gradients(*state, build_convolutions);
}

static value_id build_transposed(struct graph *graph)
{
    value_id y = graph_relu(graph, convt(graph, "first", image(graph, 2, 3, 2, 5), 4));
    y = convt(graph, "second", y, 3);
    return mse_to_target(graph, conv(graph, "last", y, 2, 3, 1, false));
}

static void transposed_convolutions(void **state)
{
    check_gradients(*state, build_transposed);
}

/* A residual block of the student, its shortcut a transposed convolution. */
static value_id build_batch_norm(struct graph *graph)
{
    value_id x = linear(graph, "stem", image(graph, 2, 3, 4, 3), 6);
    value_id y = graph_relu(graph, batch_norm(graph, "bn1", convt(graph, "up1", x, 5)));
    y = batch_norm(graph, "bn2", conv(graph, "conv2", y, 5, 3, 1, false));
    value_id shortcut = batch_norm(graph, "bn3", convt(graph, "up2", x, 5));
    y = graph_relu(graph, graph_add(graph, y, shortcut));
    value_id z = batch_norm(graph, "bn4", conv(graph, "conv4", y, 5, 3, 1, false));
    return mse_to_target(graph, graph_relu(graph, graph_add(graph, z, y)));
}

static void batch_norm_with_residual(void **state)
{
    check_gradients(*state, build_batch_norm);
}

static value_id build_layer_norm(struct graph *graph)
{
    value_id y = layer_norm(graph, "first", linear(graph, "linear", image(graph, 2, 4, 3, 5), 7));
    return mse_to_target(graph, layer_norm(graph, "second", graph_relu(graph, y)));
}

static void layer_norms(void **state)
{
    check_gradients(*state, build_layer_norm);
}

/* One value with five readers, two of them the same addition. */
static value_id build_fan_out(struct graph *graph)
{
    value_id y = linear(graph, "linear", image(graph, 2, 3, 4, 3), 4);
    value_id sum = graph_add(graph, graph_add(graph, y, y), graph_relu(graph, y));
    sum = graph_add(graph, sum, linear(graph, "branch", y, 4));
    return mse_to_target(graph, graph_add(graph, y, sum));
}

static void fan_out(void **state)
{
    check_gradients(*state, build_fan_out);
}

static value_id build_dropout(struct graph *graph)
{
    value_id y =
        graph_dropout(graph, linear(graph, "first", image(graph, 5, 3, 4, 3), 6), 0.3, false);
    value_id branch =
        graph_dropout(graph, graph_relu(graph, linear(graph, "second", y, 6)), 0.4, true);
    y = graph_add(graph, y, branch);
    return mse_to_target(graph, graph_dropout(graph, graph_relu(graph, y), 0.2, false));
}

static void dropout_and_drop_path(void **state)
{
    check_gradients(*state, build_dropout);
}

/* Images of 5x5 in windows of 3x3, so that some keys are padding. */
static value_id attend(struct graph *graph, value_id q, value_id k, value_id v, int32_t views)
{
    const struct attention_params params = {.windows = 2, .views = views, .heads = 2, .scale = 0.7};
    value_id indices = graph_route(graph, graph_window_mean(graph, q, 2),
                                   graph_window_mean(graph, k, 2), views, 3);
    return graph_routed_attention(graph, q, k, v, indices, params);
}

static value_id build_attention(struct graph *graph)
{
    value_id x = image(graph, 6, 5, 5, 4),
             encoding = graph_constant(graph, "encoding", DIM(1, 5, 5, 4));
    value_id q = linear(graph, "q", graph_add(graph, x, encoding), 8), k = linear(graph, "k", x, 8),
             v = linear(graph, "v", x, 8);
    return mse_to_target(graph, attend(graph, q, k, v, 3));
}

static void routed_attention(void **state)
{
    check_gradients(*state, build_attention);
}

/* The same value as query, key and value, of a single view. */
static value_id build_self_attention(struct graph *graph)
{
    value_id y = linear(graph, "linear", image(graph, 2, 5, 4, 4), 6);
    return mse_to_target(graph, attend(graph, y, y, y, 1));
}

static void self_attention(void **state)
{
    check_gradients(*state, build_self_attention);
}

/* Keys and values that nothing trained feeds: dk and dv are absent. */
static value_id build_frozen_keys(struct graph *graph)
{
    value_id x = image(graph, 4, 5, 5, 6);
    return mse_to_target(graph, attend(graph, linear(graph, "q", x, 6), x, x, 2));
}

static void attention_to_frozen_keys(void **state)
{
    check_gradients(*state, build_frozen_keys);
}

/* An attention block of the fusion as the model has it. */
static value_id build_block(struct graph *graph)
{
    value_id x = image(graph, 4, 5, 4, 4), y = x;
    value_id k = linear(graph, "k", x, 4), v = linear(graph, "v", x, 4),
             encoding = graph_constant(graph, "encoding", DIM(1, 5, 4, 4));
    for (int block = 0; block < 2; block++) {
        const char *const names[2][5] = {{"q0", "norm0", "up0", "down0", "end0"},
                                         {"q1", "norm1", "up1", "down1", "end1"}};
        value_id q = linear(graph, names[block][0], graph_add(graph, y, encoding), 4);
        y = layer_norm(
            graph, names[block][1],
            graph_add(graph, y, graph_dropout(graph, attend(graph, q, k, v, 2), 0.3, true)));
        value_id hidden = graph_dropout(
            graph, graph_relu(graph, linear(graph, names[block][2], y, 16)), 0.2, false);
        hidden = graph_dropout(graph, linear(graph, names[block][3], hidden, 4), 0.2, false);
        y = layer_norm(graph, names[block][4], graph_add(graph, y, hidden));
    }
    return mse_to_target(graph, y);
}

static void attention_block(void **state)
{
    check_gradients(*state, build_block);
}

/* Several losses of several depths, added up. */
static value_id build_losses(struct graph *graph)
{
    value_id y = linear(graph, "first", image(graph, 2, 3, 3, 4), 5),
             z = linear(graph, "second", graph_relu(graph, y), 5);
    value_id near =
        graph_mse(graph, graph_input(graph, "near", graph->real, DIM(2, 3, 3, 5)), y, 2);
    return graph_add(graph, near, mse_to_target(graph, z));
}

static void sum_of_losses(void **state)
{
    check_gradients(*state, build_losses);
}

/* ---- what must not be there ---- */

static int count_backward(const struct graph *graph, enum op op)
{
    int count = 0;
    for (size_t i = graph->forward_node_count; i < graph->node_count; i++)
        count += graph->nodes[i].op == op;
    return count;
}

/* A frozen layer in front of a trained one: no gradient passes into it. */
static void frozen_values_get_no_gradient(void **state)
{
    (void)state;
    struct graph graph;
    graph_init(&graph, DTYPE_F64);
    value_id w = graph_constant(&graph, "frozen", DIM(4, 3, 3, 3));
    value_id teacher =
        graph_relu(&graph, graph_conv2d(&graph, image(&graph, 2, 6, 6, 3), w, VALUE_NONE, 1, 1));
    value_id y = linear(&graph, "trained", teacher, 4);
    value_id loss = graph_mse(&graph, teacher, y, 1);
    size_t forward = graph.node_count;
    assert_false(graph.values[teacher].needs_gradient);
    assert_int_equal(graph_differentiate(&graph, loss), MVAD_OK);
    assert_int_equal(graph.forward_node_count, forward);
    assert_int_equal(count_backward(&graph, OP_CONV2D_GRAD_WEIGHT), 1);
    assert_int_equal(count_backward(&graph, OP_CONV2D_GRAD_INPUT), 0);
    assert_int_equal(count_backward(&graph, OP_RELU_GRAD), 0);
    assert_int_equal(count_backward(&graph, OP_MSE_GRAD), 1);
    graph_free(&graph);
}

static void nothing_trained_is_an_error(void **state)
{
    (void)state;
    struct graph graph;
    graph_init(&graph, DTYPE_F64);
    value_id w = graph_constant(&graph, "frozen", DIM(4, 1, 1, 3));
    value_id loss =
        mse_to_target(&graph, graph_conv2d(&graph, image(&graph, 1, 2, 2, 3), w, VALUE_NONE, 1, 0));
    assert_int_equal(graph_differentiate(&graph, loss), MVAD_ERROR_INVALID_ARGUMENT);
    graph_free(&graph);
}

/* No rule must be an error, never a silent zero. */
static void missing_rules_are_errors(void **state)
{
    (void)state;
    for (int which = 0; which < 4; which++) {
        struct graph graph;
        graph_init(&graph, DTYPE_F64);
        value_id x = image(&graph, 2, 4, 4, 3), y = linear(&graph, "linear", x, 3), loss;
        if (which == 0) {
            loss = mse_to_target(&graph, graph_max_pool(&graph, y));
        } else if (which == 1) {
            value_id encoding =
                linear(&graph, "encoding", graph_constant(&graph, "e", DIM(1, 4, 4, 3)), 3);
            loss = mse_to_target(&graph, graph_add(&graph, y, encoding));
        } else if (which == 2) {
            loss = mse_to_target(&graph, graph_resize(&graph, y, 8, 8, 1, VALUE_NONE));
        } else {
            loss = graph_mse(&graph, y, linear(&graph, "other", x, 3), 1); /* a trained target */
        }
        if (graph_differentiate(&graph, loss) != MVAD_ERROR_UNSUPPORTED)
            fail_msg("graph %d was differentiated", which);
        assert_int_equal(graph.error.status, MVAD_ERROR_UNSUPPORTED);
        assert_true(strlen(graph.error.message) > 0);
        graph_free(&graph);
    }
}

/* ---- the optimizer's nodes ---- */

/* One step of AdamW, written out for every parameter of the graph. */
static void adamw_updates_every_parameter(void **state)
{
    const double hyper[ADAMW_HYPER_COUNT] = {
        [ADAMW_LEARNING_RATE] = 0.01, [ADAMW_BETA1] = 0.8,        [ADAMW_BETA2] = 0.95,
        [ADAMW_EPSILON] = 1e-3,       [ADAMW_WEIGHT_DECAY] = 0.1, [ADAMW_BIAS1] = 1 - 0.8,
        [ADAMW_BIAS2] = 1 - 0.95,     [ADAMW_CLIP_NORM] = 0.5,    [ADAMW_UNSCALE] = 1,
    };
    static double before[MAX_PARAMETERS][MAX_ELEMENTS], after[MAX_ELEMENTS];
    struct graph graph;
    struct executor *executor;
    mvad_error error = {0};
    graph_init(&graph, DTYPE_F64);
    value_id loss = build_convolutions(&graph);
    graph_output(&graph, loss, "loss");
    assert_int_equal(graph_differentiate(&graph, loss), MVAD_OK);
    assert_int_equal(graph_append_adamw(&graph), MVAD_OK);
    assert_int_equal(executor_create(*state, &graph, &executor, &error), MVAD_OK);
    write_values(executor);
    const struct graph *built = executor_graph(executor);
    assert_int_equal(executor_write_double(executor, graph_find(built, "hyper"), hyper, &error),
                     MVAD_OK);
    size_t count = 0;
    for (value_id id = 0; id < built->value_count; id++)
        if (built->values[id].segment == SEGMENT_TRAINABLE && built->values[id].name)
            assert_int_equal(executor_read_double(executor, id, before[count++], &error), MVAD_OK);

    struct gradients now;
    double squares = 0, norm = 0;
    read_gradients(executor, loss, &now);
    assert_int_equal(now.parameters, count);
    for (size_t i = 0; i < count; i++)
        for (int64_t e = 0; e < value_count_elements(&built->values[now.parameter[i]]); e++)
            squares += now.gradient[i][e] * now.gradient[i][e];
    assert_int_equal(
        executor_read_double(executor, graph_find(built, "gradient_norm"), &norm, &error), MVAD_OK);
    assert_true(fabs(norm - sqrt(squares)) <= 1e-12 * norm);
    assert_true(norm > 1); /* clipping is at work */
    for (size_t i = 0; i < count; i++) {
        const struct value *value = &built->values[now.parameter[i]];
        assert_int_equal(executor_read_double(executor, now.parameter[i], after, &error), MVAD_OK);
        for (int64_t e = 0; e < value_count_elements(value); e++) {
            /* After a step from zero moments m / bias1 is the gradient, v / bias2 its square. */
            double g = now.gradient[i][e] * 0.5 / (norm + 1e-6);
            double want = before[i][e] * (1 - 0.01 * 0.1) - 0.01 * g / (fabs(g) + 1e-3);
            if (!(fabs(after[e] - want) <= 1e-12))
                fail_msg("%s[%lld]: %.15g, not %.15g", value->name, (long long)e, after[e], want);
        }
    }
    gradients_free(&now);
    executor_destroy(executor);
}

static int open_device(void **state)
{
    mvad_device *device;
    mvad_error error = {0};
    if (mvad_device_open("cpu", 2, &device, &error)) {
        print_error("%s\n", error.message);
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
        cmocka_unit_test(convolutions),
        cmocka_unit_test(transposed_convolutions),
        cmocka_unit_test(batch_norm_with_residual),
        cmocka_unit_test(layer_norms),
        cmocka_unit_test(fan_out),
        cmocka_unit_test(dropout_and_drop_path),
        cmocka_unit_test(routed_attention),
        cmocka_unit_test(self_attention),
        cmocka_unit_test(attention_to_frozen_keys),
        cmocka_unit_test(attention_block),
        cmocka_unit_test(sum_of_losses),
        cmocka_unit_test(frozen_values_get_no_gradient),
        cmocka_unit_test(nothing_trained_is_an_error),
        cmocka_unit_test(missing_rules_are_errors),
        cmocka_unit_test(adamw_updates_every_parameter),
    };
    return cmocka_run_group_tests_name("gradients", tests, open_device, close_device);
}
