/* Single operations against PyTorch's answers (tests/golden/ops.safetensors), in both precisions. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/graph/builder.h"
#include "core/graph/executor.h"
#include "tests/golden_model.h"

#define DIM(...) ((int64_t[4]){__VA_ARGS__})
#define IDS(...) ((value_id[]){__VA_ARGS__})
#define NONE VALUE_NONE
#define MAX_VALUES 16

/* One case while its graph is built: inputs are values by formula, accumulators start at zero, and
 * all results are compared by name. */
struct op_case {
    const char *name;
    struct graph graph;
    value_id inputs[MAX_VALUES], results[MAX_VALUES];
    const char *result_names[MAX_VALUES];
    int input_count, result_count;
    double settings[3][ADAMW_HYPER_COUNT]; /* of the values `hyper` */
    value_id hyper[3];
    int hyper_count;
};

static struct op_case begin(const char *name, enum dtype real)
{
    struct op_case c = {.name = name};
    graph_init(&c.graph, real);
    return c;
}

static value_id input(struct op_case *c, const char *name, const int64_t dim[4])
{
    return c->inputs[c->input_count++] = graph_statistic(&c->graph, name, dim);
}

/* A vector of one element a channel. */
static value_id vector(struct op_case *c, const char *name, int64_t channels)
{
    return input(c, name, DIM(1, 1, 1, channels));
}

static value_id expect(struct op_case *c, value_id id, const char *name)
{
    c->results[c->result_count] = id;
    c->result_names[c->result_count++] = name;
    return id;
}

/* A computed value that is compared with the golden one. */
static value_id result(struct op_case *c, const char *name, const int64_t dim[4])
{
    value_id id = graph_add_value(&c->graph, c->graph.real, SEGMENT_ARENA, dim, NULL);
    graph_output(&c->graph, id, name);
    return expect(c, id, name);
}

/* A parameter's gradient: accumulates from zero. */
static value_id gradient(struct op_case *c, const char *name, const int64_t dim[4])
{
    return expect(c, graph_statistic(&c->graph, name, dim), name);
}

static value_id computed(struct op_case *c, const int64_t dim[4])
{
    return graph_add_value(&c->graph, c->graph.real, SEGMENT_ARENA, dim, NULL);
}

static double formula(const char *op_case, const char *name, int64_t i)
{
    char full[96];
    snprintf(full, sizeof full, "%s.%s", op_case, name);
    double s = golden_uniform(full, (uint64_t)i);
    static const double gradient_scales[3] = {2, 0.5, 4};
    if (!strncmp(name, "gradient", 8)) return gradient_scales[name[8] - '1'] * s;
    return !strcmp(name, "gamma") || !strcmp(name, "running_var") ? (double)(float)(1 + 0.2 * s)
                                                                  : s;
}

static void write_inputs(struct op_case *c, struct executor *executor)
{
    mvad_error error = {0};
    for (int n = 0; n < c->hyper_count; n++)
        if (executor_write_double(executor, c->hyper[n], c->settings[n], &error))
            fail_msg("%s", error.message);
    for (int n = 0; n < c->input_count; n++) {
        const struct value *value = &executor_graph(executor)->values[c->inputs[n]];
        int64_t count = value_count_elements(value);
        double *data = malloc((size_t)count * sizeof *data);
        assert_non_null(data);
        for (int64_t i = 0; i < count; i++) data[i] = formula(c->name, value->name, i);
        if (!strcmp(c->name, "cosine_map") && !strcmp(value->name, "s"))
            memset(data, 0, (size_t)value->dim[3] * sizeof *data); /* a vector without direction */
        if (executor_write_double(executor, c->inputs[n], data, &error))
            fail_msg("%s", error.message);
        free(data);
    }
}

