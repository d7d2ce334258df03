/* Which windows of the other views a query window attends to. */

/* An unsigned number that orders correlations as they are ordered, NaN first, 0 below all of them. */
static inline real_bits order_of(real x)
{
    const real_bits sign = (real_bits)1 << (8 * sizeof(real) - 1);
    const real_bits bits = as_real_bits(x + 0); /* -0 becomes 0 */
    if (isnan(x)) return ~(real_bits)0;
    return bits & sign ? ~bits : bits | sign;
}

/* order (N * P, V * P): of q . k, 0 where the key window is no candidate. Dimension 0: key window of
 * the sample, dimension 1: query window of the batch. */
__kernel void correlate(INPUT(q), INPUT(k), OUTPUT_OF(real_bits, order), int windows, int views,
                        int channels, int rows)
{
    BEGIN(q);
    BEGIN(k);
    BEGIN(order);
    const int column = (int)get_global_id(0), row = (int)LONG_ID;
    if (column >= views * windows || row >= rows) return;
    const int image = row / windows, view = image % views;
    real_bits result = 0;
    if (views == 1 || column / windows != view) {
        const size_t query = (size_t)row * channels;
        const size_t key = ((size_t)(image - view) * windows + column) * channels;
        lanes sum = 0;
        for (int c = 0; c < channels; c += LANES)
            sum += LOAD_LANES(q, query + c) * LOAD_LANES(k, key + c);
        result = order_of(sum_lanes(sum));
    }
    order[(size_t)row * views * windows + column] = result;
}

/* The same for GPUs: a work group computes a tile of query windows by key windows of one sample, both sides
 * of the product staged in local memory; a work item has CORRELATE_SIDE x CORRELATE_SIDE pairs, apart from
 * each other by the group's size. op_attention.c knows these numbers. */
#define CORRELATE_GROUP 8  // work items of a group along each of the two dimensions
#define CORRELATE_SIDE 4   // windows of a work item along each of them
#define CORRELATE_DEPTH 16 // channels staged at a time
#define CORRELATE_TILE (CORRELATE_GROUP * CORRELATE_SIDE)
#define CORRELATE_PITCH (CORRELATE_TILE + 2) // stores of 2 windows by 16 channels meet 32 banks
#define CORRELATE_ITEMS (CORRELATE_GROUP * CORRELATE_GROUP)
#define CORRELATE_STAGED (CORRELATE_TILE * CORRELATE_DEPTH / CORRELATE_ITEMS) // numbers of an item

/* tile (CORRELATE_DEPTH, CORRELATE_PITCH): channels from `channel` on, 0 behind the last one, of the windows from
 * `window` on of a sample that has `count`; the last one again behind it. Neighbours read neighbouring
 * channels, and all loads are under way, without a branch, before the first number is stored. */
static inline void stage_windows(LOCAL_POINTER(real) tile, __global const stored *sample, int window,
                                 int count, int channel, int channels)
{
    const int item = (int)(get_local_id(1) * CORRELATE_GROUP + get_local_id(0));
    real value[CORRELATE_STAGED];
    UNROLL
    for (int i = 0; i < CORRELATE_STAGED; i++) {
        const int e = i * CORRELATE_ITEMS + item;
        const int w = min(window + e / CORRELATE_DEPTH, count - 1), c = channel + e % CORRELATE_DEPTH;
        value[i] = LOAD(sample, (size_t)w * channels + min(c, channels - 1));
        value[i] = c < channels ? value[i] : 0;
    }
    UNROLL
    for (int i = 0; i < CORRELATE_STAGED; i++) {
        const int e = i * CORRELATE_ITEMS + item;
        tile[e % CORRELATE_DEPTH * CORRELATE_PITCH + e / CORRELATE_DEPTH] = value[i];
    }
}

