/* From features to anomaly maps and scores: max pool, window mean, cosine distance, bilinear
 * resizing, Gaussian blur, maximum. */

/* In these kernels dimension 0 is an element of a row of the output (a column and a channel),
 * dimension 1 the row, dimension 2 the image. */

/* 3x3, stride 2, padding 1. Columns and rows outside never win: they are left out. */
__kernel void max_pool(INPUT(x), OUTPUT(y), int height, int width, int channels, int out_width)
{
    BEGIN(x);
    BEGIN(y);
    const int element = (int)get_global_id(0), row = (int)get_global_id(1);
    if (element >= out_width * channels) return;
    const int column = element / channels, c = element % channels;
    const size_t image = get_global_id(2);
    const size_t first = image * height * width * channels + c;
    real best = LOAD(x, first + ((size_t)2 * row * width + 2 * column) * channels);
    for (int r = max(2 * row - 1, 0); r <= min(2 * row + 1, height - 1); r++)
        for (int s = max(2 * column - 1, 0); s <= min(2 * column + 1, width - 1); s++)
            best = larger(best, LOAD(x, first + ((size_t)r * width + s) * channels));
    STORE(y, (image * get_global_size(1) + row) * out_width * channels + element, best);
}

__kernel void window_mean(INPUT(x), OUTPUT(y), int height, int width, int channels, int windows)
{
    BEGIN(x);
    BEGIN(y);
    const int element = (int)get_global_id(0), row = (int)get_global_id(1);
    if (element >= windows * channels) return;
    const int column = element / channels, c = element % channels;
    const int tall = (height + windows - 1) / windows, wide = (width + windows - 1) / windows;
    const size_t image = get_global_id(2);
    const size_t first = image * height * width * channels + c;
    real sum = 0;
    for (int r = row * tall; r < min((row + 1) * tall, height); r++) {
        real part = 0;
        for (int s = column * wide; s < min((column + 1) * wide, width); s++)
            part += LOAD(x, first + ((size_t)r * width + s) * channels);
        sum += part;
    }
    STORE(y, (image * windows + row) * windows * channels + element, sum / (tall * wide));
}

/* 1 - cosine as half the squared distance of the unit vectors: the difference of two numbers close
 * to 1 would lose its digits without a double. Where a norm is below eps the vector is divided by
 * eps and is shorter than 1; half of what its square lacks is added. */

/* What makes a unit vector of one with this square. */
static inline real unit_scale(real square, real eps)
{
    const real norm = sqrt(square);
    return 1 / (norm < eps ? eps : norm);
}

static inline real lack(real square, real scale, real eps)
{
    return sqrt(square) < eps ? 1 - square * scale * scale : 0;
}

/* For processors: one work item a pixel. */
__kernel void cosine_map(INPUT(t), INPUT(s), OUTPUT_OF(real, y), int channels, real eps, ulong count)
{
    BEGIN(t);
    BEGIN(s);
    BEGIN(y);
    const size_t pixel = get_global_id(0);
    if (pixel >= count) return;
    const size_t first = pixel * channels;
    real t2 = 0, s2 = 0, distance = 0;
    for (int c = 0; c < channels; c++) {
        const real a = LOAD(t, first + c), b = LOAD(s, first + c);
        t2 += a * a;
        s2 += b * b;
    }
    const real t_scale = unit_scale(t2, eps), s_scale = unit_scale(s2, eps);
    for (int c = 0; c < channels; c++) {
        const real d = LOAD(t, first + c) * t_scale - LOAD(s, first + c) * s_scale;
        distance += d * d;
    }
    y[pixel] = (distance + lack(t2, t_scale, eps) + lack(s2, s_scale, eps)) / 2;
}

/* For GPUs: so many neighbouring work items a pixel, which read neighbouring runs; groups of COSINE_GROUP. */
#define COSINE_ITEMS 16
#define COSINE_GROUP 256

