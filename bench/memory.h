/* Resident memory of this process, from /proc/self. */
#ifndef BENCH_MEMORY_H
#define BENCH_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

struct memory_mark {
    uint64_t resident; /* bytes when the mark was set; 0 where the system does not tell */
    bool peak_reset;   /* false: the peak may be older than the mark */
};

/* Notes what is resident now and starts the peak afresh. */
struct memory_mark memory_mark_now(void);

/* Bytes by which the peak has since exceeded what was resident at the mark; 0 where the system does
 * not tell. */
uint64_t memory_peak_since(const struct memory_mark *mark);

#endif
