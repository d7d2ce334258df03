/* The kernels of one variant, the table that lists them, and how kernels cut their work into
 * pieces. */
#ifndef CPU_OPS_H
#define CPU_OPS_H

#include "backends/cpu/cpu.h"

/* By enum op; every entry is set. */
extern const struct cpu_op *const CPU_NAME(cpu_table)[OP_COUNT];

extern const struct cpu_op CPU_NAME(cpu_conv2d);
extern const struct cpu_op CPU_NAME(cpu_conv2d_grad_input);
extern const struct cpu_op CPU_NAME(cpu_conv2d_grad_weight);
extern const struct cpu_op CPU_NAME(cpu_convt2x2);
extern const struct cpu_op CPU_NAME(cpu_convt2x2_grad_input);
extern const struct cpu_op CPU_NAME(cpu_convt2x2_grad_weight);
extern const struct cpu_op CPU_NAME(cpu_batch_norm);
extern const struct cpu_op CPU_NAME(cpu_batch_norm_apply);
extern const struct cpu_op CPU_NAME(cpu_batch_norm_grad);
extern const struct cpu_op CPU_NAME(cpu_batch_norm_eval);
extern const struct cpu_op CPU_NAME(cpu_layer_norm);
extern const struct cpu_op CPU_NAME(cpu_layer_norm_grad);
extern const struct cpu_op CPU_NAME(cpu_add);
extern const struct cpu_op CPU_NAME(cpu_relu);
extern const struct cpu_op CPU_NAME(cpu_relu_grad);
extern const struct cpu_op CPU_NAME(cpu_dropout);
extern const struct cpu_op CPU_NAME(cpu_max_pool);
extern const struct cpu_op CPU_NAME(cpu_window_mean);
extern const struct cpu_op CPU_NAME(cpu_route);
extern const struct cpu_op CPU_NAME(cpu_routed_attention);
extern const struct cpu_op CPU_NAME(cpu_routed_attention_grad);
extern const struct cpu_op CPU_NAME(cpu_mse);
extern const struct cpu_op CPU_NAME(cpu_mse_grad);
extern const struct cpu_op CPU_NAME(cpu_cosine_map);
extern const struct cpu_op CPU_NAME(cpu_resize);
extern const struct cpu_op CPU_NAME(cpu_gaussian_blur);
extern const struct cpu_op CPU_NAME(cpu_max);
extern const struct cpu_op CPU_NAME(cpu_narrow);
extern const struct cpu_op CPU_NAME(cpu_fill);
extern const struct cpu_op CPU_NAME(cpu_norm);
extern const struct cpu_op CPU_NAME(cpu_adamw);

/* `count` pieces of `size` elements or rows each; the last may be shorter. */
struct pieces {
    int64_t count, size, total;
};

enum {
    PIECES_MAX = 128,            /* bounds the memory of partial sums; enough for as many threads */
    PIECE_MIN_ELEMENTS = 8192,   /* less work than this is not worth a thread */
    PIECE_ELEMENT_MULTIPLE = 64, /* whole cache lines and whole vectors */
    PIECE_ROW_MULTIPLE = 4       /* loops over columns take four rows at a time */
};

/* Cuts `total` into at most PIECES_MAX pieces of at least `smallest`, sizes multiples of
 * `multiple`. */
static inline struct pieces pieces_cut(int64_t total, int64_t smallest, int64_t multiple)
{
    int64_t size = (total + PIECES_MAX - 1) / PIECES_MAX;
    if (size < smallest) size = smallest;
    size = (size + multiple - 1) / multiple * multiple;
    return (struct pieces){(total + size - 1) / size, size, total};
}

static inline struct pieces pieces_of_elements(int64_t elements)
{
    return pieces_cut(elements, PIECE_MIN_ELEMENTS, PIECE_ELEMENT_MULTIPLE);
}

/* Of a matrix with `columns` elements in a row. */
static inline struct pieces pieces_of_rows(int64_t rows, int64_t columns)
{
    return pieces_cut(rows, (PIECE_MIN_ELEMENTS + columns - 1) / columns, PIECE_ROW_MULTIPLE);
}

/* The first element or row of a piece, and their number. */
static inline int64_t piece_begin(const struct pieces *pieces, int64_t piece)
{
    return piece * pieces->size;
}

static inline int64_t piece_size(const struct pieces *pieces, int64_t piece)
{
    int64_t left = pieces->total - piece * pieces->size;
    return left < pieces->size ? left : pieces->size;
}

/* Rows of a value seen as a matrix of its channels: images * height * width. */
static inline int64_t value_rows(const struct value *value)
{
    return value->dim[0] * value->dim[1] * value->dim[2];
}

static inline int64_t value_elements(const struct value *value)
{
    return value_rows(value) * value->dim[3];
}

/* Lets a NaN through, so that it is seen in the loss or the score. */
static inline real relu(real x)
{
    return x < 0 ? 0 : x;
}

/* The larger one, a NaN before any number. Written as two selections, which compilers vectorise. */
static inline real larger(real a, real b)
{
    real number = a >= b ? a : b;
    return a != a ? a : number;
}

#endif
