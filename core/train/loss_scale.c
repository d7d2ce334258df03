#include "core/train/loss_scale.h"

#define GROWTH 2.0
#define GROWTH_INTERVAL 2000
#define LARGEST 0x1p40 /* beyond it nothing is gained, and squares of gradients overflow floats */

bool loss_scale_update(struct loss_scale *scale, bool gradients_finite)
{
    if (gradients_finite) {
        if (++scale->good < GROWTH_INTERVAL) return true;
        scale->good = 0;
        if (scale->factor < LARGEST) scale->factor *= GROWTH;
        return true;
    }
    scale->good = 0;
    scale->skipped++;
    if (scale->factor <= LOSS_SCALE_LEAST) return false;
    scale->factor /= GROWTH;
    return true;
}
