/* What tests of CUDA's kernels share: buffers whose ends are watched, numbers, launches. */
#ifndef KERNEL_TEST_H
#define KERNEL_TEST_H

#include <cmath>
#include <cstring>
#include <functional>
#include <vector>

#include "cmocka_cpp.h"
#include "emulation.h"
#include "kernels/cuda/device.cuh"
#include "kernels/cuda/launch.h"
#include "launch.h"

/* Fails with a message; cmocka's macro of this name is no good beside C++. */
#define FAIL(...)                  \
    do {                           \
        print_error(__VA_ARGS__);  \
        print_error("\n");         \
        _fail(__FILE__, __LINE__); \
    } while (0)

/* Elements aligned as a device's memory is, NaN at first, between bytes that must stay as they are. */
template <class T> class Buffer
{
  public:
    explicit Buffer(size_t count) : count_(count), bytes_(2 * GUARD + 256 + count * sizeof(T), 0xa5)
    {
        const uintptr_t at = reinterpret_cast<uintptr_t>(bytes_.data()) + GUARD;
        first_ = GUARD + (256 - at % 256) % 256;
        memset(bytes_.data() + first_, 0xff, count * sizeof(T));
    }
    T *data()
    {
        return reinterpret_cast<T *>(bytes_.data() + first_);
    }
    const T *data() const
    {
        return reinterpret_cast<const T *>(bytes_.data() + first_);
    }
    size_t size() const
    {
        return count_;
    }
    T &operator[](size_t i)
    {
        return data()[i];
    }
    const T &operator[](size_t i) const
    {
        return data()[i];
    }
    void check_ends() const
    {
        for (size_t i = 0; i < bytes_.size(); i++)
            if ((i < first_ || i >= first_ + count_ * sizeof(T)) && bytes_[i] != 0xa5)
                FAIL("written %zd elements beyond the end of %zu",
                     (static_cast<ptrdiff_t>(i) - static_cast<ptrdiff_t>(first_)) /
                         static_cast<ptrdiff_t>(sizeof(T)),
                     count_);
    }
    bool same_bytes(const Buffer &other) const
    {
        return count_ == other.count_ && !memcmp(data(), other.data(), count_ * sizeof(T));
    }

  private:
    static constexpr size_t GUARD = 256;
    size_t count_, first_;
    std::vector<unsigned char> bytes_;
};

/* Numbers between -1 and 1, the same ones for a seed (splitmix64). */
class Numbers
{
  public:
    explicit Numbers(uint64_t seed) : state_(seed)
    {
    }
    uint64_t bits()
    {
        uint64_t z = state_ += 0x9e3779b97f4a7c15u;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
        z = (z ^ z >> 27) * 0x94d049bb133111ebu;
        return z ^ z >> 31;
    }
    double next()
    {
        return static_cast<double>(bits() >> 11) * 0x1p-52 - 1;
    }
    template <class T> void fill(Buffer<T> &to, double scale = 1, double shift = 0)
    {
        for (size_t i = 0; i < to.size(); i++)
            to[i] = from_float<T>(static_cast<float>(next() * scale + shift));
    }

  private:
    uint64_t state_;
};

template <class... A> void launch_kernel(const cuda_launch &launch, A... arguments)
{
    const emulated_kernel *const kernel = emulated_kernel_find(launch.kernel);
    void *pointers[] = {static_cast<void *>(&arguments)...};
    if (!kernel) FAIL("no kernel %s", launch.kernel);
    const char *const error =
        emulated_launch(kernel, launch.grid, launch.block, launch.shared_bytes, pointers);
    if (error) FAIL("%s: %s", launch.kernel, error);
}

/* Unit roundoff of what a result is stored in. */
inline double roundoff(cuda_math math)
{
    return math == CUDA_F16 ? 0x1p-11 : math == CUDA_BF16 ? 0x1p-8 : 0x1p-24;
}

/* How far a sum of `terms` products may be off whose magnitudes add up to `magnitude`: float
 * additions, and for tf32 the rounding of both factors, whose errors have either sign. */
inline double product_error(cuda_math math, double terms, double magnitude)
{
    const double additions = 0x1p-22 * magnitude;
    if (math != CUDA_TF32) return additions;
    return additions + std::fmin(0x1p-10, 0x1p-8 / std::sqrt(terms)) * magnitude;
}

inline void check_number(const char *what, size_t at, double got, double expected, double allowed)
{
    if (!(std::fabs(got - expected) <= allowed))
        FAIL("%s[%zu]: %.9g, expected %.9g within %.3g", what, at, got, expected, allowed);
}

/* Runs body for both orders in which threads and blocks take turns. */
inline void in_both_orders(const std::function<void(bool descending)> &body)
{
    for (int descending = 0; descending < 2; descending++) {
        emulated_descending_order(descending);
        body(descending != 0);
    }
    emulated_descending_order(0);
}

/* Runs test<math>() for the math named at run time. */
#define FOR_EACH_MATH(function, ...)                       \
    do {                                                   \
        function<float>(CUDA_FP32, ##__VA_ARGS__);         \
        function<float>(CUDA_TF32, ##__VA_ARGS__);         \
        function<__half>(CUDA_F16, ##__VA_ARGS__);         \
        function<__nv_bfloat16>(CUDA_BF16, ##__VA_ARGS__); \
    } while (0)

#endif
