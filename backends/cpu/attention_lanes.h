/* Part of attention_tile.h, compiled once for every vector width: VECTOR_BYTES is 64, 32 or 16,
 * LANES the numbers in a vector. Rows are (padded depth, LANES), tiles (pixels, LANES). GNU vector
 * types, because compilers do not keep plain arrays of accumulators in registers. */

#define LANES ((int64_t)(VECTOR_BYTES / sizeof(real)))
#define VECTOR LANES_NAME(vector)
#define AT(pointer, i) (((VECTOR *)(pointer))[i])

typedef real VECTOR __attribute__((vector_size(VECTOR_BYTES), may_alias));
#ifdef CPU_DOUBLE
typedef int64_t LANES_NAME(mask) __attribute__((vector_size(VECTOR_BYTES)));
#else
typedef int32_t LANES_NAME(mask) __attribute__((vector_size(VECTOR_BYTES)));
#endif

/* a > b ? a : b; where one is not a number, b. */
static inline VECTOR LANES_NAME(maximum)(VECTOR a, VECTOR b)
{
    LANES_NAME(mask) larger = a > b;
    return (VECTOR)((larger & (LANES_NAME(mask))a) | (~larger & (LANES_NAME(mask))b));
}

static inline __attribute__((always_inline)) void
LANES_NAME(tile_scores_deep)(const real *rows, const real *stream, int64_t count, int64_t depth,
                             real *tile)
{
    int64_t t = 0;
    for (; t + 8 <= count; t += 8) {
        const real *x = stream + t * depth;
        VECTOR s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0}, s4 = {0}, s5 = {0}, s6 = {0}, s7 = {0};
        for (int64_t c = 0; c < depth; c++, x++) {
            VECTOR row = AT(rows, c);
            s0 += row * x[0];
            s1 += row * x[depth];
            s2 += row * x[2 * depth];
            s3 += row * x[3 * depth];
            s4 += row * x[4 * depth];
            s5 += row * x[5 * depth];
            s6 += row * x[6 * depth];
            s7 += row * x[7 * depth];
        }
        AT(tile, t) = s0;
        AT(tile, t + 1) = s1;
        AT(tile, t + 2) = s2;
        AT(tile, t + 3) = s3;
        AT(tile, t + 4) = s4;
        AT(tile, t + 5) = s5;
        AT(tile, t + 6) = s6;
        AT(tile, t + 7) = s7;
    }
    for (; t < count; t++) {
        const real *x = stream + t * depth;
        VECTOR s = {0};
        for (int64_t c = 0; c < depth; c++) s += AT(rows, c) * x[c];
        AT(tile, t) = s;
    }
}

/* tile[t] = sum_c rows[c] * stream[t][c]. The usual depths are constants to the compiler, which
 * unrolls the sum. */
static inline void LANES_NAME(tile_scores)(const real *rows, const real *stream, int64_t count,
                                           int64_t depth, real *tile)
{
    switch (depth) {
    case 8: LANES_NAME(tile_scores_deep)(rows, stream, count, 8, tile); break;
    case 16: LANES_NAME(tile_scores_deep)(rows, stream, count, 16, tile); break;
    case 32: LANES_NAME(tile_scores_deep)(rows, stream, count, 32, tile); break;
    default: LANES_NAME(tile_scores_deep)(rows, stream, count, depth, tile);
    }
}

/* sums[c] = decay * sums[c] + sum_t tile[t] * stream[t][c] */
static inline void LANES_NAME(tile_accumulate)(const real *tile, const real *stream, int64_t count,
                                               int64_t depth, VECTOR decay, real *sums)
{
    for (int64_t c = 0; c < depth; c += ATTENTION_DEPTH_STEP) {
        real *sum = sums + c * LANES;
        const real *x = stream + c;
        VECTOR s0 = AT(sum, 0) * decay, s1 = AT(sum, 1) * decay, s2 = AT(sum, 2) * decay,
               s3 = AT(sum, 3) * decay;
        VECTOR s4 = AT(sum, 4) * decay, s5 = AT(sum, 5) * decay, s6 = AT(sum, 6) * decay,
               s7 = AT(sum, 7) * decay;
        for (int64_t t = 0; t < count; t++, x += depth) {
            VECTOR weight = AT(tile, t);
            s0 += weight * x[0];
            s1 += weight * x[1];
            s2 += weight * x[2];
            s3 += weight * x[3];
            s4 += weight * x[4];
            s5 += weight * x[5];
            s6 += weight * x[6];
            s7 += weight * x[7];
        }
        AT(sum, 0) = s0;
        AT(sum, 1) = s1;
        AT(sum, 2) = s2;
        AT(sum, 3) = s3;
        AT(sum, 4) = s4;
        AT(sum, 5) = s5;
        AT(sum, 6) = s6;
        AT(sum, 7) = s7;
    }
}

