/* Batch norm over the rows of an image batch (images * height * width rows, C channels), and layer
 * norm over the channels of each row. Sums go in two stages of fixed order: pieces of rows, then the
 * pieces. */

/* ---- batch norm ---- */

/* Sum over a piece of rows, and the squared differences from the piece's own mean. Dimension 0: LANES
 * channels, dimension 1: the piece. partial: (pieces, 2, C). */
__kernel void moments_of_pieces(INPUT(x), OUTPUT_OF(real, partial), int rows, int channels, int piece)
{
    BEGIN(x);
    BEGIN(partial);
    const int c = (int)get_global_id(0) * LANES, p = (int)get_global_id(1);
    if (c >= channels) return;
    const int begin = p * piece, end = min(begin + piece, rows);
    lanes sum = 0, squares = 0;
    for (int r = begin; r < end; r++) sum += LOAD_LANES(x, (size_t)r * channels + c);
    const lanes mean = sum / (real)(end - begin);
    for (int r = begin; r < end; r++) {
        const lanes d = LOAD_LANES(x, (size_t)r * channels + c) - mean;
        squares += d * d;
    }
    STORE_REAL_LANES(partial, (size_t)2 * p * channels + c, sum);
    STORE_REAL_LANES(partial, ((size_t)2 * p + 1) * channels + c, squares);
}

/* Joins the pieces' moments (Chan, Golub and LeVeque, 1979) and updates the running statistics. One
 * work item a channel. */
__kernel void join_moments(INPUT_OF(real, partial), OUTPUT_OF(real, mean), OUTPUT_OF(real, rstd),
                           OUTPUT_OF(real, running_mean), OUTPUT_OF(real, running_var), int rows,
                           int channels, int piece, int pieces, real eps, real momentum)
{
    BEGIN(partial);
    BEGIN(mean);
    BEGIN(rstd);
    BEGIN(running_mean);
    BEGIN(running_var);
    const int c = (int)get_global_id(0);
    if (c >= channels) return;
    real sum = 0, squares = 0;
    for (int p = 0; p < pieces; p++) sum += partial[(size_t)2 * p * channels + c];
    const real m = sum / rows;
    for (int p = 0; p < pieces; p++) {
        const real size = min(piece, rows - p * piece);
        const real d = partial[(size_t)2 * p * channels + c] / size - m;
        squares += partial[((size_t)2 * p + 1) * channels + c] + size * d * d;
    }
    mean[c] = m;
    rstd[c] = 1 / sqrt(squares / rows + eps);
    const real old_mean = running_mean[c], old_var = running_var[c];
    running_mean[c] = old_mean + momentum * (m - old_mean);
    running_var[c] = old_var + momentum * (squares / max(rows - 1, 1) - old_var);
}

/* y = act((x - mean) * rstd * gamma + beta [+ residual]). With eps above 0, `spread` is a variance;
 * else it is rstd. Dimension 0: LANES channels, dimension 1: `step` rows. */
__kernel void normalise(INPUT(x), INPUT_OF(real, gamma), INPUT_OF(real, beta), INPUT_OF(real, mean),
                        INPUT_OF(real, spread), INPUT(residual), OUTPUT(y), int has_residual, int relu, real eps, int rows,
                        int channels, int step)
{
    BEGIN(x);
    BEGIN(gamma);
    BEGIN(beta);
    BEGIN(mean);
    BEGIN(spread);
    BEGIN(residual);
    BEGIN(y);
    const int c = (int)get_global_id(0) * LANES;
    if (c >= channels) return;
    const lanes s = LOAD_REAL_LANES(spread, c), m = LOAD_REAL_LANES(mean, c), b = LOAD_REAL_LANES(beta, c);
    const lanes scale = LOAD_REAL_LANES(gamma, c) * (eps > 0 ? 1 / sqrt(s + eps) : s);
    const int begin = (int)LONG_ID * step, end = min(begin + step, rows);
    for (int r = begin; r < end; r++) {
        const size_t at = (size_t)r * channels + c;
        lanes value = (LOAD_LANES(x, at) - m) * scale + b;
        if (has_residual) value += LOAD_LANES(residual, at);
        STORE_LANES(y, at, relu ? rectify_lanes(value) : value);
    }
}

