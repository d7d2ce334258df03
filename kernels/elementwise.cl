/* Addition, ReLU and its gradient, rounding, constants, dropout. One work item a run of elements (runs.h). All reads of a
 * work item stand before its writes: an output may be an input. */

static inline void add_run(real sum[RUN], const real addend[RUN], int relu)
{
    UNROLL for (int e = 0; e < RUN; e++) {
        sum[e] += addend[e];
        if (relu) sum[e] = rectify(sum[e]);
    }
}

/* y = act(a + b). Dimension 0: run of an image, dimension 1: image; b has one image where
 * `broadcast` is set. y may be a, or b where that is not broadcast. */
__kernel void add(INPUT(a), INPUT(b), OUTPUT(y), ulong image_elements, int broadcast, int relu)
{
    BEGIN(a);
    BEGIN(b);
    BEGIN(y);
    const size_t i = get_global_id(0) * RUN, at = get_global_id(1) * image_elements + i;
    if (i >= image_elements) return;
    const int there = RUN_LENGTH(i, image_elements);
    real sum[RUN], addend[RUN];
    load_run(sum, a, at, there);
    load_run(addend, b, broadcast ? i : at, there);
    add_run(sum, addend, relu);
    store_run(y, at, sum, there);
}

/* The same of values of the wide type. */
__kernel void add_wide(INPUT_OF(real, a), INPUT_OF(real, b), OUTPUT_OF(real, y), ulong image_elements,
                       int broadcast, int relu)
{
    BEGIN(a);
    BEGIN(b);
    BEGIN(y);
    const size_t i = get_global_id(0) * RUN, at = get_global_id(1) * image_elements + i;
    if (i >= image_elements) return;
    const int there = RUN_LENGTH(i, image_elements);
    real sum[RUN], addend[RUN];
    load_real_run(sum, a, at, there);
    load_real_run(addend, b, broadcast ? i : at, there);
    add_run(sum, addend, relu);
    store_real_run(y, at, sum, there);
}

__kernel void relu(INPUT(x), OUTPUT(y), ulong count)
{
    BEGIN(x);
    BEGIN(y);
    const size_t i = get_global_id(0) * RUN;
    if (i >= count) return;
    const int there = RUN_LENGTH(i, count);
    real value[RUN];
    load_run(value, x, i, there);
    UNROLL for (int e = 0; e < RUN; e++) value[e] = rectify(value[e]);
    store_run(y, i, value, there);
}

__kernel void relu_grad(INPUT(dy), INPUT(y), OUTPUT(dx), ulong count)
{
    BEGIN(dy);
    BEGIN(y);
    BEGIN(dx);
    const size_t i = get_global_id(0) * RUN;
    if (i >= count) return;
    const int there = RUN_LENGTH(i, count);
    real gradient[RUN], value[RUN];
    load_run(gradient, dy, i, there);
    load_run(value, y, i, there);
    UNROLL for (int e = 0; e < RUN; e++) gradient[e] = value[e] > 0 ? gradient[e] : 0;
    store_run(dx, i, gradient, there);
}

__kernel void narrow(INPUT_OF(real, x), OUTPUT(y), ulong count)
{
    BEGIN(x);
    BEGIN(y);
    const size_t i = get_global_id(0) * RUN;
    if (i >= count) return;
    const int there = RUN_LENGTH(i, count);
    real value[RUN];
    load_real_run(value, x, i, there);
    store_run(y, i, value, there);
}

/* One work item an element. */
__kernel void fill(OUTPUT_OF(real, y), ulong count, real value)
{
    BEGIN(y);
    const size_t i = get_global_id(0);
    if (i < count) y[i] = value;
}

/* Philox4x32 with ten rounds, as core/base/random.h: turns the counter into four numbers. */
static inline void philox(uint counter[4], uint key0, uint key1)
{
    for (int round = 0; round < 10; round++) {
        const uint high0 = mul_hi(0xD2511F53u, counter[0]), low0 = 0xD2511F53u * counter[0];
        const uint high1 = mul_hi(0xCD9E8D57u, counter[2]), low1 = 0xCD9E8D57u * counter[2];
        counter[0] = high1 ^ counter[1] ^ key0;
        counter[1] = low1;
        counter[2] = high0 ^ counter[3] ^ key1;
        counter[3] = low0;
        key0 += 0x9E3779B9u;
        key1 += 0xBB67AE85u;
    }
}

/* The 24 random bits of block `block` of a stream: u = bits * 2^-24. */
static inline void random_bits(uint bits[4], __global const uint *state, uint salt, ulong block)
{
    bits[0] = (uint)block;
    bits[1] = (uint)(block >> 32);
    bits[2] = salt;
    bits[3] = state[2];
    philox(bits, state[0], state[1]);
    for (int i = 0; i < 4; i++) bits[i] >>= 8;
}

static inline real keep(real x, uint bits, uint threshold, real scale)
{
    return bits >= threshold ? x * scale : 0;
}

/* threshold: elements whose 24 bits are below it are dropped. A run is one or two blocks of random numbers. */
__kernel void dropout(INPUT(x), INPUT_OF(uint, random), OUTPUT(y), ulong count, uint salt,
                      uint threshold, real scale)
{
    BEGIN(x);
    BEGIN(random);
    BEGIN(y);
    const size_t i = get_global_id(0) * RUN;
    if (i >= count) return;
    const int there = RUN_LENGTH(i, count);
    real value[RUN];
    load_run(value, x, i, there);
    UNROLL for (int first = 0; first < RUN; first += 4) {
        uint bits[4];
        random_bits(bits, random, salt, (i + first) / 4);
        UNROLL for (int j = 0; j < 4; j++)
            value[first + j] = keep(value[first + j], bits[j], threshold, scale);
    }
    store_run(y, i, value, there);
}

/* All elements of an image share a number. Dimension 1: the image. */
__kernel void drop_path(INPUT(x), INPUT_OF(uint, random), OUTPUT(y), ulong image_elements, uint salt,
                        uint threshold, real scale)
{
    BEGIN(x);
    BEGIN(random);
    BEGIN(y);
    const size_t i = get_global_id(0) * RUN, image = get_global_id(1);
    if (i >= image_elements) return;
    const int there = RUN_LENGTH(i, image_elements);
    const size_t at = image * image_elements + i;
    uint bits[4];
    real value[RUN];
    load_run(value, x, at, there);
    random_bits(bits, random, salt, image / 4);
    uint own = bits[0];
    UNROLL for (uint j = 1; j < 4; j++)
        if (image % 4 == j) own = bits[j];
    UNROLL for (int e = 0; e < RUN; e++) value[e] = keep(value[e], own, threshold, scale);
    store_run(y, at, value, there);
}
