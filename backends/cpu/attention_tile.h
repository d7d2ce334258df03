/* Inner kernels of routed attention, forward and backward.
 *
 * All three passes have the same form. Up to 16 pixels of a window (the owners: queries in the
 * forward and the first backward pass, keys in the second) lie side by side in the lanes of
 * vectors; the pixels of other windows stream past, 64 a tile, each channel of each of them
 * multiplied with the lanes. What is summed over the stream belongs to one lane, so nothing is
 * added across lanes, across threads or atomically, and scores live in a tile only. */
#ifndef CPU_ATTENTION_TILE_H
#define CPU_ATTENTION_TILE_H

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "backends/cpu/attention_pack.h"
#include "backends/cpu/fast_exp.h"

/* Bytes of the widest vector; attention_lanes.h is compiled for it and the narrower ones, which
 * suit small windows. */
#if defined(__AVX512F__)
#define LANES_BYTES 64
#elif defined(__AVX__)
#define LANES_BYTES 32
#else
#define LANES_BYTES 16
#endif
#define LANES_MOST ((int64_t)(LANES_BYTES / sizeof(real)))

/* Pixels of a tile. */
#define TILE_PIXELS 64
/* Windows of fewer pixels are copied together until a tile is full; larger ones are read where they
 * are packed. */
#define TILE_STAGED_BELOW 16

/* Scratch memory of a thread. Rows are (padded depth, lanes), tiles (TILE_PIXELS, lanes). */
struct attention_scratch {
    real *rows_a, *rows_b, *sum_a, *sum_b;
    real *tile_a, *tile_b;
    real *staged_a, *staged_b;       /* (TILE_PIXELS, padded depth) */
    real *staged_lse, *staged_delta; /* (TILE_PIXELS) */
};

static inline int64_t attention_scratch_count(const struct attention_shape *shape)
{
    return 4 * shape->padded_depth * LANES_MOST + 2 * TILE_PIXELS * LANES_MOST +
           2 * TILE_PIXELS * shape->padded_depth + 2 * TILE_PIXELS;
}

static inline struct attention_scratch attention_scratch_at(const struct attention_shape *shape,
                                                            real *memory)
{
    const int64_t rows = shape->padded_depth * LANES_MOST, tile = TILE_PIXELS * LANES_MOST;
    struct attention_scratch s;
    s.rows_a = memory;
    s.rows_b = s.rows_a + rows;
    s.sum_a = s.rows_b + rows;
    s.sum_b = s.sum_a + rows;
    s.tile_a = s.sum_b + rows;
    s.tile_b = s.tile_a + tile;
    s.staged_a = s.tile_b + tile;
    s.staged_b = s.staged_a + TILE_PIXELS * shape->padded_depth;
    s.staged_lse = s.staged_b + TILE_PIXELS * shape->padded_depth;
    s.staged_delta = s.staged_lse + TILE_PIXELS;
    return s;
}

/* The pixels of a list of windows of one sample, for one head, from two packed operands. */
struct attention_stream {
    const struct attention_shape *shape;
    const real *a, *b;       /* packed (attention_pack.h) */
    const real *lse, *delta; /* (N, P, heads, window pixels), or both NULL */
    const int32_t *windows;  /* view * P + window */
    int64_t window_count;
    int64_t first_window; /* of the sample: sample * V * P */
    int64_t head;
    bool padded; /* whether padded pixels take part */
};

/* Where a reader of the stream stands, and the tile it took last. */
struct attention_tile {
    int64_t next_window, next_pixel;
    int64_t count; /* pixels */
    const real *a, *b, *lse, *delta;
};

/* Owner pixels in the lanes. */
struct attention_group {
    int64_t count;     /* 1.. */
    int64_t pixel[16]; /* of the tensor (N*H*W) */
    int64_t head;
};

