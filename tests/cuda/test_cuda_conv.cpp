/* CUDA's convolutions on the emulation, against plain loops in double over the formulas of core/graph/op.h. */
#include "kernel_test.h"

#include "kernels/cuda/conv_plan.h"

#include "kernels/cuda/conv_bf16.cu"
#include "kernels/cuda/conv_f16.cu"
#include "kernels/cuda/conv_fp32.cu"
#include "kernels/cuda/conv_sums.cu"
#include "kernels/cuda/conv_tf32.cu"

namespace
{

/* A convolution y (n, oh, ow, o) of x (n, h, w, c), kernel r x r. */
struct Shape {
    int n, h, w, c, o, r, stride, pad;
    bool bias, residual, relu;
    int out_h() const
    {
        return (h + 2 * pad - r) / stride + 1;
    }
    int out_w() const
    {
        return (w + 2 * pad - r) / stride + 1;
    }
    size_t x_size() const
    {
        return static_cast<size_t>(n) * h * w * c;
    }
    size_t y_size() const
    {
        return static_cast<size_t>(n) * out_h() * out_w() * o;
    }
    size_t w_size() const
    {
        return static_cast<size_t>(o) * r * r * c;
    }
    size_t x_at(int i, int y, int x, int ch) const
    {
        return ((static_cast<size_t>(i) * h + y) * w + x) * c + ch;
    }
    size_t y_at(int i, int y, int x, int ch) const
    {
        return ((static_cast<size_t>(i) * out_h() + y) * out_w() + x) * o + ch;
    }
    size_t w_at(int to, int row, int column, int ch) const
    {
        return ((static_cast<size_t>(to) * r + row) * r + column) * c + ch;
    }
};

const Shape shapes[] = {
    {2, 7, 9, 16, 24, 3, 1, 1, true, true, true},   {1, 13, 11, 8, 72, 3, 2, 1, false, false, true},
    {3, 5, 5, 32, 64, 1, 1, 0, true, false, false}, {2, 9, 7, 64, 136, 1, 2, 0, false, true, false},
    {1, 6, 5, 72, 48, 3, 1, 1, true, true, true}, /* cut into pieces */
    {1, 15, 17, 3, 16, 7, 2, 3, true, false, true}, {2, 6, 7, 5, 10, 3, 1, 1, true, true, false},
};

/* Two sizes of device, so that both sizes of tiles are used, with and without pieces. */
const int multiprocessor_counts[] = {1, 82};

/* ---- products of the formulas ---- */

struct Sum {
    double value = 0, magnitude = 0;
    int terms = 0;
    void add(double a, double b)
    {
        value += a * b;
        magnitude += std::fabs(a * b);
        terms++;
    }
};

template <class T>
void check_result(const char *what, cuda_math math, const Buffer<T> &got,
                  const std::vector<Sum> &sums, const Buffer<float> *bias,
                  const Buffer<T> *residual, bool relu, int channels)
{
    got.check_ends();
    for (size_t i = 0; i < sums.size(); i++) {
        double value = sums[i].value, magnitude = sums[i].magnitude;
        if (bias) value += (*bias)[i % static_cast<size_t>(channels)];
        if (residual) value += to_float((*residual)[i]);
        magnitude += std::fabs(value);
        if (relu && value < 0) value = 0;
        check_number(what, i, to_float(got[i]), value,
                     product_error(math, sums[i].terms, magnitude) +
                         roundoff(math) * std::fabs(value) + 0x1p-24);
    }
}

/* Sums of OP_CONV2D, and of its gradients: the same products, sorted differently. */
template <class Add> void for_each_product(const Shape &s, Add add)
{
    for (int n = 0; n < s.n; n++)
        for (int y = 0; y < s.out_h(); y++)
            for (int x = 0; x < s.out_w(); x++)
                for (int r = 0; r < s.r; r++)
                    for (int t = 0; t < s.r; t++) {
                        const int h = y * s.stride + r - s.pad, w = x * s.stride + t - s.pad;
                        if (h < 0 || h >= s.h || w < 0 || w >= s.w) continue;
                        for (int o = 0; o < s.o; o++)
                            for (int c = 0; c < s.c; c++)
                                add(s.y_at(n, y, x, o), s.x_at(n, h, w, c), s.w_at(o, r, t, c));
                    }
}

/* ---- products for the kernels, as kernels/conv.h describes them ---- */

conv_product forward_product(const Shape &s)
{
    conv_product p;
    memset(&p, 0, sizeof p);
    p.images = s.n;
    p.in_height = s.h;
    p.in_width = s.w;
    p.in_channels = s.c;
    p.out_height = p.grid_height = s.out_h();
    p.out_width = p.grid_width = s.out_w();
    p.out_channels = s.o;
    p.out_step = p.tap_step = p.direction = p.in_stride = 1;
    p.in_step = s.stride;
    p.in_base_h = p.in_base_w = -s.pad;
    p.taps_h = p.taps_w = s.r;
    p.has_bias = s.bias;
    p.has_residual = s.residual;
    p.relu = s.relu;
    p.tap_h_stride = s.r * s.c;
    p.tap_w_stride = s.c;
    p.out_stride = s.r * s.r * s.c;
    return p;
}

/* The pixels stride * i + base of dx: taps first, first + stride, .. read dy[i + (base + pad - tap) / stride]. */
std::vector<conv_product> backward_products(const Shape &s)
{
    std::vector<conv_product> products;
    for (int base_h = 0; base_h < s.stride; base_h++)
        for (int base_w = 0; base_w < s.stride; base_w++) {
            conv_product p;
            memset(&p, 0, sizeof p);
            const int first_h = (base_h + s.pad) % s.stride, first_w = (base_w + s.pad) % s.stride;
            p.images = s.n;
            p.in_height = s.out_h();
            p.in_width = s.out_w();
            p.in_channels = s.o;
            p.out_height = s.h;
            p.out_width = s.w;
            p.out_channels = s.c;
            p.grid_height = (s.h - base_h + s.stride - 1) / s.stride;
            p.grid_width = (s.w - base_w + s.stride - 1) / s.stride;
            p.out_step = s.stride;
            p.out_base_h = base_h;
            p.out_base_w = base_w;
            p.in_step = p.out_stride = 1;
            p.in_base_h = (base_h + s.pad - first_h) / s.stride;
            p.in_base_w = (base_w + s.pad - first_w) / s.stride;
            p.direction = -1;
            for (int r = first_h; r < s.r; r += s.stride) p.taps_h++;
            for (int r = first_w; r < s.r; r += s.stride) p.taps_w++;
            p.tap_step = s.stride;
            p.tap_base_h = first_h;
            p.tap_base_w = first_w;
            p.tap_h_stride = s.r * s.c;
            p.tap_w_stride = s.c;
            p.in_stride = s.r * s.r * s.c;
            if (p.grid_height > 0 && p.grid_width > 0) products.push_back(p);
        }
    return products;
}

/* Runs a product with the plan's kernels. */
template <class T>
void run_product(const conv_product &p, cuda_math math, int multiprocessors,
                 const Buffer<T> &source, const Buffer<T> &weight, const Buffer<float> &bias,
                 const T *residual, Buffer<T> &result)
{
    const cuda_conv_plan plan = cuda_plan_conv(&p, math, multiprocessors);
    Buffer<float> partial(plan.workspace / sizeof(float));
    assert_null(cuda_conv_refuses(&p));
    launch_kernel(plan.product, source.data(), weight.data(), bias.data(), residual, result.data(),
                  plan.pieces > 1 ? partial.data() : static_cast<float *>(nullptr), p, plan.piece);
    assert_int_equal(plan.pieces > 1, plan.finish.kernel[0] != 0);
    if (plan.pieces > 1)
        launch_kernel(plan.finish, static_cast<const float *>(partial.data()), bias.data(),
                      residual, result.data(), p, plan.pieces);
    partial.check_ends();
}

/* ---- tests ---- */

template <class T> void forward_and_data_gradient(cuda_math math, const Shape &s)
{
    Numbers numbers(static_cast<uint64_t>(s.c * 1000 + s.o));
    Buffer<T> x(s.x_size()), w(s.w_size()), residual(s.y_size()), dy(s.y_size());
    Buffer<float> bias(static_cast<size_t>(s.o));
    numbers.fill(x);
    numbers.fill(w);
    numbers.fill(residual);
    numbers.fill(dy);
    numbers.fill(bias);
    std::vector<Sum> y_sums(s.y_size()), dx_sums(s.x_size());
    for_each_product(s, [&](size_t y_at, size_t x_at, size_t w_at) {
        y_sums[y_at].add(to_float(x[x_at]), to_float(w[w_at]));
        dx_sums[x_at].add(to_float(dy[y_at]), to_float(w[w_at]));
    });
    for (int multiprocessors : multiprocessor_counts) {
        std::vector<Buffer<T>> results;
        in_both_orders([&](bool descending) {
            Buffer<T> y(s.y_size()), dx(s.x_size());
            /* In place in one of the two runs. */
            if (descending && s.residual) y = residual;
            run_product(
                forward_product(s), math, multiprocessors, x, w, bias,
                static_cast<const T *>(descending && s.residual ? y.data() : residual.data()), y);
            for (const conv_product &p : backward_products(s))
                run_product(p, math, multiprocessors, dy, w, bias, static_cast<const T *>(nullptr),
                            dx);
            check_result("y", math, y, y_sums, s.bias ? &bias : nullptr,
                         s.residual ? &residual : nullptr, s.relu, s.o);
            check_result<T>("dx", math, dx, dx_sums, nullptr, nullptr, false, s.c);
            results.push_back(y);
            results.push_back(dx);
        });
        assert_true(results[0].same_bytes(results[2]));
        assert_true(results[1].same_bytes(results[3]));
    }
}

void convolutions_and_data_gradients(void **)
{
    for (const Shape &s : shapes) FOR_EACH_MATH(forward_and_data_gradient, s);
}

template <class T> void weight_gradients(cuda_math math, const Shape &s)
{
    Numbers numbers(static_cast<uint64_t>(s.c * 1000 + s.o + 1));
    Buffer<T> x(s.x_size()), dy(s.y_size());
    Buffer<float> before(s.w_size()), bias_before(static_cast<size_t>(s.o));
    numbers.fill(x);
    numbers.fill(dy);
    numbers.fill(before);
    numbers.fill(bias_before);
    std::vector<Sum> sums(s.w_size()), bias_sums(static_cast<size_t>(s.o));
    for_each_product(s, [&](size_t y_at, size_t x_at, size_t w_at) {
        sums[w_at].add(to_float(x[x_at]), to_float(dy[y_at]));
    });
    for (size_t i = 0; i < dy.size(); i++)
        bias_sums[i % static_cast<size_t>(s.o)].add(to_float(dy[i]), 1);
    const int rows = s.n * s.out_h() * s.out_w();
    for (int multiprocessors : multiprocessor_counts) {
        std::vector<Buffer<float>> results;
        in_both_orders([&](bool) {
            conv_weight_gradient g = {s.n, s.h, s.w,      s.c,   s.out_h(), s.out_w(), s.o,
                                      s.r, s.r, s.stride, s.pad, 0,         0};
            const cuda_conv_weight_plan plan = cuda_plan_conv_weight(&g, math, multiprocessors);
            g.piece = plan.piece;
            g.pieces = plan.pieces;
            Buffer<float> partial(plan.workspace / sizeof(float)), dw = before, dbias = bias_before;
            launch_kernel(plan.weight, static_cast<const T *>(x.data()),
                          static_cast<const T *>(dy.data()), dw.data(), partial.data(), g);
            if (plan.pieces > 1)
                launch_kernel(plan.add, static_cast<const float *>(partial.data()), dw.data(),
                              static_cast<unsigned long long>(dw.size()), plan.pieces);
            const cuda_conv_bias_plan bias = cuda_plan_conv_bias(rows, s.o, math, multiprocessors);
            Buffer<float> bias_partial(bias.workspace / sizeof(float));
            launch_kernel(bias.bias, static_cast<const T *>(dy.data()), bias_partial.data(), rows,
                          s.o, bias.piece);
            launch_kernel(bias.add, static_cast<const float *>(bias_partial.data()), dbias.data(),
                          static_cast<unsigned long long>(dbias.size()), bias.pieces);
            partial.check_ends();
            bias_partial.check_ends();
            dw.check_ends();
            dbias.check_ends();
            for (size_t i = 0; i < dw.size(); i++)
                check_number("dw", i, dw[i], before[i] + sums[i].value,
                             product_error(math, sums[i].terms, sums[i].magnitude + 1));
            for (size_t i = 0; i < dbias.size(); i++)
                check_number(
                    "dbias", i, dbias[i], bias_before[i] + bias_sums[i].value,
                    product_error(CUDA_FP32, bias_sums[i].terms, bias_sums[i].magnitude + 1));
            results.push_back(dw);
            results.push_back(dbias);
        });
        assert_true(results[0].same_bytes(results[2]));
        assert_true(results[1].same_bytes(results[3]));
    }
}

void gradients_of_weights_and_biases(void **)
{
    for (const Shape &s : shapes) FOR_EACH_MATH(weight_gradients, s);
}

/* y[n, 2h+r, 2w+s, o] = act(bias[o] + residual + sum_c x[n,h,w,c] * w[c,r,s,o]): the data gradient of a
 * convolution 2x2 with stride 2, from `c` channels to `o`. */
template <class T> void transposed(cuda_math math, int c, int o)
{
    const int n = 2, h = 5, w = 3;
    const Shape s = {n, 2 * h, 2 * w, o, c, 2, 2, 0, true, true, true};
    Numbers numbers(static_cast<uint64_t>(c));
    Buffer<T> x(s.y_size()), weight(s.w_size()), residual(s.x_size());
    Buffer<float> bias(static_cast<size_t>(o));
    numbers.fill(x);
    numbers.fill(weight);
    numbers.fill(residual);
    numbers.fill(bias);
    std::vector<Sum> sums(s.x_size());
    for (int i = 0; i < n; i++)
        for (int y = 0; y < 2 * h; y++)
            for (int at = 0; at < 2 * w; at++)
                for (int to = 0; to < o; to++)
                    for (int from = 0; from < c; from++)
                        sums[((static_cast<size_t>(i) * 2 * h + y) * 2 * w + at) * o + to].add(
                            to_float(
                                x[((static_cast<size_t>(i) * h + y / 2) * w + at / 2) * c + from]),
                            to_float(
                                weight[((static_cast<size_t>(from) * 2 + y % 2) * 2 + at % 2) * o +
                                       to]));
    for (int multiprocessors : multiprocessor_counts) {
        Buffer<T> y(s.x_size());
        for (conv_product p : backward_products(s)) {
            p.has_bias = p.has_residual = p.relu = 1;
            run_product(p, math, multiprocessors, x, weight, bias,
                        static_cast<const T *>(residual.data()), y);
        }
        check_result("y", math, y, sums, &bias, &residual, true, o);
    }
}

void transposed_convolutions(void **)
{
    FOR_EACH_MATH(transposed, 48, 24);
    FOR_EACH_MATH(transposed, 6, 7);
}

/* What was found in the plans must be what the tests above ran. */
void plans_choose_by_shape(void **)
{
    Shape s = {8, 64, 64, 64, 64, 3, 1, 1, false, false, false};
    conv_product p = forward_product(s);
    cuda_conv_plan plan = cuda_plan_conv(&p, CUDA_F16, 82);
    assert_string_equal(plan.product.kernel, "conv_f16_128_lines");
    assert_int_equal(plan.product.grid[0], 8 * 64 * 64 / 128);
    assert_int_equal(plan.pieces, 1);
    s = {1, 8, 8, 512, 512, 3, 1, 1, false, false, false};
    p = forward_product(s);
    plan = cuda_plan_conv(&p, CUDA_TF32, 82);
    assert_string_equal(plan.product.kernel, "conv_tf32_64_lines");
    assert_true(plan.pieces > 8);
    assert_true(plan.workspace == static_cast<size_t>(plan.pieces) * 64 * 512 * 4);
    s = {1, 256, 256, 3, 64, 7, 2, 3, true, false, true};
    p = forward_product(s);
    plan = cuda_plan_conv(&p, CUDA_BF16, 82);
    assert_string_equal(plan.product.kernel, "conv_bf16_any_lines");
    s.n = 20000;
    p = forward_product(s);
    assert_non_null(cuda_conv_refuses(&p));
    assert_int_equal(cuda_math_on(CUDA_TF32, 75), CUDA_FP32);
    assert_int_equal(cuda_math_on(CUDA_BF16, 75), -1);
    assert_int_equal(cuda_math_on(CUDA_BF16, 86), CUDA_BF16);
}

} // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(convolutions_and_data_gradients),
        cmocka_unit_test(gradients_of_weights_and_biases),
        cmocka_unit_test(transposed_convolutions),
        cmocka_unit_test(plans_choose_by_shape),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
