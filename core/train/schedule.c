#include "core/train/schedule.h"

#include <math.h>

#include "core/base/error.h"

mvad_status schedule_make(const mvad_train_options *options, size_t samples, double learning_rate,
                          struct schedule *schedule, mvad_error *error)
{
    const int32_t batch = options->step.samples;
    if (batch < 1 || options->epochs < 1)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "batch and epochs must be positive");
    if (!(options->decay_at >= 0 && options->decay_at <= 1))
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "decay_at must be from 0 to 1");
    if (!(options->decay_factor >= 0) || isinf(options->decay_factor))
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT,
                         "decay factor must be a non-negative number");
    if (samples < (size_t)batch)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT,
                         "%zu training samples are less than one batch of %d", samples, batch);
    *schedule = (struct schedule){
        .epochs = options->epochs,
        /* 0.07 * 100 is a little above 7 and means 7. */
        .decay_epoch = (int32_t)ceil(options->decay_at * options->epochs - 1e-9),
        .steps_per_epoch = (int64_t)(samples / (size_t)batch),
        .learning_rate = learning_rate,
        .decay_factor = options->decay_factor,
    };
    /* Dropout's random state counts steps in 32 bits. */
    if (__builtin_mul_overflow(schedule->steps_per_epoch, (int64_t)options->epochs,
                               &schedule->steps) ||
        schedule->steps > UINT32_MAX)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT,
                         "%d epochs of %zu samples are more than 2^32 steps", options->epochs,
                         samples);
    return MVAD_OK;
}

double schedule_learning_rate(const struct schedule *schedule, int32_t epoch)
{
    return epoch < schedule->decay_epoch ? schedule->learning_rate
                                         : schedule->learning_rate * schedule->decay_factor;
}