static void compare(struct op_case *c, struct executor *executor, const mvad_tensors *golden,
                    double tolerance)
{
    mvad_error error = {0};
    for (int n = 0; n < c->result_count; n++) {
        char name[96];
        snprintf(name, sizeof name, "%s.%s", c->name, c->result_names[n]);
        const struct value *value = &executor_graph(executor)->values[c->results[n]];
        size_t count = (size_t)value_count_elements(value);
        const double *expected = golden_find_double(golden, name, count);
        double *values = malloc(count * sizeof *values), largest = 0, difference = 0;
        int32_t *indices = malloc(count * sizeof *indices);
        assert_true(values && indices);
        if (value->dtype == DTYPE_I32) {
            if (executor_read(executor, c->results[n], indices, &error))
                fail_msg("%s", error.message);
            for (size_t i = 0; i < count; i++) values[i] = indices[i];
        } else if (executor_read_double(executor, c->results[n], values, &error)) {
            fail_msg("%s", error.message);
        }
        for (size_t i = 0; i < count; i++) {
            double d = fabs(values[i] - expected[i]);
            largest = fmax(largest, fabs(expected[i]));
            if (!(d <= difference)) difference = d;
        }
        if (!(difference <= tolerance * largest))
            fail_msg("%s: %.2e of the largest value, allowed %.0e", name, difference / largest,
                     tolerance);
        free(values);
        free(indices);
    }
}

static void finish(struct op_case *c)
{
    enum dtype real = c->graph.real;
    mvad_error error = {0};
    mvad_device *device = NULL;
    struct executor *executor = NULL;
    mvad_tensors *golden = golden_open(MVAD_TEST_DIR "/golden", "ops.safetensors");
    assert_non_null(golden);
    assert_true(c->result_count > 0);
    if (mvad_device_open("cpu", 2, &device, &error) ||
        executor_create(device, &c->graph, &executor, &error))
        fail_msg("%s: %s", c->name, error.message);
    write_inputs(c, executor);
    if (executor_run(executor, NULL, &error)) fail_msg("%s", error.message);
    compare(c, executor, golden, real == DTYPE_F64 ? 1e-13 : 1e-5);
    executor_destroy(executor);
    mvad_device_close(device);
    mvad_tensors_destroy(golden);
}

static void conv(enum dtype real, const char *name, const int64_t x_dim[4], int64_t outputs,
                 int32_t kernel, int32_t stride, int32_t pad)
{
    struct op_case c = begin(name, real);
    int64_t w_dim[4] = {outputs, kernel, kernel, x_dim[3]};
    int64_t y_dim[4] = {x_dim[0], (x_dim[1] + 2 * pad - kernel) / stride + 1,
                        (x_dim[2] + 2 * pad - kernel) / stride + 1, outputs};
    value_id x = input(&c, "x", x_dim), w = input(&c, "w", w_dim), b = vector(&c, "bias", outputs);
    value_id dy = input(&c, "dy", y_dim);
    union op_params params = {.conv2d = {.stride = stride, .pad = pad}};
    graph_emit(&c.graph, OP_CONV2D, &params, 3, IDS(x, w, b), 1, IDS(result(&c, "y", y_dim)));
    graph_emit(&c.graph, OP_CONV2D_GRAD_INPUT, &params, 2, IDS(dy, w), 1,
               IDS(result(&c, "dx", x_dim)));
    value_id dw = gradient(&c, "dw", w_dim), db = gradient(&c, "dbias", DIM(1, 1, 1, outputs));
    graph_emit(&c.graph, OP_CONV2D_GRAD_WEIGHT, &params, 2, IDS(x, dy), 2, IDS(dw, db));
    finish(&c);
}

