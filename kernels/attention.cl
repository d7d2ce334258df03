/* Routed attention, forward and backward. A work item has LANES query pixels (or, for the gradients
 * of keys and values, key pixels) of a window and one head, and walks over the pixels of the other
 * side. Those are the same for all work items of a group: they are read where they lie, through the
 * index list, and no window is ever copied. Scores live in registers.
 *
 * Grid of all kernels with a window: dimension 0 the LANES pixels, 1 the head, 2 the window of the
 * batch.
 *
 * HEAD: channels of a head.
 */
#ifndef HEAD
#define HEAD 8
#endif
#ifndef HEAD_ROOM
#define HEAD_ROOM HEAD // numbers in arrays for a head, where HEAD is no constant
#endif
#define TOGETHER 4 // pixels of the other side at a time: a load of a lane serves them all

struct attention {
    int height, width, channels; /* of an image */
    int windows, views, heads, selected;
    int tall, wide; /* rows and columns of a window, padding included */
    real scale;
};

/* The part of a window that lies in the image. */
struct window {
    int image, top, left, rows, columns, pixels;
};

static inline struct window window_at(struct attention a, int image, int index)
{
    struct window w;
    w.image = image;
    w.top = index / a.windows * a.tall;
    w.left = index % a.windows * a.wide;
    w.rows = clamp(a.height - w.top, 0, a.tall);
    w.columns = clamp(a.width - w.left, 0, a.wide);
    w.pixels = w.rows * w.columns;
    return w;
}

/* Pixel of the batch; the last one of the window where there are fewer. */
static inline size_t pixel_of(struct attention a, struct window w, int index)
{
    const int i = min(index, w.pixels - 1);
    return ((size_t)w.image * a.height + w.top + i / w.columns) * a.width + w.left + i % w.columns;
}

#if LANES == 1
#define SET_LANE(vector, lane, value) vector = (value)
#define GET_LANE(vector, lane) (vector)
static inline lanes exponential(lanes x)
{
    return exp(x);
}
#else
#define SET_LANE(vector, lane, value) ((real *)&(vector))[lane] = (value)
#define GET_LANE(vector, lane) ((real *)&(vector))[lane]
#ifdef MVAD_DOUBLE
static inline lanes exponential(lanes x)
{
    return exp(x);
}
#else
/* 2^n * e^r with r = x - n ln 2 in two parts and a polynomial for e^r (Cephes' expf coefficients):
 * 2 units in the last place for x at most 0, 0 below -87, NaN for NaN. The library's function costs
 * more than the products around it where a head has 8 channels. */
static inline lanes exponential(lanes x)
{
    const lanes bounded = max(x, (lanes)-87.3f);
    const lanes n = rint(bounded * 1.44269504f);
    const lanes r = MULTIPLY_ADD(n, (lanes)2.12194440e-4f, MULTIPLY_ADD(n, (lanes)-0.693359375f, bounded));
    lanes y = MULTIPLY_ADD(r, (lanes)1.9875691500e-4f, (lanes)1.3981999507e-3f);
    y = MULTIPLY_ADD(y, r, (lanes)8.3334519073e-3f);
    y = MULTIPLY_ADD(y, r, (lanes)4.1665795894e-2f);
    y = MULTIPLY_ADD(y, r, (lanes)1.6666665459e-1f);
    y = MULTIPLY_ADD(y, r, (lanes)5.0000001201e-1f);
    y = MULTIPLY_ADD(y, r * r, r + 1);
    y *= as_float8((convert_int8(n) + 127) << 23);
    return x < -87.3f ? (lanes)0 : isnan(x) ? x : y;
}
#endif
#endif

/* Channels of this work item's pixels, one vector a channel, times `factor`. */
#define GATHER(to, from, factor)                                                                   \
    for (int lane = 0; lane < LANES; lane++) {                                                     \
        const size_t at = pixel_of(a, own, first + lane) * a.channels + head * HEAD;               \
        for (int d = 0; d < HEAD; d++) SET_LANE(to[d], lane, LOAD(from, at + d) * (factor));       \
    }
#define SCATTER(to, from)                                                                          \
    for (int lane = 0; lane < LANES && first + lane < own.pixels; lane++) {                        \
        const size_t at = pixel_of(a, own, first + lane) * a.channels + head * HEAD;               \
        for (int d = 0; d < HEAD; d++) STORE(to, at + d, GET_LANE(from[d], lane));                 \
    }
/* The same for one number a pixel and head. */
#define GATHER_NUMBER(to, from)                                                                    \
    for (int lane = 0; lane < LANES; lane++)                                                       \
        SET_LANE(to, lane, from[pixel_of(a, own, first + lane) * a.heads + head]);

