/* Sums over whole values in two stages of fixed order, and what is made of them: loss, gradient norm,
 * the optimizer's step. */

#define CHAINS 8 /* independent sums of a work item, which compilers put into vector lanes */

/* Work item p sums, of the block p / lanes of `block` elements, every lanes-th run of CHAINS
 * elements: blocks one after the other for a processor, neighbouring runs for neighbouring items of a
 * GPU. `block` is a multiple of lanes * CHAINS. `read` takes the CHAINS elements from `run` on, of which
 * `term` makes number k; `rest` is the same of the one element i. */
#define SUM_OF_BLOCK(read, term, rest)                                                             \
    const size_t p = get_global_id(0), first = p / lanes * block + p % lanes * CHAINS;             \
    if (p >= (size_t)pieces) return;                                                               \
    const size_t end = min((ulong)(p / lanes + 1) * block, count);                                 \
    real sum[CHAINS] = {0};                                                                        \
    size_t run = first;                                                                            \
    for (; run + CHAINS <= end; run += lanes * CHAINS) {                                           \
        UNROLL for (int k = 0; k < CHAINS; k += RUN) { read; }                                     \
        UNROLL for (int k = 0; k < CHAINS; k++) sum[k] += term;                                    \
    }                                                                                              \
    for (size_t i = run; i < min(run + CHAINS, end); i++) sum[0] += rest;                          \
    partial[p] = ((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]));

static inline real square(real x)
{
    return x * x;
}

__kernel void squared_differences(INPUT(t), INPUT(s), OUTPUT_OF(real, partial), ulong count,
                                  ulong block, uint lanes, int pieces)
{
    BEGIN(t);
    BEGIN(s);
    BEGIN(partial);
    real a[CHAINS], b[CHAINS];
    SUM_OF_BLOCK(load_run(a + k, t, run + k, RUN); load_run(b + k, s, run + k, RUN), square(a[k] - b[k]),
                 square(LOAD(t, i) - LOAD(s, i)))
}

__kernel void squares(INPUT_OF(real, x), OUTPUT_OF(real, partial), ulong count, ulong block, uint lanes,
                      int pieces)
{
    BEGIN(x);
    BEGIN(partial);
    real a[CHAINS];
    SUM_OF_BLOCK(load_real_run(a + k, x, run + k, RUN), square(a[k]), square(x[i]))
}

/* Most work items of the group that adds partial sums. */
#define FINISH_ITEMS 256

/* Every items-th number from `first` on; four chains. */
static inline real add_partials(__global const real *partial, int first, int items, int pieces)
{
    real a = 0, b = 0, c = 0, d = 0;
    int p = first;
    for (; p + 3 * items < pieces; p += 4 * items) {
        a += partial[p];
        b += partial[p + items];
        c += partial[p + 2 * items];
        d += partial[p + 3 * items];
    }
    for (; p < pieces; p += items) a += partial[p];
    return (a + b) + (c + d);
}

/* The sum of all, in item 0 of the one group, whose items are a power of two. */
static inline real add_in_group(__global const real *partial, LOCAL_POINTER(real) sum, int pieces)
{
    const int item = (int)get_local_id(0), items = (int)get_global_size(0);
    sum[item] = add_partials(partial, item, items, pieces);
    for (int half_way = items / 2; half_way > 0; half_way /= 2) {
        barrier(CLK_LOCAL_MEM_FENCE);
        if (item < half_way) sum[item] += sum[item + half_way];
    }
    return sum[0];
}

__kernel void mse_finish(INPUT_OF(real, partial), OUTPUT_OF(real, loss), int pieces, real factor)
{
    __local real sum[FINISH_ITEMS];
    BEGIN(partial);
    BEGIN(loss);
    const real all = add_in_group(partial, sum, pieces);
    if (get_local_id(0) == 0) loss[0] = factor * all;
}

__kernel void norm_finish(INPUT_OF(real, partial), OUTPUT_OF(real, norm), int pieces)
{
    __local real sum[FINISH_ITEMS];
    BEGIN(partial);
    BEGIN(norm);
    const real all = add_in_group(partial, sum, pieces);
    if (get_local_id(0) == 0) norm[0] = sqrt(all);
}

/* factor: 2 * weight / count */
__kernel void mse_grad(INPUT_OF(real, dloss), INPUT(t), INPUT(s), OUTPUT(ds), ulong count, real factor)
{
    BEGIN(dloss);
    BEGIN(t);
    BEGIN(s);
    BEGIN(ds);
    const size_t i = get_global_id(0) * RUN;
    if (i >= count) return;
    const int there = RUN_LENGTH(i, count);
    real from[RUN], to[RUN];
    load_run(from, t, i, there);
    load_run(to, s, i, there);
    UNROLL for (int e = 0; e < RUN; e++) to[e] = dloss[0] * factor * (to[e] - from[e]);
    store_run(ds, i, to, there);
}

/* hyper: enum adamw_hyper of core/graph/op.h, in its order. */
__kernel void adamw(INPUT_OF(real, gradient), INPUT_OF(real, norm), INPUT_OF(real, hyper),
                    OUTPUT_OF(real, p), OUTPUT_OF(real, m), OUTPUT_OF(real, v), ulong count)
{
    BEGIN(gradient);
    BEGIN(norm);
    BEGIN(hyper);
    BEGIN(p);
    BEGIN(m);
    BEGIN(v);
    const size_t i = get_global_id(0);
    if (i >= count || !isfinite(norm[0])) return;
    const real rate = hyper[0], beta1 = hyper[1], beta2 = hyper[2];
    const real clip = hyper[7] / (norm[0] * hyper[8] + (real)1e-6);
    const real g = (clip > 1 ? 1 : clip) * hyper[8] * gradient[i];
    const real m_new = beta1 * m[i] + (1 - beta1) * g;
    const real v_new = beta2 * v[i] + (1 - beta2) * g * g;
    const real bias1 = hyper[5], bias2 = hyper[6], old = p[i];
    m[i] = m_new;
    v[i] = v_new;
    /* Decay and step in one subtraction: 1 - decay would lose most of decay's digits in float. */
    const real unbias = 1 / sqrt(bias2);
    p[i] = old - (rate * hyper[4] * old + rate / bias1 * m_new / (sqrt(v_new) * unbias + hyper[3]));
}
