/* Addition, ReLU and its gradient, constants, dropout. One work item an element, but for dropout: one
 * a block of four random numbers. */

/* y = act(a + b). Dimension 0: element of an image, dimension 1: image; b has one image where
 * `broadcast` is set. y may be a, or b where that is not broadcast. */
__kernel void add(INPUT(a), INPUT(b), OUTPUT(y), ulong image_elements, int broadcast, int relu)
{
    BEGIN(a);
    BEGIN(b);
    BEGIN(y);
    const size_t i = get_global_id(0), at = get_global_id(1) * image_elements + i;
    if (i >= image_elements) return;
    const real sum = LOAD(a, at) + LOAD(b, broadcast ? i : at);
    STORE(y, at, relu ? rectify(sum) : sum);
}

__kernel void relu(INPUT(x), OUTPUT(y), ulong count)
{
    BEGIN(x);
    BEGIN(y);
    const size_t i = get_global_id(0);
    if (i < count) STORE(y, i, rectify(LOAD(x, i)));
}

__kernel void relu_grad(INPUT(dy), INPUT(y), OUTPUT(dx), ulong count)
{
    BEGIN(dy);
    BEGIN(y);
    BEGIN(dx);
    const size_t i = get_global_id(0);
    if (i >= count) return;
    const real gradient = LOAD(dy, i);
    STORE(dx, i, LOAD(y, i) > 0 ? gradient : 0);
}

__kernel void fill(OUTPUT(y), ulong count, real value)
{
    BEGIN(y);
    const size_t i = get_global_id(0);
    if (i < count) STORE(y, i, value);
}

/* Philox4x32 with ten rounds, as core/base/random.h. */
static inline uint4 philox(uint4 counter, uint2 key)
{
    for (int round = 0; round < 10; round++) {
        const uint high0 = mul_hi(0xD2511F53u, counter.x), low0 = 0xD2511F53u * counter.x;
        const uint high1 = mul_hi(0xCD9E8D57u, counter.z), low1 = 0xCD9E8D57u * counter.z;
        counter = (uint4)(high1 ^ counter.y ^ key.x, low1, high0 ^ counter.w ^ key.y, low0);
        key += (uint2)(0x9E3779B9u, 0xBB67AE85u);
    }
    return counter;
}

/* The 24 random bits of block `block` of a stream: u = bits * 2^-24. */
static inline uint4 random_bits(__global const uint *state, uint salt, ulong block)
{
    const uint4 counter = (uint4)((uint)block, (uint)(block >> 32), salt, state[2]);
    return philox(counter, (uint2)(state[0], state[1])) >> 8;
}

static inline real keep(real x, uint bits, uint threshold, real scale)
{
    return bits >= threshold ? x * scale : 0;
}

/* threshold: elements whose 24 bits are below it are dropped. */
__kernel void dropout(INPUT(x), INPUT_OF(uint, random), OUTPUT(y), ulong count, uint salt,
                      uint threshold, real scale)
{
    BEGIN(x);
    BEGIN(random);
    BEGIN(y);
    const size_t block = get_global_id(0), i = 4 * block;
    if (i >= count) return;
    const uint4 bits = random_bits(random, salt, block);
    STORE(y, i, keep(LOAD(x, i), bits.x, threshold, scale));
    if (i + 1 < count) STORE(y, i + 1, keep(LOAD(x, i + 1), bits.y, threshold, scale));
    if (i + 2 < count) STORE(y, i + 2, keep(LOAD(x, i + 2), bits.z, threshold, scale));
    if (i + 3 < count) STORE(y, i + 3, keep(LOAD(x, i + 3), bits.w, threshold, scale));
}

/* All elements of an image share a number. Dimension 1: the image. */
__kernel void drop_path(INPUT(x), INPUT_OF(uint, random), OUTPUT(y), ulong image_elements, uint salt,
                        uint threshold, real scale)
{
    BEGIN(x);
    BEGIN(random);
    BEGIN(y);
    const size_t i = get_global_id(0), image = get_global_id(1);
    if (i >= image_elements) return;
    const uint4 four = random_bits(random, salt, image / 4);
    const uint pair = image % 4 < 2 ? 0 : 1;
    const uint2 two = pair ? four.zw : four.xy;
    const uint bits = image % 2 ? two.y : two.x;
    const size_t at = image * image_elements + i;
    STORE(y, at, keep(LOAD(x, at), bits, threshold, scale));
}
