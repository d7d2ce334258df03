/* What the convolutions need beside the products: column matrices for a BLAS, epilogues, sums of
 * partial gradients. */

/* columns (rows of the matrix = pixels first .. first + rows - 1 of the result, taps * C). Dimension 0:
 * term, dimension 1: pixel. */
__kernel void gather_columns(INPUT(source), OUTPUT(columns), struct conv_product p, int first, int rows)
{
    BEGIN(source);
    BEGIN(columns);
    const int term = (int)get_global_id(0), row = (int)LONG_ID;
    const int depth = p.taps_h * p.taps_w * p.in_channels;
    if (term >= depth || row >= rows) return;
    const int pixel = first + row, tap = term / p.in_channels, c = term % p.in_channels;
    const int h = pixel / p.grid_width % p.grid_height * p.in_step + p.in_base_h +
                  tap / p.taps_w * p.direction;
    const int w = pixel % p.grid_width * p.in_step + p.in_base_w + tap % p.taps_w * p.direction;
    const size_t image = pixel / p.grid_width / p.grid_height;
    const bool inside = h >= 0 && h < p.in_height && w >= 0 && w < p.in_width;
    const real value =
        inside ? LOAD(source, ((image * p.in_height + h) * p.in_width + w) * p.in_channels + c) : 0;
    STORE(columns, (size_t)row * depth + term, value);
}

/* result = act(result + bias + residual). Dimension 0: channel, dimension 1: pixel. */
__kernel void epilogue(OUTPUT(result), INPUT_OF(real, bias), INPUT(residual), int channels, int pixels,
                       int has_bias, int has_residual, int relu)
{
    BEGIN(result);
    BEGIN(bias);
    BEGIN(residual);
    const int c = (int)get_global_id(0);
    const size_t pixel = LONG_ID;
    if (c >= channels || pixel >= (size_t)pixels) return;
    const size_t at = pixel * channels + c;
    real value = LOAD(result, at);
    if (has_bias) value += bias[c];
    if (has_residual) value += LOAD(residual, at);
    STORE(result, at, relu ? rectify(value) : value);
}

/* total += sum over the pieces, in their order. */
__kernel void add_pieces(INPUT_OF(real, partial), OUTPUT_OF(real, total), ulong count, int pieces)
{
    BEGIN(partial);
    BEGIN(total);
    const size_t i = get_global_id(0);
    if (i >= count) return;
    real sum = 0;
    for (int p = 0; p < pieces; p++) sum += partial[(size_t)p * count + i];
    total[i] += sum;
}

/* Column sums of a matrix over pieces of rows. Dimension 0: column, dimension 1: piece. */
__kernel void sum_rows(INPUT(x), OUTPUT_OF(real, partial), int rows, int columns, int piece)
{
    BEGIN(x);
    BEGIN(partial);
    const int c = (int)get_global_id(0), p = (int)get_global_id(1);
    if (c >= columns) return;
    real sum = 0;
    for (int r = p * piece; r < min((p + 1) * piece, rows); r++)
        sum += LOAD(x, (size_t)r * columns + c);
    partial[(size_t)p * columns + c] = sum;
}
