/* Axes of charts: where a value lies, and which values get a tick. */
#ifndef CLI_COMMON_AXIS_H
#define CLI_COMMON_AXIS_H

#include <stdbool.h>
#include <stddef.h>

#define AXIS_MAX_TICKS 24
#define AXIS_NUMBER_BYTES 32

/* Values from `low` to `high` (above it) lie at the positions from `begin` to `end`. Of a
 * logarithmic axis `low` is above 0. */
struct axis {
    double low, high;
    bool logarithmic;
    bool whole; /* ticks at whole numbers only: values count something */
    double begin, end;
};

/* An axis for finite values from `low` to `high`, which may be equal: logarithmic where they are
 * positive and more than `ratio` apart (INFINITY: never), with a margin of `margin` times its
 * length at either end. */
struct axis axis_make(double low, double high, double ratio, double margin);

/* A value outside the range lies at the end. */
double axis_position(const struct axis *axis, double value);

/* Round values in the range, about `wanted` of them, and their number. */
size_t axis_ticks(const struct axis *axis, int wanted, double ticks[AXIS_MAX_TICKS]);

/* A number as a reader writes it: four significant digits, whole numbers up to 9999999 in full. */
const char *axis_number(double value, char text[AXIS_NUMBER_BYTES]);

#endif
