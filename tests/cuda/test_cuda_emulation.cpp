/* The emulation itself: what it must catch, and fragment layouts, written out here from the PTX ISA's figures a
 * second time. */
#include <cmath>
#include <vector>

#include "cmocka_cpp.h"
#include "emulation.h"
#include "launch.h"

template <class... A>
static const char *launch(const char *name, unsigned blocks, unsigned threads, size_t shared,
                          A... arguments)
{
    void *pointers[] = {static_cast<void *>(&arguments)..., nullptr};
    const unsigned grid[3] = {blocks, 1, 1}, block[3] = {threads, 1, 1};
    const emulated_kernel *kernel = emulated_kernel_find(name);
    assert_non_null(kernel);
    return emulated_launch(kernel, grid, block, shared, pointers);
}

/* ---- threads, parameters ---- */

struct three {
    int a[3];
};

__global__ void write_indices(int *to, three add, double factor)
{
    const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    to[i] = static_cast<int>(i * factor) + add.a[2];
}
EMULATED_KERNEL(write_indices);

static void parameters_and_indices(void **)
{
    std::vector<int> to(5 * 37, -1);
    assert_null(launch("write_indices", 5, 37, 0, to.data(), three{{1, 2, 3}}, 2.0));
    for (int i = 0; i < 5 * 37; i++) assert_int_equal(to[static_cast<size_t>(i)], 2 * i + 3);
    assert_null(emulated_kernel_find("nothing"));
}

__global__ void three_dimensions(int *to)
{
    const unsigned item = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
    const unsigned b = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
    __syncthreads();
    to[b * blockDim.x * blockDim.y * blockDim.z + item]++;
}
EMULATED_KERNEL(three_dimensions);

static void all_three_dimensions(void **)
{
    const unsigned grid[3] = {2, 3, 4}, block[3] = {5, 3, 2};
    std::vector<int> to(24 * 30);
    int *pointer = to.data();
    void *arguments[] = {&pointer};
    assert_null(
        emulated_launch(emulated_kernel_find("three_dimensions"), grid, block, 0, arguments));
    for (int n : to) assert_int_equal(n, 1);
}

/* ---- barriers ---- */

/* Sums a block's numbers as a tree. */
__global__ void tree_sum(const int *from, int *to)
{
    __shared__ int sums[256];
    const unsigned i = threadIdx.x;
    sums[i] = from[blockIdx.x * 256 + i];
    for (unsigned half = 128; half; half /= 2) {
        __syncthreads();
        if (i < half) sums[i] += sums[i + half];
    }
    if (!i) to[blockIdx.x] = sums[0];
}
EMULATED_KERNEL(tree_sum);

__global__ void part_waits()
{
    if (threadIdx.x < 7) __syncthreads();
}
EMULATED_KERNEL(part_waits);

__global__ void at_different_places()
{
    if (threadIdx.x % 2)
        __syncthreads();
    else
        __syncthreads();
}
EMULATED_KERNEL(at_different_places);

__global__ void no_barrier(int *to)
{
    int *value = static_cast<int *>(emulation::dynamic_shared());
    if (!threadIdx.x) *value = 5;
    if (threadIdx.x == 1) *to = *value;
}
EMULATED_KERNEL(no_barrier);