#define WORK_ITEM                                                                                  \
    const int first = (int)get_global_id(0) * LANES, head = (int)get_global_id(1);                 \
    const int count = a.windows * a.windows, row = (int)get_global_id(2);                          \
    const struct window own = window_at(a, row / count, row % count);                              \
    const int sample = row / count - row / count % a.views;                                        \
    if (first >= own.pixels) return;

/* Where the channels of this head begin for TOGETHER pixels of the other side from `i` on. */
#define LOCATE(at, from)                                                                           \
    size_t at[TOGETHER];                                                                           \
    UNROLL for (int j = 0; j < TOGETHER; j++)                                                      \
        at[j] = pixel_of(a, other, (from) + j) * a.channels + head * HEAD;

/* y[j] = sum over the channels of x * other side's pixel j. */
#define PRODUCTS(y, x, other_side)                                                                 \
    lanes y[TOGETHER] = {0, 0, 0, 0};                                                              \
    for (int d = 0; d < HEAD; d++) {                                                               \
        const lanes channel = x[d];                                                                \
        UNROLL for (int j = 0; j < TOGETHER; j++)                                                  \
            y[j] = MULTIPLY_ADD((lanes)LOAD(other_side, at[j] + d), channel, y[j]);                \
    }

/* y[d] += sum over j of x[j] * other side's pixel j. */
#define ACCUMULATE(y, x, other_side)                                                               \
    for (int d = 0; d < HEAD; d++) {                                                               \
        lanes channel = y[d];                                                                      \
        UNROLL for (int j = 0; j < TOGETHER; j++)                                                  \
            channel = MULTIPLY_ADD((lanes)LOAD(other_side, at[j] + d), x[j], channel);             \
        y[d] = channel;                                                                            \
    }

/* The online softmax of Milakov and Gimelshein (2018): sums so far are scaled when a larger score
 * comes. Padded keys have score 0 and value 0: they only count in the sum. */
__kernel void attend(INPUT(q), INPUT(k), INPUT(v), INPUT_OF(int, indices), OUTPUT(o), OUTPUT_OF(real, lse),
                     int has_lse, struct attention a)
{
    BEGIN(q);
    BEGIN(k);
    BEGIN(v);
    BEGIN(indices);
    BEGIN(o);
    BEGIN(lse);
    WORK_ITEM
    lanes query[HEAD_ROOM], result[HEAD_ROOM];
    GATHER(query, q, a.scale)
    for (int d = 0; d < HEAD; d++) result[d] = 0;
    lanes largest = -INFINITY, sum = 0;
    int padded = 0;
    for (int i = 0; i < a.selected; i++) {
        const int index = indices[(size_t)row * a.selected + i];
        const struct window other = window_at(a, sample + index / count, index % count);
        padded += a.tall * a.wide - other.pixels;
        for (int key = 0; key < other.pixels; key += TOGETHER) {
            LOCATE(at, key)
            PRODUCTS(score, query, k)
            UNROLL for (int j = 1; j < TOGETHER; j++)
                if (key + j >= other.pixels) score[j] = -INFINITY;
            const lanes top = max(max(max(score[0], score[1]), max(score[2], score[3])), largest);
            const lanes shrink = exponential(largest - top);
            lanes weight = 0;
            UNROLL for (int j = 0; j < TOGETHER; j++) {
                score[j] = exponential(score[j] - top);
                weight += score[j];
            }
            sum = MULTIPLY_ADD(sum, shrink, weight);
            largest = top;
            for (int d = 0; d < HEAD; d++) result[d] *= shrink;
            ACCUMULATE(result, score, v)
        }
    }
    if (padded) {
        const lanes top = max(largest, (lanes)0), shrink = exponential(largest - top);
        sum = sum * shrink + (lanes)padded * exponential(-top);
        largest = top;
        for (int d = 0; d < HEAD; d++) result[d] *= shrink;
    }
    const lanes scale = 1 / sum;
    for (int d = 0; d < HEAD; d++) result[d] *= scale;
    SCATTER(o, result)
    if (!has_lse) return;
    const lanes logarithm = largest + log(sum);
    for (int lane = 0; lane < LANES && first + lane < own.pixels; lane++)
        lse[pixel_of(a, own, first + lane) * a.heads + head] = GET_LANE(logarithm, lane);
}

/* delta (N,H,W,heads) = sum over the channels of a head of do * o. One work item a number. */
__kernel void output_products(INPUT(d_o), INPUT(o), OUTPUT_OF(real, delta), ulong count,
                              struct attention a)
{
    BEGIN(d_o);
    BEGIN(o);
    BEGIN(delta);
    const size_t i = get_global_id(0);
    if (i >= count) return;
    real sum = 0;
    for (int d = 0; d < HEAD; d++) sum += LOAD(d_o, i * HEAD + d) * LOAD(o, i * HEAD + d);
    delta[i] = sum;
}