/* Takes the next tile of the stream, false at its end. A tile starts zeroed. */
static inline bool attention_tile_next(const struct attention_stream *stream,
                                       const struct attention_scratch *scratch,
                                       struct attention_tile *tile)
{
    const struct attention_shape *shape = stream->shape;
    const int64_t pixels = shape->window_pixels, depth = shape->padded_depth;
    const bool staged = pixels < TILE_STAGED_BELOW;
    tile->count = 0;
    while (tile->next_window < stream->window_count) {
        int64_t index = stream->windows[tile->next_window], count = pixels;
        if (!stream->padded) {
            struct window w = attention_window(shape, index % shape->image_windows);
            count = w.height * w.width;
        }
        const int64_t first =
            ((stream->first_window + index) * shape->heads + stream->head) * pixels +
            tile->next_pixel;
        int64_t taken = count - tile->next_pixel;
        if (staged) {
            if (taken > TILE_PIXELS - tile->count) break;
            memcpy(scratch->staged_a + tile->count * depth, stream->a + first * depth,
                   (size_t)(taken * depth) * sizeof(real));
            memcpy(scratch->staged_b + tile->count * depth, stream->b + first * depth,
                   (size_t)(taken * depth) * sizeof(real));
            if (stream->lse) {
                memcpy(scratch->staged_lse + tile->count, stream->lse + first,
                       (size_t)taken * sizeof(real));
                memcpy(scratch->staged_delta + tile->count, stream->delta + first,
                       (size_t)taken * sizeof(real));
            }
            tile->count += taken;
            tile->next_window++;
            continue;
        }
        if (taken > TILE_PIXELS) taken = TILE_PIXELS;
        tile->next_pixel += taken;
        if (tile->next_pixel == count) {
            tile->next_pixel = 0;
            tile->next_window++;
        }
        if (taken == 0) continue;
        tile->count = taken;
        tile->a = stream->a + first * depth;
        tile->b = stream->b + first * depth;
        tile->lse = stream->lse ? stream->lse + first : NULL;
        tile->delta = stream->delta ? stream->delta + first : NULL;
        return true;
    }
    tile->a = scratch->staged_a;
    tile->b = scratch->staged_b;
    tile->lse = scratch->staged_lse;
    tile->delta = scratch->staged_delta;
    return tile->count > 0;
}

/* Lanes for so many remaining owners: the narrowest vector that holds them all, or the widest. */
static inline int64_t attention_lanes(int64_t owners)
{
    int64_t lanes = 16 / (int64_t)sizeof(real);
    while (lanes < owners && lanes < LANES_MOST) lanes *= 2;
    return lanes;
}

/* The pixels first .. first+count-1 of the part of a window inside of the image. */
static inline struct attention_group attention_group_at(const struct attention_shape *shape,
                                                        int64_t image, const struct window *w,
                                                        int64_t head, int64_t first, int64_t count)
{
    struct attention_group group = {.count = count, .head = head};
    for (int64_t i = 0; i < count; i++) {
        int64_t row = w->top + (first + i) / w->width, column = w->left + (first + i) % w->width;
        group.pixel[i] = (image * shape->height + row) * shape->width + column;
    }
    return group;
}

#define LANES_NAME(name) CPU_JOIN(name, VECTOR_BYTES)

#define VECTOR_BYTES 16
#include "backends/cpu/attention_lanes.h"
#undef VECTOR_BYTES
#if LANES_BYTES >= 32
#define VECTOR_BYTES 32
#include "backends/cpu/attention_lanes.h"
#undef VECTOR_BYTES
#endif
#if LANES_BYTES >= 64
#define VECTOR_BYTES 64
#include "backends/cpu/attention_lanes.h"
#undef VECTOR_BYTES
#endif

/* Calls the variant of a function of attention_lanes.h for `lanes`. */
#if LANES_BYTES == 64
#define ATTENTION_CALL(lanes, name, ...)                \
    do {                                                \
        if ((lanes) == 64 / (int64_t)sizeof(real))      \
            name##_64(__VA_ARGS__);                     \
        else if ((lanes) == 32 / (int64_t)sizeof(real)) \
            name##_32(__VA_ARGS__);                     \
        else                                            \
            name##_16(__VA_ARGS__);                     \
    } while (0)
#elif LANES_BYTES == 32
#define ATTENTION_CALL(lanes, name, ...)           \
    do {                                           \
        if ((lanes) == 32 / (int64_t)sizeof(real)) \
            name##_32(__VA_ARGS__);                \
        else                                       \
            name##_16(__VA_ARGS__);                \
    } while (0)
#else
#define ATTENTION_CALL(lanes, name, ...) name##_16(__VA_ARGS__)
#endif

#endif