/* Dimension 0: tiles of key windows, dimension 1: tiles of query windows of all samples. */
__kernel void correlate_tiled(INPUT(q), INPUT(k), OUTPUT_OF(real_bits, order), int windows, int views,
                              int channels, int rows)
{
    BEGIN(q);
    BEGIN(k);
    BEGIN(order);
    __local real queries[CORRELATE_DEPTH * CORRELATE_PITCH];
    __local real keys[CORRELATE_DEPTH * CORRELATE_PITCH];
    const int count = views * windows, tiles = (count + CORRELATE_TILE - 1) / CORRELATE_TILE;
    const int sample = (int)LONG_GROUP_ID / tiles;
    if (sample >= rows / count) return;
    const int row = (int)LONG_GROUP_ID % tiles * CORRELATE_TILE;
    const int column = (int)get_group_id(0) * CORRELATE_TILE;
    const int item_row = (int)get_local_id(1), item_column = (int)get_local_id(0);
    q += (size_t)sample * count * channels;
    k += (size_t)sample * count * channels;
    order += (size_t)sample * count * count;

    /* Where all windows of the tile, on both sides, are of one view, there are no candidates. */
    const int first = min(row, column), last = min(max(row, column) + CORRELATE_TILE, count) - 1;
    const int depth = views > 1 && first / windows == last / windows ? 0 : channels;
    real sum[CORRELATE_SIDE][CORRELATE_SIDE];
    for (int i = 0; i < CORRELATE_SIDE; i++)
        for (int j = 0; j < CORRELATE_SIDE; j++) sum[i][j] = 0;

    for (int begin = 0; begin < depth; begin += CORRELATE_DEPTH) {
        stage_windows(queries, q, row, count, begin, channels);
        stage_windows(keys, k, column, count, begin, channels);
        barrier(CLK_LOCAL_MEM_FENCE);
        for (int d = 0; d < CORRELATE_DEPTH; d++) {
            real a[CORRELATE_SIDE], b[CORRELATE_SIDE];
            for (int i = 0; i < CORRELATE_SIDE; i++) {
                a[i] = queries[d * CORRELATE_PITCH + item_row + i * CORRELATE_GROUP];
                b[i] = keys[d * CORRELATE_PITCH + item_column + i * CORRELATE_GROUP];
            }
            for (int i = 0; i < CORRELATE_SIDE; i++)
                for (int j = 0; j < CORRELATE_SIDE; j++) sum[i][j] = MULTIPLY_ADD(a[i], b[j], sum[i][j]);
        }
        barrier(CLK_LOCAL_MEM_FENCE);
    }

    for (int i = 0; i < CORRELATE_SIDE; i++)
        for (int j = 0; j < CORRELATE_SIDE; j++) {
            const int query = row + item_row + i * CORRELATE_GROUP;
            const int key = column + item_column + j * CORRELATE_GROUP;
            if (query >= count || key >= count) continue;
            const bool candidate = views == 1 || query / windows != key / windows;
            order[(size_t)query * count + key] = candidate ? order_of(sum[i][j]) : 0;
        }
}

#ifndef SELECT_ITEMS
#define SELECT_ITEMS 64 // work items of a group of select_windows
#endif

#define SELECT_PARTS (SELECT_ITEMS < 8 ? 1 : 8)
#define SELECT_COUNTERS (SELECT_ITEMS + SELECT_PARTS)

/* In two stages, since local memory is the narrow place: counters (SELECT_COUNTERS) are one of every item,
 * then sums of every SELECT_PARTS-th of them. */
static inline uint sum_of_items(LOCAL_POINTER(uint) counters, uint own)
{
    const int item = (int)get_local_id(0);
    uint part = 0, sum = 0;
    counters[item] = own;
    barrier(CLK_LOCAL_MEM_FENCE);
    if (item < SELECT_PARTS) {
        for (int i = item; i < SELECT_ITEMS; i += SELECT_PARTS) part += counters[i];
        counters[SELECT_ITEMS + item] = part;
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int i = 0; i < SELECT_PARTS; i++) sum += counters[SELECT_ITEMS + i];
    return sum;
}

/* indices (N * P, K): ascending. A work group a row. The K-th largest number is found bit by bit: the
 * largest that at least K of the row reach, or the first met that exactly K reach, which leaves the same ones.
 * Among those equal to it the first ones are taken. */
__kernel void select_windows(INPUT_OF(real_bits, order), OUTPUT_OF(int, indices), int columns,
                             int selected)
{
    BEGIN(order);
    BEGIN(indices);
    __local uint count[SELECT_COUNTERS];
    __local uint ties[SELECT_ITEMS];
    const int item = (int)get_local_id(0), row = (int)get_group_id(0);
    const int share = (columns + SELECT_ITEMS - 1) / SELECT_ITEMS;
    const int begin = min(item * share, columns), end = min(begin + share, columns);
    order += (size_t)row * columns;
    indices += (size_t)row * selected;

    real_bits least = 0;
    uint reached = 0;
    for (int bit = 8 * sizeof(real_bits) - 1; bit >= 0 && reached != (uint)selected; bit--) {
        const real_bits candidate = least | (real_bits)1 << bit;
        uint own = 0;
        for (int i = item; i < columns; i += SELECT_ITEMS) own += order[i] >= candidate;
        reached = sum_of_items(count, own);
        if (reached >= (uint)selected) least = candidate;
    }

    uint above = 0, equal = 0;
    for (int i = begin; i < end; i++) {
        above += order[i] > least;
        equal += order[i] == least;
    }
    const uint wanted = selected - sum_of_items(count, above); /* of the ties */
    count[item] = above;
    ties[item] = equal;
    barrier(CLK_LOCAL_MEM_FENCE);
    uint slot = 0, met = 0;
    for (int i = 0; i < item; i++) {
        slot += count[i];
        met += ties[i];
    }
    slot += min(met, wanted);
    for (int i = begin; i < end; i++) {
        if (order[i] > least || (order[i] == least && met++ < wanted)) indices[slot++] = i;
    }
}
