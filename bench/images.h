/* Images to measure with. */
#ifndef BENCH_IMAGES_H
#define BENCH_IMAGES_H

#include <stddef.h>

/* Values as normalised photographs have them, roughly: evenly spread over -2 to 2. To be freed; NULL without
 * memory. */
float *images_random(size_t count);

#endif
