/* See mvad_device_copy_rate; sizes and repeats have been checked. */
#ifndef CPU_COPY_RATE_H
#define CPU_COPY_RATE_H

#include <stddef.h>
#include <stdint.h>

#include "mvad.h"

mvad_status cpu_measure_copy(int threads, size_t bytes, int32_t repeats, double *bytes_per_second,
                             mvad_error *error);

#endif
