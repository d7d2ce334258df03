/* The factor a loss is multiplied with so that its 16-bit gradients neither vanish nor overflow: found by trying, as
 * in Micikevicius et al., "Mixed precision training" (2018), section 3.2, with the constants that PyTorch's GradScaler
 * has. A power of two, so that it costs no digit. */
#ifndef TRAIN_LOSS_SCALE_H
#define TRAIN_LOSS_SCALE_H

#include <stdbool.h>
#include <stdint.h>

#define LOSS_SCALE_START 65536.0
#define LOSS_SCALE_LEAST 1.0

struct loss_scale {
    double factor;
    uint64_t good;    /* steps since it last changed */
    uint64_t skipped; /* steps, ever, whose gradients overflowed and that changed nothing */
};

/* Takes note of a step with this factor. False where it cannot get smaller: the gradients themselves are not finite. */
bool loss_scale_update(struct loss_scale *scale, bool gradients_finite);

#endif