/* Sums of dy and of dy * xhat over pieces of rows: dimensions and layout as moments_of_pieces. */
__kernel void batch_norm_grad_pieces(INPUT(dy), INPUT(x), INPUT_OF(real, mean), INPUT_OF(real, rstd),
                                     OUTPUT_OF(real, partial), int rows, int channels, int piece)
{
    BEGIN(dy);
    BEGIN(x);
    BEGIN(mean);
    BEGIN(rstd);
    BEGIN(partial);
    const int c = (int)get_global_id(0) * LANES, p = (int)get_global_id(1);
    if (c >= channels) return;
    const lanes m = LOAD_REAL_LANES(mean, c), scale = LOAD_REAL_LANES(rstd, c);
    lanes sum = 0, products = 0;
    for (int r = p * piece; r < min((p + 1) * piece, rows); r++) {
        const size_t at = (size_t)r * channels + c;
        const lanes d = LOAD_LANES(dy, at);
        sum += d;
        products += d * ((LOAD_LANES(x, at) - m) * scale);
    }
    STORE_REAL_LANES(partial, (size_t)2 * p * channels + c, sum);
    STORE_REAL_LANES(partial, ((size_t)2 * p + 1) * channels + c, products);
}

/* total (2, C) = sums over the pieces; dbeta += total[0], dgamma += total[1] where present. One work
 * item a channel. Also the end of layer norm's gradients. */
__kernel void join_gradients(INPUT_OF(real, partial), OUTPUT_OF(real, total), OUTPUT_OF(real, dgamma),
                             OUTPUT_OF(real, dbeta), int has_dgamma, int has_dbeta, int channels, int pieces)
{
    BEGIN(partial);
    BEGIN(total);
    BEGIN(dgamma);
    BEGIN(dbeta);
    const int c = (int)get_global_id(0);
    if (c >= channels) return;
    real sum = 0, products = 0;
    for (int p = 0; p < pieces; p++) {
        sum += partial[(size_t)2 * p * channels + c];
        products += partial[((size_t)2 * p + 1) * channels + c];
    }
    total[c] = sum;
    total[channels + c] = products;
    if (has_dbeta) dbeta[c] += sum;
    if (has_dgamma) dgamma[c] += products;
}

/* dx = gamma * rstd * (dy - mean(dy) - xhat * mean(dy * xhat)). Dimensions as normalise. */
__kernel void batch_norm_grad(INPUT(dy), INPUT(x), INPUT_OF(real, gamma), INPUT_OF(real, mean),
                              INPUT_OF(real, rstd), INPUT_OF(real, total), OUTPUT(dx), int rows, int channels, int step)
{
    BEGIN(dy);
    BEGIN(x);
    BEGIN(gamma);
    BEGIN(mean);
    BEGIN(rstd);
    BEGIN(total);
    BEGIN(dx);
    const int c = (int)get_global_id(0) * LANES;
    if (c >= channels) return;
    const lanes m = LOAD_REAL_LANES(mean, c), scale = LOAD_REAL_LANES(rstd, c);
    const lanes factor = LOAD_REAL_LANES(gamma, c) * scale;
    const lanes shift = LOAD_REAL_LANES(total, c) / (real)rows;
    const lanes slope = LOAD_REAL_LANES(total, channels + c) / (real)rows;
    const int begin = (int)LONG_ID * step, end = min(begin + step, rows);
    for (int r = begin; r < end; r++) {
        const size_t at = (size_t)r * channels + c;
        const lanes xhat = (LOAD_LANES(x, at) - m) * scale;
        STORE_LANES(dx, at, factor * (LOAD_LANES(dy, at) - shift - xhat * slope));
    }
}

/* ---- layer norm: one work item a row ---- */