/* rows[c][lane] = factor * x[pixel of the lane][head][c], zero where there is no lane or channel. x
 * (N,H,W,C) */
static inline void LANES_NAME(rows_load)(const struct attention_shape *shape,
                                         const struct attention_group *group, const real *x,
                                         real factor, real *rows)
{
    memset(rows, 0, (size_t)(shape->padded_depth * LANES) * sizeof(real));
    for (int64_t l = 0; l < group->count; l++) {
        const real *from = x + group->pixel[l] * shape->channels + group->head * shape->depth;
        for (int64_t c = 0; c < shape->depth; c++) rows[c * LANES + l] = factor * from[c];
    }
}

/* x[pixel of the lane][head][c] = factors[lane] * rows[c][lane] */
static inline void LANES_NAME(rows_store)(const struct attention_shape *shape,
                                          const struct attention_group *group, const real *rows,
                                          const real *factors, real *x)
{
    for (int64_t l = 0; l < group->count; l++) {
        real *to = x + group->pixel[l] * shape->channels + group->head * shape->depth;
        for (int64_t c = 0; c < shape->depth; c++) to[c] = factors[l] * rows[c * LANES + l];
    }
}

/* Output (and lse, unless NULL) of the queries of a group. The stream's operands are keys and
 * values; q is multiplied with factor = scale * log2(e), so scores are exponents of two. */
static inline void LANES_NAME(attention_forward)(const struct attention_stream *stream,
                                                 const struct attention_group *group,
                                                 const struct attention_scratch *scratch,
                                                 const real *q, real factor, real *o, real *lse)
{
    const struct attention_shape *shape = stream->shape;
    const int64_t depth = shape->padded_depth;
    real *rows = scratch->rows_a, *sums = scratch->sum_a, *scores = scratch->tile_a;
    real top[LANES_MOST] __attribute__((aligned(64))) = {0};
    real factors[LANES_MOST] __attribute__((aligned(64))) = {0};
    VECTOR total = {0};
    struct attention_tile tile = {0};
    LANES_NAME(rows_load)(shape, group, q, factor, rows);
    memset(sums, 0, (size_t)(depth * LANES) * sizeof(real));
    for (int64_t l = 0; l < LANES; l++) top[l] = -(real)INFINITY;

    while (attention_tile_next(stream, scratch, &tile)) {
        LANES_NAME(tile_scores)(rows, tile.a, tile.count, depth, scores);
        VECTOR highest = AT(top, 0);
        for (int64_t t = 0; t < tile.count; t++)
            highest = LANES_NAME(maximum)(AT(scores, t), highest);
        AT(factors, 0) = AT(top, 0) - highest;
        AT(top, 0) = highest;
        for (int64_t l = 0; l < LANES; l++) factors[l] = fast_exp2(factors[l]);
        VECTOR sum = {0};
        for (int64_t t = 0; t < tile.count; t++) {
            real *score = scores + t * LANES;
#pragma omp simd
            for (int64_t l = 0; l < LANES; l++) score[l] = fast_exp2(score[l] - top[l]);
            sum += AT(scores, t);
        }
        total = total * AT(factors, 0) + sum;
        LANES_NAME(tile_accumulate)(scores, tile.b, tile.count, depth, AT(factors, 0), sums);
    }

    AT(factors, 0) = 1 / total;
    LANES_NAME(rows_store)(shape, group, sums, factors, o);
    if (!lse) return;
    AT(factors, 0) = total;
    for (int64_t l = 0; l < group->count; l++)
        lse[group->pixel[l] * shape->heads + group->head] =
            (real)(FAST_EXP_LN_2 * top[l] + log(factors[l]));
}

/* dq of the queries of a group. The stream's operands are keys and values. Leaves what the second
 * pass needs of every query in packed_lse (in powers of two) and packed_delta = sum_c do * o, both
 * at the group's first pixel. */
