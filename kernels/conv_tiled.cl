/* Convolutions for GPUs: a work group computes a tile of pixels by channels, both sides of the
 * product staged in local memory. Every work item has ITEM_ROWS pixels by ITEM_COLUMNS channels, apart
 * from each other by the group's size so that neighbours read and write neighbouring addresses. */

#ifndef GROUP
#define GROUP 16 // work items of a group along each of the two dimensions
#endif
#ifndef ITEM_ROWS
#define ITEM_ROWS 4 // pixels of a work item
#endif
#ifndef ITEM_COLUMNS
#define ITEM_COLUMNS 4 // channels of a work item
#endif
#ifndef DEPTH
#define DEPTH 16 // terms of the sum staged at a time
#endif
#define TILE_PIXELS (GROUP * ITEM_ROWS)
#define TILE_CHANNELS (GROUP * ITEM_COLUMNS)

/* The sums of a work item after DEPTH more terms, both tiles being staged. */
#define MULTIPLY_TILES                                                                             \
    for (int d = 0; d < DEPTH; d++) {                                                              \
        real a[ITEM_ROWS], b[ITEM_COLUMNS];                                                        \
        for (int i = 0; i < ITEM_ROWS; i++) a[i] = rows[d][item_row + i * GROUP];                  \
        for (int j = 0; j < ITEM_COLUMNS; j++) b[j] = columns[d][item_column + j * GROUP];         \
        for (int i = 0; i < ITEM_ROWS; i++)                                                        \
            for (int j = 0; j < ITEM_COLUMNS; j++)                                                 \
                sum[i][j] = MULTIPLY_ADD(a[i], b[j], sum[i][j]);                                   \
    }

/* Dimension 0: channels, dimension 1: pixels; GROUP x GROUP work items a group. */
__kernel void conv_tiled(INPUT(source), INPUT(weight), INPUT_OF(real, bias), INPUT(residual), OUTPUT(result),
                         struct conv_product p)
{
    BEGIN(source);
    BEGIN(weight);
    BEGIN(bias);
    BEGIN(residual);
    BEGIN(result);
    __local real rows[DEPTH][TILE_PIXELS + 1];
    __local real columns[DEPTH][TILE_CHANNELS + 1];
    const int item_column = (int)get_local_id(0), item_row = (int)get_local_id(1);
    const int item = item_row * GROUP + item_column;
    const int pixels = p.images * p.grid_height * p.grid_width;
    const int first_pixel = (int)LONG_GROUP_ID * TILE_PIXELS;
    const int first_channel = (int)get_group_id(0) * TILE_CHANNELS;
    const int depth = p.taps_h * p.taps_w * p.in_channels;
    real sum[ITEM_ROWS][ITEM_COLUMNS];
    for (int i = 0; i < ITEM_ROWS; i++)
        for (int j = 0; j < ITEM_COLUMNS; j++) sum[i][j] = 0;

