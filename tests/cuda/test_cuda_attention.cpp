/* CUDA's routed attention on the emulation, against plain loops in double. */
#include "attention_reference.h"

#include "kernels/cuda/attention_bf16.cu"
#include "kernels/cuda/attention_f16.cu"
#include "kernels/cuda/attention_fp32.cu"
#include "kernels/cuda/attention_lists.cu"
#include "kernels/cuda/attention_tf32.cu"

namespace
{

const Shape shapes[] = {
    {1, 2, 9, 7, 8, 8, 3, 1},   /* padded to the right, one window */
    {1, 3, 8, 8, 2, 16, 2, 8},  /* all windows of the other views */
    {1, 1, 10, 9, 4, 32, 2, 4}, /* one view, which selects among its own windows */
    {2, 2, 5, 6, 2, 64, 1, 1},  /* a window an image */
    {1, 2, 6, 6, 1, 128, 3, 5}, /* small windows, large heads */
    {1, 2, 16, 15, 4, 8, 2, 3}, /* four tiles of pixels a window, padded */
    {1, 2, 5, 5, 2, 16, 4, 6},  /* windows that are nothing but padding */
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
            /* No more than a launch gets without asking for it. */
            assert_true(gradient.key_gradient.shared_bytes <= 48 << 10);
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