static inline void LANES_NAME(attention_grad_queries)(
    const struct attention_stream *stream, const struct attention_group *group,
    const struct attention_scratch *scratch, const real *q, real factor, const real *o,
    const real *d_o, const real *lse, real scale, real *dq, real *packed_lse, real *packed_delta)
{
    const struct attention_shape *shape = stream->shape;
    const int64_t depth = shape->padded_depth;
    real *scores = scratch->tile_a, *gradients = scratch->tile_b;
    real level[LANES_MOST] __attribute__((aligned(64))) = {0},
                           delta[LANES_MOST] __attribute__((aligned(64))) = {0};
    real factors[LANES_MOST] = {0};
    struct attention_tile tile = {0};
    LANES_NAME(rows_load)(shape, group, q, factor, scratch->rows_a);
    LANES_NAME(rows_load)(shape, group, d_o, 1, scratch->rows_b);
    memset(scratch->sum_a, 0, (size_t)(depth * LANES) * sizeof(real));
    for (int64_t l = 0; l < group->count; l++) {
        const real *out = o + group->pixel[l] * shape->channels + group->head * shape->depth;
        real sum = 0;
        for (int64_t c = 0; c < shape->depth; c++) sum += scratch->rows_b[c * LANES + l] * out[c];
        packed_delta[l] = delta[l] = sum;
        packed_lse[l] = level[l] =
            FAST_EXP_LOG2_E * lse[group->pixel[l] * shape->heads + group->head];
    }

    const VECTOR keep = (VECTOR){0} + 1;
    while (attention_tile_next(stream, scratch, &tile)) {
        LANES_NAME(tile_scores)(scratch->rows_a, tile.a, tile.count, depth, scores);
        LANES_NAME(tile_scores)(scratch->rows_b, tile.b, tile.count, depth, gradients);
        for (int64_t t = 0; t < tile.count; t++) {
            const real *score = scores + t * LANES;
            real *gradient = gradients + t * LANES;
#pragma omp simd
            for (int64_t l = 0; l < LANES; l++)
                gradient[l] = fast_exp2(score[l] - level[l]) * (gradient[l] - delta[l]);
        }
        LANES_NAME(tile_accumulate)(gradients, tile.a, tile.count, depth, keep, scratch->sum_a);
    }
    for (int64_t l = 0; l < LANES; l++) factors[l] = scale;
    LANES_NAME(rows_store)(shape, group, scratch->sum_a, factors, dq);
}

/* dk and dv (either may be NULL) of the keys of a group. The stream's operands are q times the
 * factor of the forward pass and do, with the lse (in powers of two) and delta of each. */
static inline void LANES_NAME(attention_grad_keys)(const struct attention_stream *stream,
                                                   const struct attention_group *group,
                                                   const struct attention_scratch *scratch,
                                                   const real *k, const real *v, real *dk, real *dv)
{
    const struct attention_shape *shape = stream->shape;
    const int64_t depth = shape->padded_depth;
    real *scores = scratch->tile_a, *gradients = scratch->tile_b;
    real factors[LANES_MOST] = {0};
    struct attention_tile tile = {0};
    LANES_NAME(rows_load)(shape, group, k, 1, scratch->rows_a);
    LANES_NAME(rows_load)(shape, group, v, 1, scratch->rows_b);
    memset(scratch->sum_a, 0, (size_t)(depth * LANES) * sizeof(real));
    memset(scratch->sum_b, 0, (size_t)(depth * LANES) * sizeof(real));

    const VECTOR keep = (VECTOR){0} + 1;
    while (attention_tile_next(stream, scratch, &tile)) {
        LANES_NAME(tile_scores)(scratch->rows_a, tile.a, tile.count, depth, scores);
        for (int64_t t = 0; t < tile.count; t++) {
            real *score = scores + t * LANES;
#pragma omp simd
            for (int64_t l = 0; l < LANES; l++) score[l] = fast_exp2(score[l] - tile.lse[t]);
        }
        if (dv)
            LANES_NAME(tile_accumulate)(scores, tile.b, tile.count, depth, keep, scratch->sum_b);
        if (!dk) continue;
        LANES_NAME(tile_scores)(scratch->rows_b, tile.b, tile.count, depth, gradients);
        for (int64_t t = 0; t < tile.count; t++)
            AT(gradients, t) = AT(scores, t) * (AT(gradients, t) - tile.delta[t]);
        LANES_NAME(tile_accumulate)(gradients, tile.a, tile.count, depth, keep, scratch->sum_a);
    }
    /* The stream's queries carry scale * log2(e), the gradient scale alone. */
    for (int64_t l = 0; l < LANES; l++) factors[l] = FAST_EXP_LN_2;
    if (dk) LANES_NAME(rows_store)(shape, group, scratch->sum_a, factors, dk);
    for (int64_t l = 0; l < LANES; l++) factors[l] = 1;
    if (dv) LANES_NAME(rows_store)(shape, group, scratch->sum_b, factors, dv);
}

#undef LANES
#undef VECTOR
#undef AT