    for (int begin = 0; begin < depth; begin += DEPTH) {
        for (int e = item; e < DEPTH * TILE_PIXELS; e += GROUP * GROUP) {
            const int d = e % DEPTH, pixel = first_pixel + e / DEPTH, term = begin + d;
            real value = 0;
            if (pixel < pixels && term < depth) {
                const int tap = term / p.in_channels, c = term % p.in_channels;
                const int h = pixel / p.grid_width % p.grid_height * p.in_step + p.in_base_h +
                              tap / p.taps_w * p.direction;
                const int w = pixel % p.grid_width * p.in_step + p.in_base_w + tap % p.taps_w * p.direction;
                const int image = pixel / p.grid_width / p.grid_height;
                if (h >= 0 && h < p.in_height && w >= 0 && w < p.in_width)
                    value = LOAD(source, (((size_t)image * p.in_height + h) * p.in_width + w) *
                                                 p.in_channels +
                                             c);
            }
            rows[d][e / DEPTH] = value;
        }
        for (int e = item; e < DEPTH * TILE_CHANNELS; e += GROUP * GROUP) {
            /* Along the dimension in which weights are contiguous. */
            const int d = p.in_stride == 1 ? e % DEPTH : e / TILE_CHANNELS;
            const int at = p.in_stride == 1 ? e / DEPTH : e % TILE_CHANNELS;
            const int term = begin + d, o = first_channel + at;
            real value = 0;
            if (term < depth && o < p.out_channels) {
                const int tap = term / p.in_channels, c = term % p.in_channels;
                value = LOAD(weight, (size_t)(tap / p.taps_w * p.tap_step + p.tap_base_h) * p.tap_h_stride +
                                         (size_t)(tap % p.taps_w * p.tap_step + p.tap_base_w) *
                                             p.tap_w_stride +
                                         (size_t)c * p.in_stride + (size_t)o * p.out_stride);
            }
            columns[d][at] = value;
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        MULTIPLY_TILES
        barrier(CLK_LOCAL_MEM_FENCE);
    }

    for (int i = 0; i < ITEM_ROWS; i++) {
        const int pixel = first_pixel + item_row + i * GROUP;
        if (pixel >= pixels) continue;
        const int y = pixel / p.grid_width % p.grid_height * p.out_step + p.out_base_h;
        const int x = pixel % p.grid_width * p.out_step + p.out_base_w;
        const int image = pixel / p.grid_width / p.grid_height;
        const size_t first = (((size_t)image * p.out_height + y) * p.out_width + x) * p.out_channels;
        for (int j = 0; j < ITEM_COLUMNS; j++) {
            const int o = first_channel + item_column + j * GROUP;
            if (o >= p.out_channels) continue;
            real value = sum[i][j];
            if (p.has_bias) value += bias[o];
            if (p.has_residual) value += LOAD(residual, first + o);
            STORE(result, first + o, p.relu ? rectify(value) : value);
        }
    }
}

/* Dimension 0: input channels, dimension 1: output channels, dimension 2: tap and piece of pixels.
 * partial as in weight_gradient_direct. */
__kernel void weight_gradient_tiled(INPUT(x), INPUT(dy), OUTPUT_OF(real, partial),
                                    struct conv_weight_gradient g)
{
    BEGIN(x);
    BEGIN(dy);
    BEGIN(partial);
    __local real rows[DEPTH][TILE_PIXELS + 1]; /* output channels */
    __local real columns[DEPTH][TILE_CHANNELS + 1];
    const int item_column = (int)get_local_id(0), item_row = (int)get_local_id(1);
    const int item = item_row * GROUP + item_column;
    const int first_o = (int)get_group_id(1) * TILE_PIXELS, first_c = (int)get_group_id(0) * TILE_CHANNELS;
    const int taps = g.taps_h * g.taps_w;
    const int tap = (int)get_group_id(2) % taps, piece = (int)get_group_id(2) / taps;
    const int r = tap / g.taps_w, s = tap % g.taps_w, last = piece * g.piece;
    const int end = min(last + g.piece, g.images * g.out_height * g.out_width);
    real sum[ITEM_ROWS][ITEM_COLUMNS];
    for (int i = 0; i < ITEM_ROWS; i++)
        for (int j = 0; j < ITEM_COLUMNS; j++) sum[i][j] = 0;

    for (int begin = piece * g.piece; begin < end; begin += DEPTH) {
        for (int e = item; e < DEPTH * TILE_PIXELS; e += GROUP * GROUP) {
            const int pixel = begin + e / TILE_PIXELS, o = first_o + e % TILE_PIXELS;
            const bool there = pixel < end && o < g.out_channels;
            rows[e / TILE_PIXELS][e % TILE_PIXELS] =
                there ? LOAD(dy, (size_t)pixel * g.out_channels + o) : 0;
        }
        for (int e = item; e < DEPTH * TILE_CHANNELS; e += GROUP * GROUP) {
            const int pixel = begin + e / TILE_CHANNELS, c = first_c + e % TILE_CHANNELS;
            const int h = pixel / g.out_width % g.out_height * g.stride + r - g.pad;
            const int w = pixel % g.out_width * g.stride + s - g.pad;
            const size_t image = pixel / g.out_width / g.out_height;
            const bool there = pixel < end && c < g.in_channels && h >= 0 && h < g.in_height &&
                               w >= 0 && w < g.in_width;
            columns[e / TILE_CHANNELS][e % TILE_CHANNELS] =
                there ? LOAD(x, ((image * g.in_height + h) * g.in_width + w) * g.in_channels + c) : 0;
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        MULTIPLY_TILES
        barrier(CLK_LOCAL_MEM_FENCE);
    }

    for (int i = 0; i < ITEM_ROWS; i++)
        for (int j = 0; j < ITEM_COLUMNS; j++) {
            const int o = first_o + item_row + i * GROUP, c = first_c + item_column + j * GROUP;
            if (o >= g.out_channels || c >= g.in_channels) continue;
            const size_t at =
                (((size_t)piece * g.out_channels + o) * taps + tap) * g.in_channels + c;
            partial[at] = g.pieces == 1 ? partial[at] + sum[i][j] : sum[i][j];
        }
}
