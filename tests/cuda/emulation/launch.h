/* Launches kernels on the CPU, as cuLaunchKernel launches them on a GPU. Kernels are C++ functions
 * compiled against emulation.h and registered by name with EMULATED_KERNEL; this page is all that a
 * host needs, in C or C++.
 *
 *     const emulated_kernel *kernel = emulated_kernel_find("scale");
 *     void *arguments[] = {&pointer, &count};
 *     const char *error = emulated_launch(kernel, grid, block, shared_bytes, arguments);
 *
 * Blocks run one at a time, spread over the OpenMP threads; a block's threads take turns. */
#ifndef EMULATION_LAUNCH_H
#define EMULATION_LAUNCH_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct emulated_kernel emulated_kernel;

/* NULL where no kernel of this name is registered. */
const emulated_kernel *emulated_kernel_find(const char *name);

/* Bytes of a parameter; 0 behind the last one. */
size_t emulated_kernel_parameter(const emulated_kernel *kernel, size_t index);

/* Runs the kernel to its end. `arguments` points to one object per parameter, in their order; `grid` and
 * `block` are x, y, z. NULL, or a message that lasts until the thread's next launch: a barrier that
 * not all threads of a block reach, lanes that disagree about an operation of their warp, limits of
 * a device (1024 threads, 48 KiB of dynamic shared memory). */
const char *emulated_launch(const emulated_kernel *kernel, const unsigned grid[3],
                            const unsigned block[3], size_t shared_bytes, void *const *arguments);

/* Whether threads take turns in descending order of their indices, in all launches from now on. A
 * result that depends on it comes from a missing barrier. */
void emulated_descending_order(int descending);

#ifdef __cplusplus
}
#endif

#endif