static void convolutions(enum dtype real)
{
    conv(real, "conv3x3", DIM(2, 5, 6, 3), 4, 3, 1, 1);
    conv(real, "conv3x3_stride2", DIM(2, 7, 6, 5), 3, 3, 2, 1);
    conv(real, "conv7x7_stride2", DIM(2, 9, 11, 3), 5, 7, 2, 3);
    conv(real, "conv1x1", DIM(1, 3, 5, 7), 9, 1, 1, 0);
    conv(real, "conv1x1_stride2", DIM(2, 5, 7, 6), 4, 1, 2, 0);

    struct op_case c = begin("conv3x3_residual_relu", real);
    int64_t y_dim[4] = {2, 4, 3, 6};
    value_id x = input(&c, "x", DIM(2, 4, 3, 5)), w = input(&c, "w", DIM(6, 3, 3, 5));
    value_id bias = vector(&c, "bias", 6), residual = input(&c, "residual", y_dim);
    union op_params params = {.conv2d = {.stride = 1, .pad = 1, .relu = true}};
    graph_emit(&c.graph, OP_CONV2D, &params, 4, IDS(x, w, bias, residual), 1,
               IDS(result(&c, "y", y_dim)));
    finish(&c);

    c = begin("convt2x2", real);
    int64_t up_dim[4] = {2, 6, 10, 4}, x_dim[4] = {2, 3, 5, 6}, w_dim[4] = {6, 2, 2, 4};
    x = input(&c, "x", x_dim);
    w = input(&c, "w", w_dim);
    value_id dy = input(&c, "dy", up_dim);
    params = (union op_params){.conv2d = {.stride = 2}};
    graph_emit(&c.graph, OP_CONVT2X2, &params, 2, IDS(x, w), 1, IDS(result(&c, "y", up_dim)));
    graph_emit(&c.graph, OP_CONVT2X2_GRAD_INPUT, &params, 2, IDS(dy, w), 1,
               IDS(result(&c, "dx", x_dim)));
    graph_emit(&c.graph, OP_CONVT2X2_GRAD_WEIGHT, &params, 2, IDS(x, dy), 1,
               IDS(gradient(&c, "dw", w_dim)));
    finish(&c);
}

/* A norm in training, forward and backward. */
static void trained_norm(enum dtype real, bool batch, const int64_t dim[4])
{
    struct op_case c = begin(batch ? "batch_norm" : "layer_norm", real);
    int64_t channels = dim[3], token[4] = {dim[0], dim[1], dim[2], 1},
            per_channel[4] = {1, 1, 1, channels};
    const int64_t *statistic = batch ? per_channel : token;
    value_id x = input(&c, "x", dim), gamma = vector(&c, "gamma", channels);
    value_id beta = vector(&c, "beta", channels), dy = input(&c, "dy", dim);
    value_id mean = computed(&c, statistic), rstd = computed(&c, statistic);
    value_id y = result(&c, "y", dim);
    union op_params params = {.norm = {.eps = batch ? 1e-5 : 1e-6, .momentum = 0.1}};
    if (batch) {
        value_id running_mean = vector(&c, "running_mean", channels);
        value_id running_var = vector(&c, "running_var", channels);
        graph_emit(&c.graph, OP_BATCH_NORM, &params, 5,
                   IDS(x, gamma, beta, running_mean, running_var), 3, IDS(y, mean, rstd));
        expect(&c, running_mean, "running_mean.after");
        expect(&c, running_var, "running_var.after");
    } else {
        graph_emit(&c.graph, OP_LAYER_NORM, &params, 3, IDS(x, gamma, beta), 3, IDS(y, mean, rstd));
    }
    value_id dx = result(&c, "dx", dim), dgamma = gradient(&c, "dgamma", per_channel);
    value_id dbeta = gradient(&c, "dbeta", per_channel);
    graph_emit(&c.graph, batch ? OP_BATCH_NORM_GRAD : OP_LAYER_NORM_GRAD, &params, 5,
               IDS(dy, x, gamma, mean, rstd), 3, IDS(dx, dgamma, dbeta));
    finish(&c);
}

static void norms(enum dtype real)
{
    trained_norm(real, true, DIM(2, 3, 5, 7));
    trained_norm(real, false, DIM(2, 3, 5, 11));

    struct op_case c = begin("batch_norm_eval", real);
    value_id in[5] = {input(&c, "x", DIM(2, 3, 5, 7)), vector(&c, "gamma", 7), vector(&c, "beta", 7),
                      vector(&c, "running_mean", 7), vector(&c, "running_var", 7)};
    union op_params params = {.norm = {.eps = 1e-5}};
    graph_emit(&c.graph, OP_BATCH_NORM_EVAL, &params, 5, in, 1,
               IDS(result(&c, "y", DIM(2, 3, 5, 7))));
    finish(&c);
}

