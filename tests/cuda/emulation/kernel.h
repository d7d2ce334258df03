/* Kernels registered by name, their parameters unpacked from an array of pointers. */
#ifndef EMULATION_KERNEL_H
#define EMULATION_KERNEL_H

#include <cstring>
#include <functional>
#include <tuple>
#include <type_traits>

struct emulated_kernel {
    explicit emulated_kernel(const char *name);
    virtual ~emulated_kernel() = default;
    /* One thread's run, with the arguments bound. */
    virtual std::function<void()> bind(void *const *arguments) const = 0;
    /* 0 behind the last parameter. */
    virtual size_t parameter_bytes(size_t index) const = 0;
};

namespace emulation
{

template <class... Parameters> class Kernel : public emulated_kernel
{
  public:
    Kernel(const char *name, void (*function)(Parameters...))
        : emulated_kernel(name), function_(function)
    {
    }
    std::function<void()> bind(void *const *arguments) const override
    {
        std::tuple<std::remove_cv_t<Parameters>...> values;
        size_t next = 0;
        (void)next;
        (void)arguments;
        std::apply([&](auto &...value) { (memcpy(&value, arguments[next++], sizeof value), ...); },
                   values);
        return [values, function = function_] { std::apply(function, values); };
    }

    size_t parameter_bytes(size_t index) const override
    {
        const size_t bytes[] = {sizeof(Parameters)..., 0};
        return index < sizeof...(Parameters) ? bytes[index] : 0;
    }

  private:
    void (*function_)(Parameters...);
};

} // namespace emulation

/* At namespace scope, once a kernel: emulated_kernel_find(name) finds it. */
#define EMULATED_KERNEL_AS(function, name) \
    static const emulation::Kernel emulated_##function(name, function)
#define EMULATED_KERNEL(function) EMULATED_KERNEL_AS(function, #function)

#endif