__kernel void query_gradient(INPUT(d_o), INPUT(q), INPUT(k), INPUT(v), INPUT_OF(int, indices),
                             INPUT_OF(real, lse), INPUT_OF(real, delta), OUTPUT(dq),
                             struct attention a)
{
    BEGIN(d_o);
    BEGIN(q);
    BEGIN(k);
    BEGIN(v);
    BEGIN(indices);
    BEGIN(lse);
    BEGIN(delta);
    BEGIN(dq);
    WORK_ITEM
    lanes query[HEAD_ROOM], gradient[HEAD_ROOM], result[HEAD_ROOM], log_sum, mean;
    GATHER(query, q, a.scale)
    GATHER(gradient, d_o, 1)
    GATHER_NUMBER(log_sum, lse)
    GATHER_NUMBER(mean, delta)
    for (int d = 0; d < HEAD; d++) result[d] = 0;
    for (int i = 0; i < a.selected; i++) {
        const int index = indices[(size_t)row * a.selected + i];
        const struct window other = window_at(a, sample + index / count, index % count);
        for (int key = 0; key < other.pixels; key += TOGETHER) {
            LOCATE(at, key)
            PRODUCTS(score, query, k)
            PRODUCTS(product, gradient, v)
            UNROLL for (int j = 0; j < TOGETHER; j++)
                score[j] = key + j < other.pixels
                               ? exponential(score[j] - log_sum) * (product[j] - mean)
                               : (lanes)0;
            ACCUMULATE(result, score, k)
        }
    }
    for (int d = 0; d < HEAD; d++) result[d] *= a.scale;
    SCATTER(dq, result)
}

/* chosen (N * P, V * P): 1 where the query window selected the key window. One work item a query
 * window. */
__kernel void mark_selected(INPUT_OF(int, indices), OUTPUT_OF(uchar, chosen), int rows, int columns,
                            int selected)
{
    BEGIN(indices);
    BEGIN(chosen);
    const int row = (int)get_global_id(0);
    if (row >= rows) return;
    for (int i = 0; i < columns; i++) chosen[(size_t)row * columns + i] = 0;
    for (int i = 0; i < selected; i++)
        chosen[(size_t)row * columns + indices[(size_t)row * selected + i]] = 1;
}

/* dk and dv, each where wanted: sums over the query windows that selected this window, in their
 * order. */
__kernel void key_gradient(INPUT(d_o), INPUT(q), INPUT(k), INPUT(v), INPUT_OF(uchar, chosen),
                           INPUT_OF(real, lse), INPUT_OF(real, delta), OUTPUT(dk), OUTPUT(dv),
                           int has_dk, int has_dv, struct attention a)
{
    BEGIN(d_o);
    BEGIN(q);
    BEGIN(k);
    BEGIN(v);
    BEGIN(chosen);
    BEGIN(lse);
    BEGIN(delta);
    BEGIN(dk);
    BEGIN(dv);
    WORK_ITEM
    lanes keys[HEAD_ROOM], values[HEAD_ROOM], key_result[HEAD_ROOM], value_result[HEAD_ROOM];
    GATHER(keys, k, a.scale)
    GATHER(values, v, 1)
    for (int d = 0; d < HEAD; d++) key_result[d] = value_result[d] = 0;
    const int column = (row / count - sample) * count + row % count;
    for (int i = 0; i < a.views * count; i++) {
        const size_t query_row = (size_t)sample * count + i;
        if (!chosen[query_row * a.views * count + column]) continue;
        const struct window other = window_at(a, sample + i / count, i % count);
        for (int query = 0; query < other.pixels; query += TOGETHER) {
            LOCATE(at, query)
            PRODUCTS(score, keys, q)
            PRODUCTS(product, values, d_o)
            lanes slope[TOGETHER];
            UNROLL for (int j = 0; j < TOGETHER; j++) {
                const size_t pixel = pixel_of(a, other, query + j) * a.heads + head;
                score[j] =
                    query + j < other.pixels ? exponential(score[j] - lse[pixel]) : (lanes)0;
                slope[j] = score[j] * (product[j] - delta[pixel]);
            }
            if (has_dv) { ACCUMULATE(value_result, score, d_o) }
            if (has_dk) { ACCUMULATE(key_result, slope, q) }
        }
    }
    if (has_dv) { SCATTER(dv, value_result) }
    if (has_dk) {
        for (int d = 0; d < HEAD; d++) key_result[d] *= a.scale;
        SCATTER(dk, key_result)
    }
}
