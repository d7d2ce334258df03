/* Operations in which the lanes of a warp take part together, and their fragments: lane and register
 * of each element as in the PTX ISA (9.0, "Matrix Fragments for mma.m16n8k16 with floating point
 * type" and those of m16n8k8). */
#include "emulation.h"

namespace emulation
{
namespace
{

/* ---- shuffles ---- */

struct ShuffleParameter {
    Shuffle kind;
    int width;
};

/* in[0] of a lane is its operand; the value is from in[1] on. */
void shuffle_operation(Thread *warp, unsigned mask, const void *parameter)
{
    const ShuffleParameter p = *static_cast<const ShuffleParameter *>(parameter);
    for (int lane = 0; lane < warpSize; lane++) {
        if (!(mask >> lane & 1)) continue;
        const int segment = lane / p.width * p.width, last = segment + p.width - 1;
        const int operand = static_cast<int>(warp[lane].exchange.in[0]);
        int from = lane;
        switch (p.kind) {
        case Shuffle::index: from = segment + operand % p.width; break;
        case Shuffle::up: from = lane - operand < segment ? lane : lane - operand; break;
        case Shuffle::down: from = lane + operand > last ? lane : lane + operand; break;
        case Shuffle::exclusive_or: from = (lane ^ operand) > last ? lane : lane ^ operand; break;
        }
        /* What a lane outside of the mask would give is undefined: NaN. */
        if (mask >> from & 1)
            memcpy(warp[lane].exchange.out, warp[from].exchange.in + 1, 8);
        else
            warp[lane].exchange.out[0] = warp[lane].exchange.out[1] = 0xffffffffu;
    }
}

void ballot_operation(Thread *warp, unsigned mask, const void *)
{
    unsigned votes = 0;
    for (int lane = 0; lane < warpSize; lane++)
        if (mask >> lane & 1) votes |= warp[lane].exchange.in[0] << lane;
    for (int lane = 0; lane < warpSize; lane++)
        if (mask >> lane & 1) warp[lane].exchange.out[0] = votes;
}

/* ---- ldmatrix ---- */

struct MatrixParameter {
    int count;
    bool transposed;
};

void matrix_operation(Thread *warp, unsigned, const void *parameter)
{
    const MatrixParameter p = *static_cast<const MatrixParameter *>(parameter);
    for (int i = 0; i < p.count; i++) {
        uint16_t element[8][8];
        for (int row = 0; row < 8; row++)
            memcpy(element[row], warp[8 * i + row].exchange.address, sizeof element[row]);
        for (int lane = 0; lane < warpSize; lane++) {
            const int row = lane / 4, column = lane % 4 * 2;
            const uint16_t low = p.transposed ? element[column][row] : element[row][column];
            const uint16_t high =
                p.transposed ? element[column + 1][row] : element[row][column + 1];
            warp[lane].exchange.out[i] = low | static_cast<uint32_t>(high) << 16;
        }
    }
}

/* ---- mma ---- */

struct MultiplyParameter {
    Element element;
    int depth;
};

float element_of(const uint32_t *registers, int index, Element element)
{
    if (element == Element::tf32) return __uint_as_float(registers[index] & 0xffffe000u);
    const uint16_t bits = static_cast<uint16_t>(registers[index / 2] >> index % 2 * 16);
    return element == Element::f16 ? __half2float({bits}) : __bfloat162float({bits});
}

void multiply_operation(Thread *warp, unsigned, const void *parameter)
{
    const MultiplyParameter p = *static_cast<const MultiplyParameter *>(parameter);
    const bool wide = p.element == Element::tf32;
    const int a_count = 16 * p.depth / warpSize, b_count = 8 * p.depth / warpSize;
    const int b_register = wide ? a_count : a_count / 2;
    float a[16][16], b[16][8];
    for (int lane = 0; lane < warpSize; lane++) {
        const int group = lane / 4, in_group = lane % 4;
        const uint32_t *const in = warp[lane].exchange.in;
        for (int i = 0; i < a_count; i++) {
            int row, column;
            if (wide) { /* a0 (g, t), a1 (g + 8, t), a2 (g, t + 4), a3 (g + 8, t + 4) */
                row = group + i % 2 * 8;
                column = in_group + i / 2 * 4;
            } else { /* pairs of columns; a0 a1 (g, ..), a2 a3 (g + 8, ..), a4 .. 8 columns on */
                row = group + i / 2 % 2 * 8;
                column = in_group * 2 + i % 2 + i / 4 * 8;
            }
            a[row][column] = element_of(in, i, p.element);
        }
        for (int i = 0; i < b_count; i++) {
            const int row = wide ? in_group + i * 4 : in_group * 2 + i % 2 + i / 2 * 8;
            b[row][group] = element_of(in + b_register, i, p.element);
        }
    }
    for (int lane = 0; lane < warpSize; lane++)
        for (int i = 0; i < 4; i++) {
            const int row = lane / 4 + i / 2 * 8, column = lane % 4 * 2 + i % 2;
            double sum = __uint_as_float(warp[lane].exchange.in[8 + i]);
            for (int k = 0; k < p.depth; k++)
                sum += static_cast<double>(a[row][k]) * static_cast<double>(b[k][column]);
            warp[lane].exchange.out[i] = __float_as_uint(static_cast<float>(sum));
        }
}

void need_all_lanes(const char *name)
{
    const unsigned threads = block->block_size.x * block->block_size.y * block->block_size.z;
    if (threads % warpSize) block->stop("%s in a warp of fewer than 32 lanes", name);
}

} // namespace

void shuffle(unsigned mask, Shuffle kind, int operand, int width, void *value, size_t bytes)
{
    Exchange &exchange = block->current->exchange;
    const ShuffleParameter parameter = {kind, width};
    if (bytes > 8) block->stop("a shuffle of more than 8 bytes");
    exchange.in[0] = static_cast<uint32_t>(operand);
    memcpy(exchange.in + 1, value, bytes);
    block->wait_for_warp(mask, "__shfl_sync", shuffle_operation, &parameter);
    memcpy(value, exchange.out, bytes);
}

unsigned ballot(unsigned mask, bool predicate)
{
    Exchange &exchange = block->current->exchange;
    exchange.in[0] = predicate;
    block->wait_for_warp(mask, "__ballot_sync", ballot_operation, nullptr);
    return exchange.out[0];
}

void load_matrices(uint32_t *to, int count, bool transposed, const void *row)
{
    Exchange &exchange = block->current->exchange;
    const MatrixParameter parameter = {count, transposed};
    need_all_lanes("ldmatrix");
    if (static_cast<int>(block->current->lane) < 8 * count && reinterpret_cast<uintptr_t>(row) % 16)
        block->stop("ldmatrix: a row that is not aligned to 16 bytes");
    exchange.address = row;
    block->wait_for_warp(0xffffffffu, "ldmatrix", matrix_operation, &parameter);
    for (int i = 0; i < count; i++) to[i] = exchange.out[i];
}

void multiply(float d[4], const uint32_t *a, const uint32_t *b, Element element, int depth)
{
    Exchange &exchange = block->current->exchange;
    const MultiplyParameter parameter = {element, depth};
    need_all_lanes("mma");
    /* Elements of both operands a lane holds, 32 bits each for tf32, else 16. */
    const int a_registers = element == Element::tf32 ? depth / 2 : depth / 4;
    const int b_registers = a_registers / 2;
    memcpy(exchange.in, a, static_cast<size_t>(a_registers) * 4);
    memcpy(exchange.in + a_registers, b, static_cast<size_t>(b_registers) * 4);
    memcpy(exchange.in + 8, d, 16);
    block->wait_for_warp(0xffffffffu, "mma", multiply_operation, &parameter);
    memcpy(d, exchange.out, 16);
}

} // namespace emulation
