/* Convolutions for processors: a work item computes TILE_ROWS pixels by 16 channels in vector
 * registers, source pixels broadcast, weights repacked so that a panel of 16 channels is read in
 * order. No local memory, no barriers. Needs vectors of 8. */

#ifndef TILE_ROWS
#define TILE_ROWS 6 // pixels at a time; 2 * TILE_ROWS + 3 vector registers
#endif
#ifndef TILES
#define TILES 4 // tiles a work item computes one after the other, with the same weights
#endif
#define PANEL 16

/* packed: (panels of 16 output channels, taps, C, 16), zero behind the last channel. One work item a
 * number. */
__kernel void pack_weight(INPUT(weight), OUTPUT(packed), struct conv_product p, ulong count)
{
    BEGIN(weight);
    BEGIN(packed);
    const size_t i = get_global_id(0);
    if (i >= count) return;
    const int lane = (int)(i % PANEL);
    const int c = (int)(i / PANEL % p.in_channels), taps = p.taps_h * p.taps_w;
    const int tap = (int)(i / PANEL / p.in_channels % taps);
    const int o = (int)(i / PANEL / p.in_channels / taps) * PANEL + lane;
    const size_t at =
        (size_t)(tap / p.taps_w * p.tap_step + p.tap_base_h) * p.tap_h_stride +
        (size_t)(tap % p.taps_w * p.tap_step + p.tap_base_w) * p.tap_w_stride +
        (size_t)c * p.in_stride + (size_t)o * p.out_stride;
    const real value = o < p.out_channels ? LOAD(weight, at) : 0;
    STORE(packed, i, value);
}

static inline lanes load_channels(__global const stored *from, int count)
{
    real number[LANES];
    if (count >= LANES) return LOAD_LANES(from, 0);
    for (int i = 0; i < LANES; i++) number[i] = i < count ? LOAD(from, i) : 0;
    return vload8(0, number);
}

static inline lanes load_reals(__global const real *from, int count)
{
    real number[LANES];
    if (count >= LANES) return LOAD_REAL_LANES(from, 0);
    for (int i = 0; i < LANES; i++) number[i] = i < count ? from[i] : 0;
    return vload8(0, number);
}

static inline void store_channels(__global stored *to, lanes value, int count)
{
    real number[LANES];
    if (count >= LANES) {
        STORE_LANES(to, 0, value);
        return;
    }
    vstore8(value, 0, number);
    for (int i = 0; i < count; i++) STORE(to, i, number[i]);
}

/* to = lanes, or to += lanes. */
static inline void put_reals(__global real *to, lanes value, int count, bool add)
{
    real number[LANES];
    if (add) value += load_reals(to, count);
    if (count >= LANES) {
        STORE_REAL_LANES(to, 0, value);
        return;
    }
    vstore8(value, 0, number);
    for (int i = 0; i < count; i++) to[i] = number[i];
}

static inline lanes finish(lanes sum, __global const stored *residual, struct conv_product p, size_t at,
                    int count)
{
    if (p.has_residual) sum += load_channels(residual + at, count);
    return p.relu ? rectify_lanes(sum) : sum;
}

/* Dimension 0: TILES * TILE_ROWS pixels of the grid, dimension 1: panel of channels. */
__kernel void conv_direct(INPUT(source), INPUT(packed), INPUT_OF(real, bias), INPUT(residual), OUTPUT(result),
                          struct conv_product p)
{
    BEGIN(source);
    BEGIN(packed);
    BEGIN(bias);
    BEGIN(residual);
    BEGIN(result);
    const int pixels = p.images * p.grid_height * p.grid_width;
    const int o = (int)get_global_id(1) * PANEL, left = p.out_channels - o;
    __global const stored *panel =
        packed + (size_t)get_global_id(1) * p.taps_h * p.taps_w * p.in_channels * PANEL;
    const lanes bias0 = p.has_bias ? load_reals(bias + o, left) : (lanes)0;
    const lanes bias1 =
        p.has_bias && left > LANES ? load_reals(bias + o + LANES, left - LANES) : (lanes)0;

