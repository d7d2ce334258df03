/* The middle of measured times. */
#ifndef BASE_MEDIAN_H
#define BASE_MEDIAN_H

#include <stddef.h>

/* Sorts the values, at least one, and returns the middle one: of an even number, the upper. */
double median_sorted(double *values, size_t count);

#endif
