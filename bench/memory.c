#include "bench/memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* A line such as "VmHWM:     1234 kB" of /proc/self/status, in bytes; 0 where there is none. */
static uint64_t status_bytes(const char *key)
{
    FILE *file = fopen("/proc/self/status", "r");
    if (!file) return 0;
    char line[256];
    uint64_t kilobytes = 0;
    const size_t length = strlen(key);
    while (fgets(line, sizeof line, file))
        if (!strncmp(line, key, length) && sscanf(line + length, ": %" SCNu64, &kilobytes) == 1)
            break;
    fclose(file);
    return kilobytes * 1024;
}

struct memory_mark memory_mark_now(void)
{
    struct memory_mark mark = {.resident = status_bytes("VmRSS")};
    FILE *file = fopen("/proc/self/clear_refs", "w");
    if (!file) return mark;
    /* 5 sets the peak to what is resident now (proc(5)). */
    bool written = fputs("5", file) >= 0;
    mark.peak_reset = fclose(file) == 0 && written;
    return mark;
}

uint64_t memory_peak_since(const struct memory_mark *mark)
{
    uint64_t peak = status_bytes("VmHWM");
    return mark->resident && peak > mark->resident ? peak - mark->resident : 0;
}
