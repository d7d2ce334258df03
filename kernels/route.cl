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

#ifndef SELECT_ITEMS
#define SELECT_ITEMS 64 // work items of a group of select_windows
#endif

static inline uint sum_of_items(LOCAL_POINTER(uint) count, uint own)
{
    const size_t item = get_local_id(0);
    uint sum = 0;
    count[item] = own;
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int i = 0; i < SELECT_ITEMS; i++) sum += count[i];
    barrier(CLK_LOCAL_MEM_FENCE);
    return sum;
}

/* indices (N * P, K): ascending. A work group a row. The K-th largest number is found bit by bit: the
 * largest that at least K of the row reach. Among those equal to it the first ones are taken. */
__kernel void select_windows(INPUT_OF(real_bits, order), OUTPUT_OF(int, indices), int columns,
                             int selected)
{
    BEGIN(order);
    BEGIN(indices);
    __local uint count[SELECT_ITEMS];
    __local uint ties[SELECT_ITEMS];
    const int item = (int)get_local_id(0), row = (int)get_group_id(0);
    const int share = (columns + SELECT_ITEMS - 1) / SELECT_ITEMS;
    const int begin = min(item * share, columns), end = min(begin + share, columns);
    order += (size_t)row * columns;
    indices += (size_t)row * selected;

    real_bits least = 0;
    for (int bit = 8 * sizeof(real_bits) - 1; bit >= 0; bit--) {
        const real_bits candidate = least | (real_bits)1 << bit;
        uint own = 0;
        for (int i = begin; i < end; i++) own += order[i] >= candidate;
        if (sum_of_items(count, own) >= (uint)selected) least = candidate;
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