static void barriers(void **)
{
    std::vector<int> from(512), to(2);
    for (int i = 0; i < 512; i++) from[static_cast<size_t>(i)] = i;
    for (int descending = 0; descending < 2; descending++) {
        emulated_descending_order(descending);
        assert_null(launch("tree_sum", 2, 256, 0, static_cast<const int *>(from.data()), to.data()));
        assert_int_equal(to[0], 255 * 256 / 2);
        assert_int_equal(to[1], 256 * 256 + 255 * 256 / 2);
    }
    emulated_descending_order(0);
    const char *error = launch("part_waits", 1, 32, 0);
    assert_non_null(error);
    assert_non_null(strstr(error, "7 of 32 threads wait"));
    error = launch("at_different_places", 1, 32, 0);
    assert_non_null(error);
    assert_non_null(strstr(error, "different barriers"));
    /* After an error, launches go on. */
    assert_null(launch("tree_sum", 2, 256, 0, static_cast<const int *>(from.data()), to.data()));
    /* The order of threads shows where a barrier is missing. */
    int up = 0, down = 0;
    assert_null(launch("no_barrier", 1, 2, 4, &up));
    emulated_descending_order(1);
    assert_null(launch("no_barrier", 1, 2, 4, &down));
    emulated_descending_order(0);
    assert_int_not_equal(up, down);
}

static void limits(void **)
{
    assert_non_null(launch("part_waits", 1, 1025, 0));
    assert_non_null(launch("part_waits", 0, 32, 0));
    assert_non_null(launch("part_waits", 1, 32, (48 << 10) + 1));
}

/* ---- warps ---- */

__global__ void shuffles(int *to)
{
    const int lane = static_cast<int>(threadIdx.x) % 32;
    int *row = to + threadIdx.x * 6;
    row[0] = __shfl_sync(0xffffffffu, lane, (lane + 1) % 32);
    row[1] = __shfl_up_sync(0xffffffffu, lane, 3);
    row[2] = __shfl_down_sync(0xffffffffu, lane, 3, 8);
    row[3] = __shfl_xor_sync(0xffffffffu, lane, 16);
    row[4] = static_cast<int>(__ballot_sync(0xffffffffu, lane % 3 == 0));
    double wide = lane + 0.5;
    wide += __shfl_xor_sync(0xffffffffu, wide, 1);
    row[5] = static_cast<int>(wide);
}
EMULATED_KERNEL(shuffles);

__global__ void lane_missing()
{
    if (threadIdx.x != 9) __shfl_sync(0xffffffffu, 1, 0);
}
EMULATED_KERNEL(lane_missing);

static void warps(void **)
{
    std::vector<int> to(64 * 6);
    assert_null(launch("shuffles", 1, 64, 0, to.data()));
    for (int i = 0; i < 64; i++) {
        const int *row = &to[static_cast<size_t>(i) * 6], lane = i % 32;
        assert_int_equal(row[0], (lane + 1) % 32);
        assert_int_equal(row[1], lane < 3 ? lane : lane - 3);
        assert_int_equal(row[2], lane % 8 + 3 > 7 ? lane : lane + 3);
        assert_int_equal(row[3], lane ^ 16);
        assert_int_equal(row[4], 0x49249249);
        assert_int_equal(row[5], 2 * (lane / 2 * 2) + 2);
    }
    const char *error = launch("lane_missing", 1, 32, 0);
    assert_non_null(error);
    assert_non_null(strstr(error, "not all lanes"));
}

/* ---- asynchronous copies ---- */

__global__ void copies(const float *from, float *to, unsigned pending)
{
    float *shared = static_cast<float *>(emulation::dynamic_shared());
    to[0] = shared[0];
    emulation::copy_async(shared, from, 16, 12);
    emulation::commit_copies();
    emulation::copy_async(shared + 4, from + 4, 4, 4);
    emulation::commit_copies();
    emulation::wait_for_copies(pending);
    for (int i = 0; i < 5; i++) to[1 + i] = shared[i];
}
EMULATED_KERNEL(copies);