static void one_to_one(enum dtype real, const char *name, enum op op, union op_params params,
                       const int64_t x_dim[4], const int64_t y_dim[4])
{
    struct op_case c = begin(name, real);
    value_id x = input(&c, "x", x_dim);
    graph_emit(&c.graph, op, &params, 2, IDS(x, NONE), 1, IDS(result(&c, "y", y_dim)));
    finish(&c);
}

static void maps(enum dtype real)
{
    const union op_params none = {0}, resize = {.resize = {1}}, blur = {.blur = {4}};
    one_to_one(real, "max_pool", OP_MAX_POOL, none, DIM(2, 7, 10, 3), DIM(2, 4, 5, 3));
    one_to_one(real, "resize", OP_RESIZE, resize, DIM(2, 5, 3, 2), DIM(2, 11, 8, 2));
    one_to_one(real, "resize_even", OP_RESIZE, resize, DIM(1, 4, 4, 1), DIM(1, 16, 16, 1));
    one_to_one(real, "gaussian_blur40", OP_GAUSSIAN_BLUR, blur, DIM(2, 40, 40, 1),
               DIM(2, 40, 40, 1));
    one_to_one(real, "gaussian_blur12", OP_GAUSSIAN_BLUR, blur, DIM(2, 12, 12, 1),
               DIM(2, 12, 12, 1));

    struct op_case c = begin("cosine_map", real);
    value_id t = input(&c, "t", DIM(2, 3, 5, 7)), s = input(&c, "s", DIM(2, 3, 5, 7));
    union op_params params = {.norm = {.eps = 1e-8}};
    graph_emit(&c.graph, OP_COSINE_MAP, &params, 2, IDS(t, s), 1,
               IDS(result(&c, "y", DIM(2, 3, 5, 1))));
    finish(&c);

    c = begin("mse", real);
    t = input(&c, "t", DIM(2, 3, 5, 7));
    s = input(&c, "s", DIM(2, 3, 5, 7));
    value_id one = computed(&c, DIM(1, 1, 1, 1));
    union op_params weight = {.mse = {5}}, fill = {.fill = {1}};
    graph_emit(&c.graph, OP_FILL, &fill, 0, NULL, 1, &one);
    graph_emit(&c.graph, OP_MSE, &weight, 2, IDS(t, s), 1, IDS(result(&c, "loss", DIM(1, 1, 1, 1))));
    graph_emit(&c.graph, OP_MSE_GRAD, &weight, 3, IDS(one, t, s), 1,
               IDS(result(&c, "ds", DIM(2, 3, 5, 7))));
    finish(&c);
}

static void attend(enum dtype real, const char *name, const int64_t dim[4], int32_t windows,
                   int32_t topk)
{
    struct op_case c = begin(name, real);
    int64_t means[4] = {dim[0], windows, windows, dim[3]}, lse_dim[4] = {dim[0], dim[1], dim[2], 8};
    int64_t index_dim[4] = {dim[0], (int64_t)windows * windows, topk, 1};
    value_id q = input(&c, "q", dim), k = input(&c, "k", dim), v = input(&c, "v", dim);
    value_id dy = input(&c, "dy", dim), q_mean = computed(&c, means), k_mean = computed(&c, means);
    value_id indices = graph_add_value(&c.graph, DTYPE_I32, SEGMENT_ARENA, index_dim, NULL);
    graph_output(&c.graph, indices, "indices");
    expect(&c, indices, "indices");
    union op_params window = {.window = {.windows = windows, .views = (int32_t)dim[0]}};
    union op_params params = {.attention = {.windows = windows,
                                            .views = (int32_t)dim[0],
                                            .heads = 8,
                                            .scale = 1 / sqrt((double)dim[3])}};
    graph_emit(&c.graph, OP_WINDOW_MEAN, &window, 1, &q, 1, &q_mean);
    graph_emit(&c.graph, OP_WINDOW_MEAN, &window, 1, &k, 1, &k_mean);
    graph_emit(&c.graph, OP_ROUTE, &window, 2, IDS(q_mean, k_mean), 1, &indices);
    value_id o = result(&c, "o", dim), lse = result(&c, "lse", lse_dim);
    graph_emit(&c.graph, OP_ROUTED_ATTENTION, &params, 4, IDS(q, k, v, indices), 2, IDS(o, lse));
    value_id dq = result(&c, "dq", dim), dk = result(&c, "dk", dim), dv = result(&c, "dv", dim);
    graph_emit(&c.graph, OP_ROUTED_ATTENTION_GRAD, &params, 7, IDS(dy, q, k, v, indices, o, lse), 3,
               IDS(dq, dk, dv));
    finish(&c);
}

