/* The golden answers of metrics.safetensors (golden/make_metrics.py) and how tests compare with
 * them. Failures end the running test. */
#ifndef METRICS_GOLDEN_H
#define METRICS_GOLDEN_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/score/metrics.h"

/* The cases with scores and masks of 12 x 12 pixels; `large` has answers only. */
static const char *const golden_cases[] = {"distinct",  "ties",   "dense",     "constant",
                                           "negative",  "normal", "anomalous", "shapes",
                                           "one_pixel", "crowded"};
#define GOLDEN_CASES (sizeof golden_cases / sizeof *golden_cases)
#define GOLDEN_SIDE 12

/* Group setup and teardown: *state is the file's mvad_tensors. */
static inline int golden_metrics_open(void **state)
{
    return mvad_tensors_load(MVAD_TEST_DIR "/golden/metrics.safetensors", (mvad_tensors **)state,
                             NULL) != MVAD_OK;
}

static inline int golden_metrics_close(void **state)
{
    mvad_tensors_destroy(*state);
    return 0;
}

/* The tensor `part` of the case `name`. */
static inline mvad_tensor_view golden_find(void **state, const char *name, const char *part)
{
    char full[64];
    mvad_tensor_view view;
    mvad_error error;
    snprintf(full, sizeof full, "%s.%s", name, part);
    if (mvad_tensors_find(*state, full, &view, &error)) fail_msg("%s", error.message);
    return view;
}

/* A metric against the number it should be; NaN equals NaN. */
static inline void expect_close(const char *what, int metric, double value, double expected,
                                double tolerance)
{
    if (isnan(expected) ? isnan(value) : fabs(value - expected) <= tolerance) return;
    fail_msg("%s, %s: %.9g, should be %.9g", what, metric_name((enum metric)metric), value,
             expected);
}

/* metrics_create, which must succeed. */
static inline struct metrics *create_metrics(uint32_t classes, uint32_t size, size_t bytes)
{
    struct metrics *metrics;
    mvad_error error;
    if (metrics_create(classes, size, bytes, &metrics, &error)) fail_msg("%s", error.message);
    return metrics;
}

/* A mask from its floats, to be freed. */
static inline uint8_t *bytes_of(const float *values, size_t count)
{
    uint8_t *bytes = malloc(count);
    for (size_t i = 0; i < count; i++) bytes[i] = values[i] != 0;
    return bytes;
}

#endif
