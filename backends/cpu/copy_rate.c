/* The memory's own copy, the yardstick of ops that move more than they compute. */
#include <stdlib.h>
#include <string.h>

#include "backends/cpu/copy_rate.h"
#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/median.h"
#include "core/base/memory.h"

/* Each thread copies one part, as the kernels of elementwise ops do. */
static void copy(char *to, const char *from, size_t bytes, int threads)
{
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int t = 0; t < threads; t++) {
        const size_t begin = bytes / (size_t)threads * (size_t)t;
        const size_t end = t + 1 == threads ? bytes : begin + bytes / (size_t)threads;
        memcpy(to + begin, from + begin, end - begin);
    }
}

mvad_status cpu_measure_copy(int threads, size_t bytes, int32_t repeats, double *bytes_per_second,
                             mvad_error *error)
{
    char *memory = memory_allocate(2 * bytes); /* at most 2^33, see mvad_device_copy_rate */
    double *seconds = malloc((size_t)repeats * sizeof *seconds);
    if (!memory || !seconds) {
        free(memory);
        free(seconds);
        return error_out_of_memory(error, "copy", 2 * bytes);
    }
    memset(memory + bytes, 1, bytes);
    for (int32_t r = -1; r < repeats; r++) { /* the first run touches the pages */
        const double start = clock_seconds();
        copy(memory, memory + bytes, bytes, threads);
        if (r >= 0) seconds[r] = clock_seconds() - start;
    }
    *bytes_per_second = 2 * (double)bytes / median_sorted(seconds, (size_t)repeats);
    free(memory);
    free(seconds);
    return error_clear(error);
}
