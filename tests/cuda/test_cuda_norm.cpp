/* CUDA's batch norm and layer norm on the emulation, against plain loops in double over the formulas of
 * core/graph/op.h. */
#include "kernel_test.h"

#include "kernels/cuda/norm_plan.h"

#include "kernels/cuda/norm.cu"

namespace
{

constexpr float EPS = 1e-5f, MOMENTUM = 0.1f;

struct Shape {
    int rows, channels;
    double mean; /* far from 0, the difference of two squares would be lost in rounding */
    size_t size() const
    {
        return static_cast<size_t>(rows) * channels;
    }
    size_t wide() const
    {
        return static_cast<size_t>(channels);
    }
};

const Shape shapes[] = {
    {1, 8, 0},    {37, 24, 1000}, {1000, 64, 3}, {129, 10, -50},
    {70, 264, 1}, {45, 1032, 0},  {600, 7, 2},
};

const int multiprocessor_counts[] = {1, 82};

/* What all tests have: x and dy in the storage, parameters in float. */
template <class T> struct Data {
    explicit Data(const Shape &s)
        : x(s.size()), dy(s.size()), residual(s.size()), gamma(s.wide()), beta(s.wide()),
          running_mean(s.wide()), running_var(s.wide()), dgamma(s.wide()), dbeta(s.wide())
    {
        Numbers numbers(static_cast<uint64_t>(s.rows * 10 + s.channels));
        numbers.fill(x, 2, s.mean);
        numbers.fill(dy, 1, 0.5);
        numbers.fill(residual);
        numbers.fill(gamma, 1, 0.25);
        numbers.fill(beta);
        numbers.fill(running_mean);
        numbers.fill(running_var, 0.5, 1);
        numbers.fill(dgamma);
        numbers.fill(dbeta);
    }
    Buffer<T> x, dy, residual;
    Buffer<float> gamma, beta, running_mean, running_var, dgamma, dbeta;
};

template <class T> const T *constant(const Buffer<T> &buffer)
{
    return buffer.data();
}

/* Mean and biased variance of `count` numbers. */
struct Moments {
    double mean = 0, var = 0, magnitude = 0;
};
template <class Get> Moments moments_of(int count, Get get)
{
    Moments m;
    for (int i = 0; i < count; i++) {
        m.mean += get(i) / count;
        m.magnitude += std::fabs(get(i)) / count;
    }
    for (int i = 0; i < count; i++) m.var += (get(i) - m.mean) * (get(i) - m.mean) / count;
    return m;
}

/* How far the float mean of numbers of this magnitude may be off, and rstd in units of itself. */
double mean_error(const Moments &m)
{
    return 0x1p-21 * m.magnitude;
}
double rstd_error(const Moments &m)
{
    const double off = mean_error(m);
    return 0x1p-20 + (off * off + 0x1p-22 * off * m.magnitude) / (m.var + static_cast<double>(EPS));
}

/* y = (x - m) * rstd * gamma + beta with a mean and an rstd that may be off. */
double normal_error(const Moments &m, double x, double rstd, double gamma, double y, cuda_math math)
{
    return std::fabs(gamma) * rstd *
               (mean_error(m) + std::fabs(x - m.mean) * (rstd_error(m) + 0x1p-21)) +
           (roundoff(math) + 0x1p-22) * std::fabs(y) + 0x1p-24;
}

/* ---- batch norm ---- */

template <class T>
void batch_norm_case(cuda_math math, const Shape &s, int multiprocessors, bool relu, bool residual)
{
    const Data<T> data(s);
    const cuda_norm_plan plan = cuda_plan_norm(s.rows, s.channels, math, multiprocessors);
    std::vector<Buffer<T>> results;
    in_both_orders([&](bool descending) {
        Buffer<T> y(s.size()), again = data.x;
        Buffer<float> mean(s.wide()), rstd(s.wide()), partial(plan.workspace / sizeof(float));
        Buffer<float> running_mean = data.running_mean, running_var = data.running_var;
        const T *const added = residual ? data.residual.data() : nullptr;
        launch_kernel(plan.moments, constant(data.x), partial.data(), s.rows, s.channels,
                      plan.piece);
        launch_kernel(plan.join_moments, constant(partial), mean.data(), rstd.data(),
                      running_mean.data(), running_var.data(), s.rows, s.channels, plan.piece,
                      plan.pieces, EPS, MOMENTUM);
        launch_kernel(plan.normalise, constant(data.x), constant(data.gamma), constant(data.beta),
                      constant(mean), constant(rstd), added, y.data(), static_cast<int>(relu), 0.0f,
                      s.rows, s.channels);
        /* Once more, in place: the same bits. */
        launch_kernel(plan.normalise, constant(again), constant(data.gamma), constant(data.beta),
                      constant(mean), constant(rstd), added, again.data(), static_cast<int>(relu),
                      0.0f, s.rows, s.channels);
        assert_true(again.same_bytes(y));
        results.push_back(y);
        for (const Buffer<float> *b : {&mean, &rstd, &running_mean, &running_var, &partial})
            b->check_ends();
        y.check_ends();
        if (descending) return;
        for (int c = 0; c < s.channels; c++) {
            const size_t at = static_cast<size_t>(c);
            const Moments m = moments_of(s.rows, [&](int r) {
                return to_float(data.x[static_cast<size_t>(r) * s.wide() + at]);
            });
            const double r = 1 / std::sqrt(m.var + static_cast<double>(EPS));
            const double unbiased = m.var * s.rows / std::fmax(s.rows - 1, 1);
            const double old_mean = data.running_mean[at], old_var = data.running_var[at];
            check_number("mean", at, mean[at], m.mean, mean_error(m));
            check_number("rstd", at, rstd[at], r, r * rstd_error(m));
            check_number("running_mean", at, running_mean[at],
                         old_mean + MOMENTUM * (m.mean - old_mean), mean_error(m) + 0x1p-22);
            check_number("running_var", at, running_var[at],
                         old_var + MOMENTUM * (unbiased - old_var),
                         2 * rstd_error(m) * (unbiased + static_cast<double>(EPS)) + 0x1p-22);
            for (int row = 0; row < s.rows; row++) {
                const size_t i = static_cast<size_t>(row) * s.wide() + at;
                const double x = to_float(data.x[i]);
                double value = (x - m.mean) * r * data.gamma[at] + data.beta[at];
                if (residual) value += to_float(data.residual[i]);
                const double error =
                    normal_error(m, x, r, data.gamma[at], std::fabs(value) + 2, math);
                check_number("y", i, to_float(y[i]), relu && value < 0 ? 0 : value, error);
            }
        }
    });
    assert_true(results[0].same_bytes(results[1]));
}

template <class T> void batch_norm_cases(cuda_math math)
{
    for (const Shape &s : shapes)
        for (int multiprocessors : multiprocessor_counts)
            batch_norm_case<T>(math, s, multiprocessors, multiprocessors > 1, s.rows % 2 == 0);
}

void batch_norm(void **)
{
    FOR_EACH_MATH(batch_norm_cases);
}

/* `spread` as a variance. */
template <class T> void evaluation_case(cuda_math math)
{
    const Shape s = {50, 24, 0.5};
    const Data<T> data(s);
    const cuda_norm_plan plan = cuda_plan_norm(s.rows, s.channels, math, 82);
    Buffer<T> y(s.size());
    launch_kernel(plan.normalise, constant(data.x), constant(data.gamma), constant(data.beta),
                  constant(data.running_mean), constant(data.running_var),
                  static_cast<const T *>(nullptr), y.data(), 0, EPS, s.rows, s.channels);
    y.check_ends();
    for (size_t i = 0; i < s.size(); i++) {
        const size_t c = i % s.wide();
        const double r =
            1 / std::sqrt(static_cast<double>(data.running_var[c]) + static_cast<double>(EPS));
        const double value =
            (to_float(data.x[i]) - data.running_mean[c]) * r * data.gamma[c] + data.beta[c];
        check_number("y", i, to_float(y[i]), value, roundoff(math) * std::fabs(value) + 0x1p-20);
    }
}

void evaluation(void **)
{
    FOR_EACH_MATH(evaluation_case);
}

/* dx, dgamma and dbeta over groups of numbers that share a mean: channels for batch norm, rows for layer norm. */
double gradient_error(double factor, double dy, double xhat, double mean_dy, double mean_product,
                      double dx, cuda_math math)
{
    return std::fabs(factor) * 0x1p-20 *
               (dy + mean_dy + (std::fabs(xhat) + 1) * (mean_product + 1)) +
           roundoff(math) * std::fabs(dx) + 0x1p-24;
}

template <class T>
void batch_norm_gradient_case(cuda_math math, const Shape &s, int multiprocessors)
{
    const Data<T> data(s);
    const cuda_norm_plan plan = cuda_plan_norm(s.rows, s.channels, math, multiprocessors);
    Buffer<float> mean(s.wide()), rstd(s.wide());
    for (size_t c = 0; c < s.wide(); c++) {
        const Moments m = moments_of(
            s.rows, [&](int r) { return to_float(data.x[static_cast<size_t>(r) * s.wide() + c]); });
        mean[c] = static_cast<float>(m.mean);
        rstd[c] = static_cast<float>(1 / std::sqrt(m.var + static_cast<double>(EPS)));
    }
    std::vector<Buffer<T>> results;
    std::vector<Buffer<float>> sums;
    in_both_orders([&](bool descending) {
        Buffer<T> dx = data.dy;
        Buffer<float> partial(plan.workspace / sizeof(float)),
            total(plan.total_workspace / sizeof(float));
        Buffer<float> dgamma = data.dgamma, dbeta = data.dbeta;
        launch_kernel(plan.grad_sums, constant(data.dy), constant(data.x), constant(mean),
                      constant(rstd), partial.data(), s.rows, s.channels, plan.piece);
        launch_kernel(plan.join_gradients, constant(partial), total.data(), dgamma.data(),
                      dbeta.data(), s.channels, plan.pieces);
        launch_kernel(plan.grad, constant(dx), constant(data.x), constant(data.gamma),
                      constant(mean), constant(rstd), constant(total), dx.data(), s.rows,
                      s.channels);
        for (const Buffer<float> *b : {&partial, &total, &dgamma, &dbeta}) b->check_ends();
        dx.check_ends();
        results.push_back(dx);
        sums.push_back(dgamma);
        sums.push_back(dbeta);
        if (descending) return;
        for (size_t c = 0; c < s.wide(); c++) {
            double sum = 0, products = 0, magnitude = 0, product_magnitude = 0;
            for (size_t i = c; i < s.size(); i += s.wide()) {
                const double dy = to_float(data.dy[i]),
                             xhat = (to_float(data.x[i]) - mean[c]) * rstd[c];
                sum += dy;
                products += dy * xhat;
                magnitude += std::fabs(dy);
                product_magnitude += std::fabs(dy * xhat);
            }
            check_number("dbeta", c, dbeta[c], data.dbeta[c] + sum, 0x1p-22 * (magnitude + 2));
            check_number("dgamma", c, dgamma[c], data.dgamma[c] + products,
                         0x1p-22 * (2 * product_magnitude + 2));
            for (size_t i = c; i < s.size(); i += s.wide()) {
                const double dy = to_float(data.dy[i]),
                             xhat = (to_float(data.x[i]) - mean[c]) * rstd[c];
                const double factor = static_cast<double>(data.gamma[c]) * rstd[c];
                const double expected = factor * (dy - sum / s.rows - xhat * products / s.rows);
                check_number("dx", i, to_float(dx[i]), expected,
                             gradient_error(factor, std::fabs(dy), xhat, magnitude / s.rows,
                                            product_magnitude / s.rows, expected, math));
            }
        }
    });
    assert_true(results[0].same_bytes(results[1]));
    assert_true(sums[0].same_bytes(sums[2]) && sums[1].same_bytes(sums[3]));
}

template <class T> void batch_norm_gradient_cases(cuda_math math)
{
    for (const Shape &s : shapes)
        for (int multiprocessors : multiprocessor_counts)
            batch_norm_gradient_case<T>(math, s, multiprocessors);
}

void batch_norm_gradients(void **)
{
    FOR_EACH_MATH(batch_norm_gradient_cases);
}

/* ---- layer norm ---- */

template <class T> void layer_norm_case(cuda_math math, const Shape &s)
{
    const Data<T> data(s);
    const cuda_norm_plan plan = cuda_plan_norm(s.rows, s.channels, math, 82);
    const size_t rows = static_cast<size_t>(s.rows);
    std::vector<Buffer<T>> results;
    std::vector<Buffer<float>> sums;
    in_both_orders([&](bool descending) {
        Buffer<T> y = data.x, dx = data.dy;
        Buffer<float> mean(rows), rstd(rows), partial(plan.workspace / sizeof(float));
        Buffer<float> dgamma = data.dgamma, dbeta = data.dbeta;
        float *const none = nullptr;
        launch_kernel(plan.layer_norm, constant(y), constant(data.gamma), constant(data.beta),
                      y.data(), mean.data(), rstd.data(), s.rows, s.channels, plan.lanes, EPS);
        launch_kernel(plan.layer_norm_sums, constant(data.dy), constant(data.x), constant(mean),
                      constant(rstd), partial.data(), s.rows, s.channels, plan.piece);
        launch_kernel(plan.join_gradients, constant(partial), none, dgamma.data(), dbeta.data(),
                      s.channels, plan.pieces);
        launch_kernel(plan.layer_norm_grad, constant(dx), constant(data.x), constant(data.gamma),
                      constant(mean), constant(rstd), dx.data(), s.rows, s.channels, plan.lanes);
        for (const Buffer<float> *b : {&mean, &rstd, &partial, &dgamma, &dbeta}) b->check_ends();
        y.check_ends();
        dx.check_ends();
        results.push_back(y);
        results.push_back(dx);
        sums.push_back(dgamma);
        sums.push_back(dbeta);
        if (descending) return;
        std::vector<double> gamma_sum(s.wide()), gamma_magnitude(s.wide()), beta_sum(s.wide());
        for (size_t row = 0; row < rows; row++) {
            const auto x = [&](int c) {
                return static_cast<double>(to_float(data.x[row * s.wide() + c]));
            };
            const Moments m = moments_of(s.channels, x);
            const double r = 1 / std::sqrt(m.var + static_cast<double>(EPS));
            check_number("mean", row, mean[row], m.mean, mean_error(m));
            check_number("rstd", row, rstd[row], r, r * rstd_error(m));
            double sum = 0, products = 0, magnitude = 0, product_magnitude = 0;
            for (int c = 0; c < s.channels; c++) {
                const size_t at = static_cast<size_t>(c), i = row * s.wide() + at;
                const double value = (x(c) - m.mean) * r * data.gamma[at] + data.beta[at];
                check_number("y", i, to_float(y[i]), value,
                             normal_error(m, x(c), r, data.gamma[at], value, math));
                /* The gradients take the statistics that were found. */
                const double xhat = (x(c) - mean[row]) * rstd[row], dy = to_float(data.dy[i]);
                gamma_sum[at] += dy * xhat;
                gamma_magnitude[at] += std::fabs(dy * xhat);
                beta_sum[at] += dy;
                sum += dy * data.gamma[at];
                products += dy * data.gamma[at] * xhat;
                magnitude += std::fabs(dy * data.gamma[at]);
                product_magnitude += std::fabs(dy * data.gamma[at] * xhat);
            }
            for (int c = 0; c < s.channels; c++) {
                const size_t at = static_cast<size_t>(c), i = row * s.wide() + at;
                const double xhat = (x(c) - mean[row]) * rstd[row],
                             g = to_float(data.dy[i]) * data.gamma[at];
                const double expected =
                    rstd[row] * (g - sum / s.channels - xhat * products / s.channels);
                check_number("dx", i, to_float(dx[i]), expected,
                             gradient_error(rstd[row], std::fabs(g), xhat, magnitude / s.channels,
                                            product_magnitude / s.channels, expected, math));
            }
        }
        for (size_t c = 0; c < s.wide(); c++) {
            check_number("dgamma", c, dgamma[c], data.dgamma[c] + gamma_sum[c],
                         0x1p-22 * (2 * gamma_magnitude[c] + 2));
            check_number("dbeta", c, dbeta[c], data.dbeta[c] + beta_sum[c],
                         0x1p-22 * (2.0 * s.rows + 2));
        }
    });
    assert_true(results[0].same_bytes(results[2]) && results[1].same_bytes(results[3]));
    assert_true(sums[0].same_bytes(sums[2]) && sums[1].same_bytes(sums[3]));
}

template <class T> void layer_norm_cases(cuda_math math)
{
    for (const Shape &s : shapes) layer_norm_case<T>(math, s);
}

void layer_norm_and_gradients(void **)
{
    FOR_EACH_MATH(layer_norm_cases);
}

} // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(batch_norm),
        cmocka_unit_test(evaluation),
        cmocka_unit_test(batch_norm_gradients),
        cmocka_unit_test(layer_norm_and_gradients),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