__kernel void layer_norm(INPUT(x), INPUT_OF(real, gamma), INPUT_OF(real, beta), OUTPUT(y),
                         OUTPUT_OF(real, mean), OUTPUT_OF(real, rstd), int has_mean, int has_rstd, int rows, int channels, real eps)
{
    BEGIN(x);
    BEGIN(gamma);
    BEGIN(beta);
    BEGIN(y);
    BEGIN(mean);
    BEGIN(rstd);
    const int row = (int)get_global_id(0);
    if (row >= rows) return;
    x += (size_t)row * channels;
    y += (size_t)row * channels;
    lanes sum = 0, squares = 0;
    for (int c = 0; c < channels; c += LANES) sum += LOAD_LANES(x, c);
    const real m = sum_lanes(sum) / channels;
    for (int c = 0; c < channels; c += LANES) {
        const lanes d = LOAD_LANES(x, c) - m;
        squares += d * d;
    }
    const real scale = 1 / sqrt(sum_lanes(squares) / channels + eps);
    for (int c = 0; c < channels; c += LANES)
        STORE_LANES(y, c,
                    (LOAD_LANES(x, c) - m) * scale * LOAD_REAL_LANES(gamma, c) + LOAD_REAL_LANES(beta, c));
    if (has_mean) mean[row] = m;
    if (has_rstd) rstd[row] = scale;
}

/* Sums of dy and dy * xhat over pieces of rows, for dbeta and dgamma: as batch_norm_grad_pieces, with
 * statistics a row. */
__kernel void layer_norm_grad_pieces(INPUT(dy), INPUT(x), INPUT_OF(real, mean), INPUT_OF(real, rstd),
                                     OUTPUT_OF(real, partial), int rows, int channels, int piece)
{
    BEGIN(dy);
    BEGIN(x);
    BEGIN(mean);
    BEGIN(rstd);
    BEGIN(partial);
    const int c = (int)get_global_id(0) * LANES, p = (int)get_global_id(1);
    if (c >= channels) return;
    lanes sum = 0, products = 0;
    for (int r = p * piece; r < min((p + 1) * piece, rows); r++) {
        const size_t at = (size_t)r * channels + c;
        const lanes d = LOAD_LANES(dy, at);
        sum += d;
        products += d * ((LOAD_LANES(x, at) - mean[r]) * rstd[r]);
    }
    STORE_REAL_LANES(partial, (size_t)2 * p * channels + c, sum);
    STORE_REAL_LANES(partial, ((size_t)2 * p + 1) * channels + c, products);
}

/* With g = gamma * dy: dx = rstd * (g - mean(g) - xhat * mean(g * xhat)), means over the channels. */
__kernel void layer_norm_grad(INPUT(dy), INPUT(x), INPUT_OF(real, gamma), INPUT_OF(real, mean),
                              INPUT_OF(real, rstd), OUTPUT(dx), int rows, int channels)
{
    BEGIN(dy);
    BEGIN(x);
    BEGIN(gamma);
    BEGIN(mean);
    BEGIN(rstd);
    BEGIN(dx);
    const int row = (int)get_global_id(0);
    if (row >= rows) return;
    dy += (size_t)row * channels;
    x += (size_t)row * channels;
    dx += (size_t)row * channels;
    const real m = mean[row], scale = rstd[row];
    lanes sum = 0, products = 0;
    for (int c = 0; c < channels; c += LANES) {
        const lanes g = LOAD_LANES(dy, c) * LOAD_REAL_LANES(gamma, c);
        sum += g;
        products += g * ((LOAD_LANES(x, c) - m) * scale);
    }
    const real shift = sum_lanes(sum) / channels, slope = sum_lanes(products) / channels;
    for (int c = 0; c < channels; c += LANES) {
        const lanes g = LOAD_LANES(dy, c) * LOAD_REAL_LANES(gamma, c);
        STORE_LANES(dx, c, scale * (g - shift - (LOAD_LANES(x, c) - m) * scale * slope));
    }
}
