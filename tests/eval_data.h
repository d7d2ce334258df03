/* A small data set for the tests of evaluation, drawn from formulas: parts.csv and its PNG files in
 * the folder of data_images.h, and m.safetensors, a model for it, in the scratch folder. */
#ifndef TESTS_EVAL_DATA_H
#define TESTS_EVAL_DATA_H

#include "data_images.h"

enum { EVAL_SIZE = 32, EVAL_PIXELS = EVAL_SIZE * EVAL_SIZE, EVAL_VIEWS = 3, EVAL_PARTS = 15 };

/* A letter a view: n normal, a anomalous, m anomalous without a mask, u of unknown label. */
struct eval_part {
    const char *class_name, *name, *views;
    bool train;
};

/* In the order of the index: classes bolt (normal and anomalous, views mixed), cap (only normal
 * parts), idle (no test samples). */
extern const struct eval_part eval_parts[EVAL_PARTS];

/* The pixels of a view, channels innermost, and its mask of 0 and 1. */
void eval_image(size_t part, size_t view, uint8_t pixels[3 * EVAL_PIXELS]);
void eval_mask(size_t part, size_t view, uint8_t marks[EVAL_PIXELS]);

/* Setup and teardown of a group: both folders with all of it. */
int eval_make(void **state);
int eval_remove(void **state);

#endif
