/* CUDA's routed attention on the emulation, against plain loops in double over the formulas of core/graph/op.h, with what
 * rounding may change carried along term by term. */
#include "kernel_test.h"

#include "kernels/cuda/attention_bf16.cu"
#include "kernels/cuda/attention_f16.cu"
#include "kernels/cuda/attention_fp32.cu"
#include "kernels/cuda/attention_lists.cu"
#include "kernels/cuda/attention_tf32.cu"

namespace
{

struct Shape {
    int samples, views, h, w, heads, head, windows, selected;
    int images() const
    {
        return samples * views;
    }
    int channels() const
    {
        return heads * head;
    }
    int count() const
    {
        return windows * windows;
    }
    int rows() const
    {
        return images() * count();
    }
    int tall() const
    {
        return (h + windows - 1) / windows;
    }
    int wide() const
    {
        return (w + windows - 1) / windows;
    }
    size_t pixels() const
    {
        return static_cast<size_t>(images()) * h * w;
    }
    size_t size() const
    {
        return pixels() * channels();
    }
    double scale() const
    {
        return 1 / std::sqrt(static_cast<double>(channels()));
    }
};

const Shape shapes[] = {
    {1, 2, 9, 7, 8, 8, 3, 1},   /* padded to the right, one window */
    {1, 3, 8, 8, 2, 16, 2, 8},  /* all windows of the other views */
    {1, 1, 10, 9, 4, 32, 2, 4}, /* one view, which selects among its own windows */
    {2, 2, 5, 6, 2, 64, 1, 1},  /* a window an image */
    {1, 2, 6, 6, 1, 128, 3, 5}, /* small windows, large heads */
    {1, 2, 16, 15, 4, 8, 2, 3}, /* four tiles of pixels a window, padded */
    {1, 2, 5, 5, 2, 16, 4, 6},  /* windows that are nothing but padding */
};

/* ---- the other side, by plain loops ---- */

/* Pixels of a window in the batch, -1 for padding. */
std::vector<ptrdiff_t> pixels_of(const Shape &s, int image, int window)
{
    std::vector<ptrdiff_t> all;
    for (int y = 0; y < s.tall(); y++)
        for (int x = 0; x < s.wide(); x++) {
            const int row = window / s.windows * s.tall() + y,
                      column = window % s.windows * s.wide() + x;
            all.push_back(row < s.h && column < s.w
                              ? (static_cast<ptrdiff_t>(image) * s.h + row) * s.w + column
                              : -1);
        }
    return all;
}

/* Different windows of the other views for each window, in any order. */
std::vector<int> choose_windows(const Shape &s, Numbers &numbers)
{
    std::vector<int> indices;
    for (int row = 0; row < s.rows(); row++) {
        const int view = row / s.count() % s.views;
        std::vector<int> all;
        for (int i = 0; i < s.views * s.count(); i++)
            if (s.views == 1 || i / s.count() != view) all.push_back(i);
        for (int i = 0; i < s.selected; i++) {
            const size_t at =
                static_cast<size_t>(i) + numbers.bits() % (all.size() - static_cast<size_t>(i));
            std::swap(all[static_cast<size_t>(i)], all[at]);
            indices.push_back(all[static_cast<size_t>(i)]);
        }
    }
    return indices;
}

/* What a number is and how far it may be off. */
struct Bounded {
    double value = 0, error = 0;
};

struct Reference {
    std::vector<Bounded> o, lse, dq, dk, dv;
};

/* Relative rounding of weights and of the other factor, and the least absolute one. */
double weight_rounding(cuda_math math)
{
    return 0x1p-20 + (math == CUDA_FP32 ? 0 : math == CUDA_TF32 ? 0x1p-10 : roundoff(math));
}
double weight_floor(cuda_math math)
{
    return math == CUDA_F16 ? 0x1p-24 : 0x1p-100;
}

template <class T> struct Case {
    Case(const Shape &shape, cuda_math math_)
        : s(shape), math(math_), q(s.size()), k(s.size()), v(s.size()), d_o(s.size()), o(s.size()),
          lse(s.pixels() * static_cast<size_t>(s.heads)),
          indices(static_cast<size_t>(s.rows()) * s.selected)
    {
        Numbers numbers(static_cast<uint64_t>(s.head * 100 + s.h));
        numbers.fill(q, 4);
        numbers.fill(k);
        numbers.fill(v, 1, 0.25);
        numbers.fill(d_o);
        const std::vector<int> chosen = choose_windows(s, numbers);
        for (size_t i = 0; i < chosen.size(); i++) indices[i] = chosen[i];
    }

    size_t at(ptrdiff_t pixel, int head, int c) const
    {
        return static_cast<size_t>(pixel) * s.channels() + head * s.head + c;
    }
    /* Sum over the channels of a head, 0 for padding. */
    Bounded product(const Buffer<T> &a, ptrdiff_t x, const Buffer<T> &b, ptrdiff_t y, int head) const
    {
        Bounded sum;
        double magnitude = 0;
        for (int c = 0; c < s.head && y >= 0; c++) {
            const double term =
                static_cast<double>(to_float(a[at(x, head, c)])) * to_float(b[at(y, head, c)]);
            sum.value += term;
            magnitude += std::fabs(term);
        }
        sum.error = product_error(math, s.head, magnitude);
        return sum;
    }
    template <class Each> void for_each_key(int row, Each each) const
    {
        const int sample = row / s.count() / s.views * s.views;
        for (int i = 0; i < s.selected; i++) {
            const int index = indices[static_cast<size_t>(row) * s.selected + i];
            for (ptrdiff_t pixel : pixels_of(s, sample + index / s.count(), index % s.count()))
                each(pixel);
        }
    }

    /* o and lse, which the gradients then take as inputs. */
    void forward(Reference &to)
    {
        to.o.resize(s.size());
        to.lse.resize(lse.size());
        for (int row = 0; row < s.rows(); row++)
            for (ptrdiff_t query : pixels_of(s, row / s.count(), row % s.count()))
                for (int head = 0; head < s.heads && query >= 0; head++)
                    forward_of(to, row, query, head);
    }

    void forward_of(Reference &to, int row, ptrdiff_t query, int head)
    {
        const size_t number = static_cast<size_t>(query) * s.heads + head;
        double total = 0, off = 0;
        for_each_key(row, [&](ptrdiff_t key) {
            const Bounded score = product(q, query, k, key, head);
            total += std::exp(score.value * s.scale());
            off = std::fmax(off, score.error * s.scale());
        });
        std::vector<double> sum(static_cast<size_t>(s.head)), magnitude = sum, least = sum;
        for_each_key(row, [&](ptrdiff_t key) {
            const double p = std::exp(product(q, query, k, key, head).value * s.scale()) / total;
            for (int c = 0; c < s.head && key >= 0; c++) {
                const double value = to_float(v[at(key, head, c)]);
                sum[c] += p * value;
                magnitude[c] += p * std::fabs(value);
                least[c] += weight_floor(math) * std::fabs(value);
            }
        });
        for (int c = 0; c < s.head; c++) {
            to.o[at(query, head, c)] = {sum[c],
                                        magnitude[c] * (2 * off + 2 * weight_rounding(math)) +
                                            least[c] + roundoff(math) * std::fabs(sum[c])};
            o[at(query, head, c)] = from_float<T>(static_cast<float>(sum[c]));
        }
        to.lse[number] = {std::log(total), off + 0x1p-20 * (1 + std::fabs(std::log(total)))};
        lse[number] = static_cast<float>(std::log(total));
    }

    /* dq, dk, dv for each pair of a query and a key that is not padding. */
    void backward(Reference &to) const
    {
        to.dq.resize(s.size());
        to.dk.resize(s.size());
        to.dv.resize(s.size());
        for (int row = 0; row < s.rows(); row++)
            for (ptrdiff_t query : pixels_of(s, row / s.count(), row % s.count()))
                for (int head = 0; head < s.heads && query >= 0; head++)
                    for_each_key(row, [&](ptrdiff_t key) {
                        if (key >= 0) backward_of(to, query, key, head);
                    });
        for (std::vector<Bounded> *all : {&to.dq, &to.dk, &to.dv})
            for (Bounded &one : *all) one.error += roundoff(math) * std::fabs(one.value) + 0x1p-24;
    }

    void backward_of(Reference &to, ptrdiff_t query, ptrdiff_t key, int head) const
    {
        const Bounded score = product(q, query, k, key, head),
                      gradient = product(d_o, query, v, key, head);
        Bounded delta = product(d_o, query, o, query, head);
        if (math == CUDA_TF32) delta.error *= 0x1p-10; /* summed as floats */
        const double p =
            std::exp(score.value * s.scale() - lse[static_cast<size_t>(query) * s.heads + head]);
        const double relative = score.error * s.scale() + 2 * weight_rounding(math),
                     floor = weight_floor(math);
        const double slope = p * (gradient.value - delta.value);
        const double slope_error =
            std::fabs(slope) * relative + p * (gradient.error + delta.error + 0x1p-22) + floor;
        for (int c = 0; c < s.head; c++) {
            const double x = to_float(q[at(query, head, c)]), y = to_float(k[at(key, head, c)]);
            const double z = to_float(d_o[at(query, head, c)]);
            add(to.dq[at(query, head, c)], s.scale() * slope * y,
                s.scale() * slope_error * std::fabs(y));
            add(to.dk[at(key, head, c)], s.scale() * slope * x,
                s.scale() * slope_error * std::fabs(x));
            add(to.dv[at(key, head, c)], p * z, (p * relative + floor) * std::fabs(z));
        }
    }
    static void add(Bounded &to, double value, double error)
    {
        to.value += value;
        to.error += error;
    }

    const Shape s;
    const cuda_math math;
    Buffer<T> q, k, v, d_o, o;
    Buffer<float> lse;
    Buffer<int> indices;
};

template <class T>
void check(const char *what, const Buffer<T> &got, const std::vector<Bounded> &expected)
{
    got.check_ends();
    for (size_t i = 0; i < expected.size(); i++)
        check_number(what, i, to_float(got[i]), expected[i].value, expected[i].error);
}

template <class T> const T *constant(const Buffer<T> &buffer)
{
    return buffer.data();
}

/* ---- tests ---- */

template <class T> void attend_case(cuda_math math, const Shape &s)
{
    Case<T> c(s, math);
    Reference reference;
    c.forward(reference);
    assert_null(cuda_attention_refuses(s.images(), s.h, s.w, s.channels(), s.heads));
    const cuda_attention_plan plan =
        cuda_plan_attention(s.images(), s.h, s.w, s.channels(), s.windows, s.views, s.heads,
                            s.selected, s.scale(), math);
    std::vector<Buffer<T>> results;
    in_both_orders([&](bool descending) {
        Buffer<T> o(s.size());
        Buffer<float> lse(c.lse.size());
        float *const wanted = descending ? nullptr : lse.data();
        launch_kernel(plan.attend, constant(c.q), constant(c.k), constant(c.v), constant(c.indices),
                      o.data(), wanted, plan.parameters);
        check("o", o, reference.o);
        if (wanted) check("lse", lse, reference.lse);
        results.push_back(o);
    });
    assert_true(results[0].same_bytes(results[1]));
}

void attention(void **)
{
    for (const Shape &s : shapes) FOR_EACH_MATH(attend_case, s);
}

template <class T> void gradient_case(cuda_math math, const Shape &s)
{
    Case<T> c(s, math);
    Reference reference;
    c.forward(reference);
    c.backward(reference);
    const cuda_attention_gradient_plan plan =
        cuda_plan_attention_gradient(s.images(), s.h, s.w, s.channels(), s.windows, s.views,
                                     s.heads, s.selected, s.scale(), math);
    std::vector<Buffer<T>> results;
    in_both_orders([&](bool descending) {
        Buffer<T> dq(s.size()), dk(s.size()), dv(s.size());
        Buffer<unsigned char> workspace(plan.workspace);
        float *const delta = reinterpret_cast<float *>(workspace.data());
        int *const counts = reinterpret_cast<int *>(workspace.data() + plan.counts_at);
        int *const lists = reinterpret_cast<int *>(workspace.data() + plan.lists_at);
        launch_kernel(plan.delta, constant(c.d_o), constant(c.o), delta,
                      static_cast<long long>(s.pixels() * static_cast<size_t>(s.heads)), s.head);
        launch_kernel(plan.inverse, constant(c.indices), counts, lists, s.views * s.count(),
                      s.selected, s.rows());
        launch_kernel(plan.query_gradient, constant(c.d_o), constant(c.q), constant(c.k),
                      constant(c.v), constant(c.indices), constant(c.lse),
                      static_cast<const float *>(delta), dq.data(), plan.parameters);
        launch_kernel(plan.key_gradient, constant(c.d_o), constant(c.q), constant(c.k),
                      constant(c.v), static_cast<const int *>(counts),
                      static_cast<const int *>(lists), constant(c.lse),
                      static_cast<const float *>(delta), dk.data(), dv.data(), plan.parameters);
        workspace.check_ends();
        check("dq", dq, reference.dq);
        check("dk", dk, reference.dk);
        check("dv", dv, reference.dv);
        if (!descending) {
            results.push_back(dq);
            results.push_back(dk);
            results.push_back(dv);
            /* Each of dk and dv may be left out. */
            Buffer<T> only(s.size());
            T *const none = nullptr;
            launch_kernel(plan.key_gradient, constant(c.d_o), constant(c.q), constant(c.k),
                          constant(c.v), static_cast<const int *>(counts),
                          static_cast<const int *>(lists), constant(c.lse),
                          static_cast<const float *>(delta), none, only.data(), plan.parameters);
            assert_true(only.same_bytes(dv));
            return;
        }
        assert_true(results[0].same_bytes(dq));
        assert_true(results[1].same_bytes(dk));
        assert_true(results[2].same_bytes(dv));
    });
}

void gradients(void **)
{
    for (const Shape &s : shapes) FOR_EACH_MATH(gradient_case, s);
}

/* The lists of windows, against a search. */
void inverse_lists(void **)
{
    const Shape s = {2, 5, 12, 12, 1, 8, 3, 7};
    Case<float> c(s, CUDA_FP32);
    const cuda_attention_gradient_plan plan =
        cuda_plan_attention_gradient(s.images(), s.h, s.w, s.channels(), s.windows, s.views,
                                     s.heads, s.selected, s.scale(), CUDA_FP32);
    const size_t windows = static_cast<size_t>(s.views * s.count());
    Buffer<int> counts(static_cast<size_t>(s.rows())),
        lists(static_cast<size_t>(s.rows()) * windows);
    launch_kernel(plan.inverse, constant(c.indices), counts.data(), lists.data(),
                  static_cast<int>(windows), s.selected, s.rows());
    counts.check_ends();
    lists.check_ends();
    for (size_t row = 0; row < counts.size(); row++) {
        int found = 0;
        for (size_t query = 0; query < windows; query++)
            for (size_t i = 0; i < static_cast<size_t>(s.selected); i++)
                if (c.indices[(row / windows * windows + query) * static_cast<size_t>(s.selected) +
                              i] == static_cast<int>(row % windows))
                    assert_int_equal(lists[row * windows + static_cast<size_t>(found++)], query);
        assert_int_equal(counts[row], found);
    }
}

/* A NaN is not lost, and what does not see it is untouched. */
void nan_reaches_the_result(void **)
{
    const Shape s = {1, 2, 8, 8, 8, 8, 2, 1};
    Case<float> c(s, CUDA_TF32);
    for (int i = 0; i < s.rows(); i++)
        c.indices[static_cast<size_t>(i)] = i < s.count() ? s.count() : 0;
    c.k[c.at(64, 0, 3)] = NAN; /* first pixel of the second view: seen by all of the first one */
    const cuda_attention_plan plan =
        cuda_plan_attention(s.images(), s.h, s.w, s.channels(), s.windows, s.views, s.heads,
                            s.selected, s.scale(), CUDA_TF32);
    Buffer<float> o(s.size());
    launch_kernel(plan.attend, constant(c.q), constant(c.k), constant(c.v), constant(c.indices),
                  o.data(), static_cast<float *>(nullptr), plan.parameters);
    for (ptrdiff_t pixel = 0; pixel < 128; pixel++)
        for (int head = 0; head < s.heads; head++)
            assert_true(std::isnan(o[c.at(pixel, head, 0)]) == (pixel < 64 && head == 0));
}

void plans_choose_by_shape(void **)
{
    assert_non_null(cuda_attention_refuses(10, 64, 64, 96, 8));
    assert_non_null(cuda_attention_refuses(10, 64, 64, 100, 8));
    /* Stages of ResNet-18 at 256 pixels: windows of 64, 16 and 4 pixels. */
    cuda_attention_plan plan = cuda_plan_attention(5, 64, 64, 64, 8, 5, 8, 16, 0.125, CUDA_F16);
    assert_string_equal(plan.attend.kernel, "attend_f16_8");
    assert_int_equal(plan.parameters.block_tiles, 4);
    assert_int_equal(plan.parameters.block_heads, 2);
    assert_int_equal(plan.attend.grid[0], 5 * 64 * 4);
    plan = cuda_plan_attention(5, 16, 16, 256, 8, 5, 8, 64, 0.0625, CUDA_F16);
    assert_int_equal(plan.parameters.block_tiles, 1);
    assert_int_equal(plan.parameters.block_heads, 4);
    for (int head = 8; head <= 128; head *= 2)
        for (int math = CUDA_FP32; math <= CUDA_BF16; math++) {
            const cuda_attention_gradient_plan gradient = cuda_plan_attention_gradient(
                5, 64, 64, 8 * head, 8, 5, 8, 16, 0.125, static_cast<cuda_math>(math));
            assert_true(gradient.key_gradient.shared_bytes <= 64 << 10);
            assert_true(gradient.key_gradient.block[0] <= 256);
        }
}

} // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(attention),
        cmocka_unit_test(gradients),
        cmocka_unit_test(inverse_lists),
        cmocka_unit_test(nan_reaches_the_result),
        cmocka_unit_test(plans_choose_by_shape),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
