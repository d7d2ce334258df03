#include "launch.h"

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "block.h"
#include "kernel.h"

namespace
{

constexpr size_t MAX_SHARED_BYTES = 48 << 10; /* what a launch gets without asking for more */
constexpr unsigned MAX_THREADS = 1024, MAX_GRID_YZ = 65535;

std::atomic<bool> descending_order;

std::map<std::string, const emulated_kernel *> &kernels()
{
    static std::map<std::string, const emulated_kernel *> all;
    return all;
}

bool message(std::string &to, const char *text)
{
    to = text;
    return false;
}

bool within_limits(const unsigned grid[3], const unsigned block[3], size_t shared_bytes,
                   std::string &error)
{
    const uint64_t threads = static_cast<uint64_t>(block[0]) * block[1] * block[2];
    if (!threads || threads > MAX_THREADS || block[2] > 64)
        return message(error, "a block has 1 to 1024 threads, 64 at most along z");
    if (!grid[0] || !grid[1] || !grid[2] || grid[1] > MAX_GRID_YZ || grid[2] > MAX_GRID_YZ ||
        grid[0] > INT32_MAX)
        return message(error, "a grid has 1 to 2^31 - 1, 65535, 65535 blocks");
    if (shared_bytes > MAX_SHARED_BYTES)
        return message(error, "a block has at most 48 KiB of dynamic shared memory");
    return true;
}

} // namespace

emulated_kernel::emulated_kernel(const char *name)
{
    kernels()[name] = this;
}

extern "C" const emulated_kernel *emulated_kernel_find(const char *name)
{
    const auto found = kernels().find(name);
    return found == kernels().end() ? nullptr : found->second;
}

extern "C" size_t emulated_kernel_parameter(const emulated_kernel *kernel, size_t index)
{
    return kernel->parameter_bytes(index);
}

extern "C" void emulated_descending_order(int descending)
{
    descending_order = descending;
}

extern "C" const char *emulated_launch(const emulated_kernel *kernel, const unsigned grid[3],
                                       const unsigned block[3], size_t shared_bytes,
                                       void *const *arguments)
{
    static thread_local std::string error;
    error.clear();
    if (!within_limits(grid, block, shared_bytes, error)) return error.c_str();
    const std::function<void()> body = kernel->bind(arguments);
    const uint64_t count = static_cast<uint64_t>(grid[0]) * grid[1] * grid[2];
    const bool descending = descending_order;
    std::mutex mutex;
    std::string &first_error = error;
    std::atomic<bool> failed{false};
#pragma omp parallel for schedule(dynamic) if (count > 1)
    for (uint64_t i = 0; i < count; i++) {
        static thread_local emulation::Block runner;
        if (failed) continue;
        const uint64_t b = descending ? count - 1 - i : i;
        const emulation::Index at = {static_cast<unsigned>(b % grid[0]),
                                     static_cast<unsigned>(b / grid[0] % grid[1]),
                                     static_cast<unsigned>(b / grid[0] / grid[1])};
        const std::string what =
            runner.run({grid[0], grid[1], grid[2]}, {block[0], block[1], block[2]}, at,
                       shared_bytes, body, descending);
        if (what.empty()) continue;
        const std::lock_guard<std::mutex> lock(mutex);
        if (!failed.exchange(true)) first_error = what;
    }
    return error.empty() ? nullptr : error.c_str();
}