/* The sum over the items of a pixel, to all of them. */
static inline real add_items(LOCAL_POINTER(real) sum, real own)
{
    const int item = (int)get_local_id(0), place = item % COSINE_ITEMS;
    barrier(CLK_LOCAL_MEM_FENCE); /* someone may still read the former sum */
    sum[item] = own;
    for (int half_way = COSINE_ITEMS / 2; half_way > 0; half_way /= 2) {
        barrier(CLK_LOCAL_MEM_FENCE);
        if (place < half_way) sum[item] += sum[item + half_way];
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    return sum[item - place];
}

__kernel void cosine_map_runs(INPUT(t), INPUT(s), OUTPUT_OF(real, y), int channels, real eps, ulong count)
{
    __local real sum[COSINE_GROUP];
    BEGIN(t);
    BEGIN(s);
    BEGIN(y);
    const size_t pixel = get_global_id(0) / COSINE_ITEMS;
    const int place = (int)(get_global_id(0) % COSINE_ITEMS);
    /* Items beyond the last pixel go along with it, up to every barrier. */
    const size_t first = min((ulong)pixel, count - 1) * channels;
    real a[RUN], b[RUN], t2 = 0, s2 = 0, distance = 0;
    for (int c = place * RUN; c < channels; c += COSINE_ITEMS * RUN) {
        load_run(a, t, first + c, RUN_LENGTH(c, channels));
        load_run(b, s, first + c, RUN_LENGTH(c, channels));
        UNROLL for (int e = 0; e < RUN; e++) {
            t2 += a[e] * a[e];
            s2 += b[e] * b[e];
        }
    }
    t2 = add_items(sum, t2);
    s2 = add_items(sum, s2);
    const real t_scale = unit_scale(t2, eps), s_scale = unit_scale(s2, eps);
    for (int c = place * RUN; c < channels; c += COSINE_ITEMS * RUN) {
        load_run(a, t, first + c, RUN_LENGTH(c, channels));
        load_run(b, s, first + c, RUN_LENGTH(c, channels));
        UNROLL for (int e = 0; e < RUN; e++) {
            const real d = a[e] * t_scale - b[e] * s_scale;
            distance += d * d;
        }
    }
    distance = add_items(sum, distance);
    if (place == 0 && pixel < count)
        y[pixel] = (distance + lack(t2, t_scale, eps) + lack(s2, s_scale, eps)) / 2;
}

/* y = scale * (x resized bilinearly, corners aligned) [+ addend]. Positions are exact in integers. */
__kernel void resize(INPUT_OF(real, x), INPUT_OF(real, addend), OUTPUT_OF(real, y), int has_addend,
                     int in_height, int in_width,
                     int height, int width, int channels, real scale)
{
    BEGIN(x);
    BEGIN(addend);
    BEGIN(y);
    const int element = (int)get_global_id(0), row = (int)get_global_id(1);
    if (element >= width * channels) return;
    const int column = element / channels, c = element % channels;
    const size_t image = get_global_id(2);
    const int rows = max(height - 1, 1), columns = max(width - 1, 1);
    const int down_at = height > 1 ? row * (in_height - 1) : 0;
    const int right_at = width > 1 ? column * (in_width - 1) : 0;
    const int top = down_at / rows, left = right_at / columns;
    const int bottom = min(top + 1, in_height - 1), beside = min(left + 1, in_width - 1);
    const real down = (real)(down_at % rows) / rows, right = (real)(right_at % columns) / columns;
    const size_t upper = (image * in_height + top) * in_width;
    const size_t lower = (image * in_height + bottom) * in_width;
    const real above = (1 - right) * x[(upper + left) * channels + c] +
                       right * x[(upper + beside) * channels + c];
    const real below = (1 - right) * x[(lower + left) * channels + c] +
                       right * x[(lower + beside) * channels + c];
    const real value = scale * ((1 - down) * above + down * below);
    const size_t at = (image * height + row) * width * channels + element;
    y[at] = has_addend ? value + addend[at] : value;
}

/* Index i, anywhere, of an axis of `size` mirrored with its edge elements again and again. */
static inline int mirror(int i, int size)
{
    if (i >= 0 && i < size) return i;
    i %= 2 * size;
    if (i < 0) i += 2 * size;
    return i < size ? i : 2 * size - 1 - i;
}

/* weights[radius + k], normalised, made by one work group of one item. */
__kernel void blur_weights(OUTPUT_OF(real, weights), int radius, real sigma)
{
    BEGIN(weights);
    real sum = 0;
    for (int k = 1; k <= radius; k++) {
        const real x = k / sigma;
        weights[radius + k] = exp((real)-0.5 * x * x);
    }
    for (int k = radius; k >= 1; k--) sum += 2 * weights[radius + k];
    sum += 1;
    weights[radius] = 1 / sum;
    for (int k = 1; k <= radius; k++)
        weights[radius - k] = weights[radius + k] = weights[radius + k] / sum;
}

/* One pass along the columns, into the scratch image y, then one along its rows. */
__kernel void blur_columns(INPUT_OF(real, x), OUTPUT_OF(real, y), INPUT_OF(real, weights), int radius,
                           int height, int width)
{
    BEGIN(x);
    BEGIN(y);
    BEGIN(weights);
    const int column = (int)get_global_id(0), row = (int)get_global_id(1);
    if (column >= width) return;
    const size_t image = get_global_id(2) * height;
    real sum = 0;
    for (int k = -radius; k <= radius; k++)
        sum += weights[radius + k] * x[(image + mirror(row + k, height)) * width + column];
    y[(image + row) * width + column] = sum;
}

__kernel void blur_rows(INPUT_OF(real, x), OUTPUT_OF(real, y), INPUT_OF(real, weights), int radius, int height,
                        int width)
{
    BEGIN(x);
    BEGIN(y);
    BEGIN(weights);
    const int column = (int)get_global_id(0), row = (int)get_global_id(1);
    if (column >= width) return;
    const size_t first = (get_global_id(2) * height + row) * width;
    real sum = 0;
    for (int k = -radius; k <= radius; k++)
        sum += weights[radius + k] * x[first + mirror(column + k, width)];
    y[first + column] = sum;
}

/* Largest element of each piece of an image, in an order that does not matter. Dimension 0: the
 * piece, dimension 1: the image. */
__kernel void max_pieces(INPUT_OF(real, x), OUTPUT_OF(real, partial), ulong image_elements, ulong piece,
                         int pieces)
{
    BEGIN(x);
    BEGIN(partial);
    const size_t p = get_global_id(0), image = get_global_id(1);
    if (p >= (size_t)pieces) return;
    const size_t begin = p * piece, end = min((ulong)(begin + piece), image_elements);
    real best = x[image * image_elements + begin];
    for (size_t i = begin + 1; i < end; i++) best = larger(best, x[image * image_elements + i]);
    partial[image * pieces + p] = best;
}

__kernel void max_images(INPUT_OF(real, partial), OUTPUT_OF(real, y), int pieces, int images)
{
    BEGIN(partial);
    BEGIN(y);
    const size_t image = get_global_id(0);
    if (image >= (size_t)images) return;
    real best = partial[image * pieces];
    for (int p = 1; p < pieces; p++) best = larger(best, partial[image * pieces + p]);
    y[image] = best;
}