    for (int tile = 0; tile < TILES; tile++) {
        const int first = ((int)get_global_id(0) * TILES + tile) * TILE_ROWS;
        if (first >= pixels) return;
        int image[TILE_ROWS], y[TILE_ROWS], x[TILE_ROWS];
        lanes sum0[TILE_ROWS], sum1[TILE_ROWS];
#pragma unroll
        for (int i = 0; i < TILE_ROWS; i++) {
            const int pixel = min(first + i, pixels - 1);
            x[i] = pixel % p.grid_width;
            y[i] = pixel / p.grid_width % p.grid_height;
            image[i] = pixel / p.grid_width / p.grid_height;
            sum0[i] = bias0;
            sum1[i] = bias1;
        }
        __global const stored *weight = panel;
        for (int r = 0; r < p.taps_h; r++)
            for (int s = 0; s < p.taps_w; s++) {
                __global const stored *from[TILE_ROWS];
                bool inside[TILE_ROWS], all = true;
#pragma unroll
                for (int i = 0; i < TILE_ROWS; i++) {
                    const int h = y[i] * p.in_step + p.in_base_h + r * p.direction;
                    const int w = x[i] * p.in_step + p.in_base_w + s * p.direction;
                    inside[i] = h >= 0 && h < p.in_height && w >= 0 && w < p.in_width;
                    all = all && inside[i];
                    from[i] = source + (inside[i] ? (((size_t)image[i] * p.in_height + h) * p.in_width + w) *
                                                        p.in_channels
                                                  : 0);
                }
                if (all) {
                    for (int c = 0; c < p.in_channels; c++, weight += PANEL) {
                        const lanes w0 = LOAD_LANES(weight, 0), w1 = LOAD_LANES(weight, LANES);
#pragma unroll
                        for (int i = 0; i < TILE_ROWS; i++) {
                            const lanes value = LOAD(from[i], c);
                            sum0[i] = MULTIPLY_ADD(value, w0, sum0[i]);
                            sum1[i] = MULTIPLY_ADD(value, w1, sum1[i]);
                        }
                    }
                } else {
                    for (int c = 0; c < p.in_channels; c++, weight += PANEL) {
                        const lanes w0 = LOAD_LANES(weight, 0), w1 = LOAD_LANES(weight, LANES);
#pragma unroll
                        for (int i = 0; i < TILE_ROWS; i++) {
                            const lanes value = inside[i] ? LOAD(from[i], c) : 0;
                            sum0[i] = MULTIPLY_ADD(value, w0, sum0[i]);
                            sum1[i] = MULTIPLY_ADD(value, w1, sum1[i]);
                        }
                    }
                }
            }
#pragma unroll
        for (int i = 0; i < TILE_ROWS; i++) {
            if (first + i >= pixels) continue;
            const size_t at =
                (((size_t)image[i] * p.out_height + y[i] * p.out_step + p.out_base_h) * p.out_width +
                 x[i] * p.out_step + p.out_base_w) *
                    p.out_channels +
                o;
            store_channels(result + at, finish(sum0[i], residual, p, at, left), left);
            if (left > LANES)
                store_channels(result + at + LANES,
                               finish(sum1[i], residual, p, at + LANES, left - LANES), left - LANES);
        }
    }
}

/* A work item sums TILE_ROWS output channels by 16 input channels of one tap over a piece of pixels.
 * Dimension 0: the tile (blocks of output channels, taps, panels of input channels), dimension 1: the
 * piece. partial (pieces, O, R, S, C) is dw itself, added to, where there is one piece. */
__kernel void weight_gradient_direct(INPUT(x), INPUT(dy), OUTPUT_OF(real, partial),
                                     struct conv_weight_gradient g)
{
    BEGIN(x);
    BEGIN(dy);
    BEGIN(partial);
    const int panels = (g.in_channels + PANEL - 1) / PANEL, taps = g.taps_h * g.taps_w;
    const int tile = (int)get_global_id(0), piece = (int)get_global_id(1);
    const int c = tile % panels * PANEL, tap = tile / panels % taps;
    const int o = tile / panels / taps * TILE_ROWS, left = g.in_channels - c;
    if (o >= g.out_channels) return;
    const int r = tap / g.taps_w, s = tap % g.taps_w;
    const int begin = piece * g.piece;
    const int end = min(begin + g.piece, g.images * g.out_height * g.out_width);
    lanes sum0[TILE_ROWS], sum1[TILE_ROWS];
    int channel[TILE_ROWS];
#pragma unroll
    for (int i = 0; i < TILE_ROWS; i++) {
        sum0[i] = sum1[i] = 0;
        channel[i] = min(o + i, g.out_channels - 1);
    }
    int column = begin % g.out_width, row = begin / g.out_width % g.out_height;
    int image = begin / g.out_width / g.out_height;
    for (int pixel = begin; pixel < end; pixel++) {
        const int h = row * g.stride + r - g.pad, w = column * g.stride + s - g.pad;
        if (h >= 0 && h < g.in_height && w >= 0 && w < g.in_width) {
            __global const stored *from =
                x + (((size_t)image * g.in_height + h) * g.in_width + w) * g.in_channels + c;
            __global const stored *gradient = dy + (size_t)pixel * g.out_channels;
            const lanes x0 = load_channels(from, left);
            const lanes x1 = left > LANES ? load_channels(from + LANES, left - LANES) : (lanes)0;
#pragma unroll
            for (int i = 0; i < TILE_ROWS; i++) {
                const lanes value = LOAD(gradient, channel[i]);
                sum0[i] = MULTIPLY_ADD(value, x0, sum0[i]);
                sum1[i] = MULTIPLY_ADD(value, x1, sum1[i]);
            }
        }
        if (++column == g.out_width) {
            column = 0;
            if (++row == g.out_height) {
                row = 0;
                image++;
            }
        }
    }
#pragma unroll
    for (int i = 0; i < TILE_ROWS; i++) {
        if (o + i >= g.out_channels) continue;
        __global real *to =
            partial + (((size_t)piece * g.out_channels + o + i) * taps + tap) * g.in_channels + c;
        put_reals(to, sum0[i], left, g.pieces == 1);
        if (left > LANES) put_reals(to + LANES, sum1[i], left - LANES, g.pieces == 1);
    }
}