static void attention(enum dtype real)
{
    attend(real, "attention", DIM(3, 8, 8, 16), 3, 4);
    attend(real, "attention_view1", DIM(1, 6, 6, 8), 3, 5);
}

/* Three steps in one graph; each has its own settings, as the bias corrections change. */
static void optimizer(enum dtype real)
{
    struct op_case c = begin("adamw", real);
    static const char *const names[3][2] = {
        {"gradient1", "norm1"}, {"gradient2", "norm2"}, {"gradient3", "norm3"}};
    const int64_t dim[4] = {1, 1, 1, 37};
    value_id p = expect(&c, vector(&c, "p", 37), "p3");
    value_id m = gradient(&c, "m3", dim), v = graph_statistic(&c.graph, "v", dim);
    /* In float 1 - beta2 is 1.3e-5 off the 0.001 that PyTorch computes in double. The bias correction
     * takes that out of the parameters, not out of the moment. */
    if (real == DTYPE_F64) expect(&c, v, "v3");
    double beta1 = real == DTYPE_F32 ? (double)0.9f : 0.9;
    double beta2 = real == DTYPE_F32 ? (double)0.999f : 0.999;
    for (int t = 0; t < 3; t++) {
        const double settings[ADAMW_HYPER_COUNT] = {
            0.0125, beta1, beta2, 1e-8, 0.1, 1 - pow(beta1, t + 1), 1 - pow(beta2, t + 1), 5, 1};
        memcpy(c.settings[t], settings, sizeof settings);
        value_id hyper = graph_statistic(&c.graph, "hyper", DIM(1, 1, 1, ADAMW_HYPER_COUNT));
        value_id g = vector(&c, names[t][0], 37);
        value_id norm = result(&c, names[t][1], DIM(1, 1, 1, 1));
        c.hyper[c.hyper_count++] = hyper;
        graph_emit(&c.graph, OP_NORM, NULL, 1, &g, 1, &norm);
        graph_emit(&c.graph, OP_ADAMW, NULL, 3, IDS(g, norm, hyper), 3, IDS(p, m, v));
    }
    finish(&c);
}

#define TWICE(test)                      \
    static void test##_f32(void **state) \
    {                                    \
        (void)state;                     \
        test(DTYPE_F32);                 \
    }                                    \
    static void test##_f64(void **state) \
    {                                    \
        (void)state;                     \
        test(DTYPE_F64);                 \
    }

TWICE(convolutions)
TWICE(norms)
TWICE(maps)
TWICE(attention)
TWICE(optimizer)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(convolutions_f32), cmocka_unit_test(convolutions_f64),
        cmocka_unit_test(norms_f32),        cmocka_unit_test(norms_f64),
        cmocka_unit_test(maps_f32),         cmocka_unit_test(maps_f64),
        cmocka_unit_test(attention_f32),    cmocka_unit_test(attention_f64),
        cmocka_unit_test(optimizer_f32),    cmocka_unit_test(optimizer_f64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
