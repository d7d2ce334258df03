#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/number.h"
#include "core/data/hold_out.h"

void hold_out_to_text(const struct hold_out *held_out, char text[HOLD_OUT_BYTES])
{
    char share[NUMBER_TEXT];
    number_to_text(held_out->share, 17, share);
    snprintf(text, HOLD_OUT_BYTES, "%s %" PRIu64 " %016" PRIx64, share, held_out->seed,
             held_out->hash);
}

bool hold_out_from_text(const char *text, struct hold_out *held_out)
{
    const char *end;
    int used = 0;
    *held_out = (struct hold_out){.share = number_from_text(text, &end)};
    if (end == text || !(held_out->share > 0 && held_out->share < 1)) return false;
    return sscanf(end, " %" SCNu64 " %16" SCNx64 "%n", &held_out->seed, &held_out->hash, &used) ==
               2 &&
           !end[used];
}