static void copies_arrive_when_waited_for(void **)
{
    alignas(16) const float from[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    float to[6];
    const float *source = from;
    assert_null(launch("copies", 1, 1, 64, source, &to[0], 0u));
    assert_true(std::isnan(to[0]));
    const float all[5] = {1, 2, 3, 0, 5};
    for (int i = 0; i < 5; i++) assert_true(to[1 + i] == all[i]);
    assert_null(launch("copies", 1, 1, 64, source, &to[0], 1u));
    for (int i = 0; i < 4; i++) assert_true(to[1 + i] == all[i]);
    assert_true(std::isnan(to[5]));
    assert_null(launch("copies", 1, 1, 64, source, &to[0], 2u));
    for (int i = 0; i < 5; i++) assert_true(std::isnan(to[1 + i]));
    const char *error = launch("copies", 1, 1, 16, source, &to[0], 0u);
    assert_non_null(error);
    assert_non_null(strstr(error, "not in dynamic shared memory"));
}

/* ---- numbers of 16 bits ---- */

static void halves(void **)
{
    for (unsigned bits = 0; bits < 65536; bits++) {
        const int exponent = static_cast<int>(bits >> 10 & 31), mantissa = bits & 1023;
        const double sign = bits >> 15 ? -1 : 1;
        const double value = exponent ? sign * std::ldexp(1024 + mantissa, exponent - 25)
                                      : sign * std::ldexp(mantissa, -24);
        const float got = __half2float({static_cast<uint16_t>(bits)});
        if (exponent == 31) {
            assert_true(mantissa ? std::isnan(got) : std::isinf(got) && (got < 0) == (sign < 0));
            continue;
        }
        assert_true(got == static_cast<float>(value));
        assert_int_equal(__float2half_rn(got).bits, bits);
        /* Half way to the next number: to the even one. */
        if (bits % 32768 + 1 == 0x7c00) continue;
        const float next = __half2float({static_cast<uint16_t>(bits + 1)});
        assert_int_equal(__float2half_rn((got + next) / 2).bits, bits + bits % 2);
        assert_int_equal(__float2half_rn(got + (next - got) * 0.51f).bits, bits + 1);
        assert_int_equal(__float2half_rn(got + (next - got) * 0.49f).bits, bits);
    }
    assert_int_equal(__float2half_rn(65519.99f).bits, 0x7bff);
    assert_int_equal(__float2half_rn(65520.0f).bits, 0x7c00);
    assert_true(std::isnan(__half2float(__float2half_rn(NAN))));
    assert_int_equal(__float2bfloat16_rn(1.00390625f).bits, 0x3f80); /* 1 + 2^-8: to even */
    assert_int_equal(__float2bfloat16_rn(1.01171875f).bits, 0x3f82); /* 1 + 3 * 2^-8 */
    assert_int_equal(__float2bfloat16_rn(1.0039063692f).bits, 0x3f81);
    assert_true(std::isnan(__bfloat162float(__float2bfloat16_rn(NAN))));
    assert_true(__bfloat162float({0xc048}) == -3.125f);
}

/* ---- fragments ---- */

/* Element (row, column) of a 16 x depth matrix a, of a depth x 8 matrix b; small integers, exact in every
 * format. */
static float a_of(int row, int column)
{
    return static_cast<float>((row * 7 + column * 3) % 11 - 5);
}
static float b_of(int row, int column)
{
    return static_cast<float>((row * 5 + column * 2) % 13 - 6);
}

static uint32_t pair(emulation::Element element, float low, float high)
{
    const uint32_t l = element == emulation::Element::f16 ? __float2half_rn(low).bits
                                                          : __float2bfloat16_rn(low).bits;
    const uint32_t h = element == emulation::Element::f16 ? __float2half_rn(high).bits
                                                          : __float2bfloat16_rn(high).bits;
    return l | h << 16;
}

__global__ void multiply_once(float *to, int kind, int depth)
{
    const emulation::Element element = static_cast<emulation::Element>(kind);
    const int lane = static_cast<int>(threadIdx.x), g = lane >> 2, t = lane & 3;
    uint32_t a[4], b[2];
    float d[4] = {100, 200, 300, 400};
    if (element == emulation::Element::tf32) {
        a[0] = __float_as_uint(a_of(g, t));
        a[1] = __float_as_uint(a_of(g + 8, t));
        a[2] = __float_as_uint(a_of(g, t + 4));
        a[3] = __float_as_uint(a_of(g + 8, t + 4));
        b[0] = __float_as_uint(b_of(t, g));
        b[1] = __float_as_uint(b_of(t + 4, g));
    } else {
        a[0] = pair(element, a_of(g, 2 * t), a_of(g, 2 * t + 1));
        a[1] = pair(element, a_of(g + 8, 2 * t), a_of(g + 8, 2 * t + 1));
        a[2] = pair(element, a_of(g, 2 * t + 8), a_of(g, 2 * t + 9));
        a[3] = pair(element, a_of(g + 8, 2 * t + 8), a_of(g + 8, 2 * t + 9));
        b[0] = pair(element, b_of(2 * t, g), b_of(2 * t + 1, g));
        b[1] = pair(element, b_of(2 * t + 8, g), b_of(2 * t + 9, g));
    }
    emulation::multiply(d, a, b, element, depth);
    to[g * 8 + 2 * t] = d[0];
    to[g * 8 + 2 * t + 1] = d[1];
    to[(g + 8) * 8 + 2 * t] = d[2];
    to[(g + 8) * 8 + 2 * t + 1] = d[3];
}
EMULATED_KERNEL(multiply_once);

static void products(void **)
{
    const struct {
        emulation::Element element;
        int depth;
    } cases[] = {{emulation::Element::f16, 16},
                 {emulation::Element::f16, 8},
                 {emulation::Element::bf16, 16},
                 {emulation::Element::tf32, 8}};
    for (const auto &c : cases) {
        float to[16 * 8];
        assert_null(launch("multiply_once", 1, 32, 0, &to[0], static_cast<int>(c.element), c.depth));
        for (int row = 0; row < 16; row++)
            for (int column = 0; column < 8; column++) {
                float sum = 100.0f * static_cast<float>(1 + column % 2 + row / 8 * 2);
                for (int k = 0; k < c.depth; k++) sum += a_of(row, k) * b_of(k, column);
                assert_true(to[row * 8 + column] == sum);
            }
    }
}

__global__ void matrices(const uint16_t *from, uint32_t *to, int transposed)
{
    uint16_t *shared = static_cast<uint16_t *>(emulation::dynamic_shared());
    const unsigned lane = threadIdx.x;
    for (unsigned i = 0; i < 8; i++) shared[lane * 8 + i] = from[lane * 8 + i];
    __syncthreads();
    emulation::load_matrices(to + lane * 4, 4, transposed != 0, shared + lane * 8);
}
EMULATED_KERNEL(matrices);

static void matrices_are_distributed(void **)
{
    uint16_t from[256];
    uint32_t to[128];
    for (int i = 0; i < 256; i++) from[i] = static_cast<uint16_t>(i);
    for (int transposed = 0; transposed < 2; transposed++) {
        assert_null(launch("matrices", 1, 32, 512, static_cast<const uint16_t *>(from), &to[0],
                           transposed));
        for (unsigned lane = 0; lane < 32; lane++)
            for (unsigned m = 0; m < 4; m++) {
                const unsigned g = lane >> 2, t = lane & 3;
                const unsigned low = transposed ? 2 * t * 8 + g : g * 8 + 2 * t;
                const unsigned high = transposed ? (2 * t + 1) * 8 + g : g * 8 + 2 * t + 1;
                assert_int_equal(to[lane * 4 + m], (64 * m + low) | (64 * m + high) << 16);
            }
    }
}

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(parameters_and_indices),
        cmocka_unit_test(all_three_dimensions),
        cmocka_unit_test(barriers),
        cmocka_unit_test(limits),
        cmocka_unit_test(warps),
        cmocka_unit_test(copies_arrive_when_waited_for),
        cmocka_unit_test(halves),
        cmocka_unit_test(products),
        cmocka_unit_test(matrices_are_distributed),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
