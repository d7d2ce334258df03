/* Window means, routing by a full sort, and attention with the whole row of scores written out. */
#include <math.h>
#include <stdlib.h>

#include "core/base/error.h"
#include "core/base/memory.h"
#include "core/selftest/reference.h"

static int64_t divide_up(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

void reference_window_mean(const struct reference_call *call)
{
    const struct reference_tensor *x = call->in[0];
    struct reference_tensor *y = call->out[0];
    int64_t windows = call->params->window.windows;
    int64_t height = divide_up(x->dim[1], windows), width = divide_up(x->dim[2], windows);
    for (int64_t i = 0; i < reference_count(y); i++) y->real[i] = 0;
    for (int64_t n = 0; n < x->dim[0]; n++)
        for (int64_t h = 0; h < x->dim[1]; h++)
            for (int64_t w = 0; w < x->dim[2]; w++)
                for (int64_t c = 0; c < x->dim[3]; c++)
                    y->real[reference_at(y, n, h / height, w / width, c)] +=
                        x->real[reference_at(x, n, h, w, c)] / (double)(height * width);
}

struct candidate {
    double correlation;
    int32_t index;
};

static int by_correlation(const void *a, const void *b)
{
    const struct candidate *first = a, *second = b;
    if (first->correlation != second->correlation)
        return first->correlation > second->correlation ? -1 : 1;
    return first->index < second->index ? -1 : first->index > second->index;
}

/* All candidates of one window, best first; `list` has room for views * P. Returns their number. */
static int64_t sorted_candidates(const struct reference_tensor *q, const struct reference_tensor *k,
                                 int64_t views, int64_t image, int64_t window,
                                 struct candidate *list)
{
    int64_t windows = q->dim[1] * q->dim[2], channels = q->dim[3], sample = image - image % views,
            count = 0;
    for (int64_t view = 0; view < views; view++) {
        if (views > 1 && sample + view == image) continue;
        for (int64_t other = 0; other < windows; other++) {
            double sum = 0;
            for (int64_t c = 0; c < channels; c++)
                sum += q->real[(image * windows + window) * channels + c] *
                       k->real[((sample + view) * windows + other) * channels + c];
            list[count++] = (struct candidate){sum, (int32_t)(view * windows + other)};
        }
    }
    qsort(list, (size_t)count, sizeof *list, by_correlation);
    return count;
}

mvad_status reference_route(const struct reference_call *call, mvad_error *error)
{
    const struct reference_tensor *q = call->in[0];
    struct reference_tensor *indices = call->out[0];
    int64_t views = call->params->window.views, windows = q->dim[1] * q->dim[2];
    size_t bytes = (size_t)(views * windows) * sizeof(struct candidate);
    struct candidate *list = memory_allocate(bytes);
    if (!list) return error_out_of_memory(error, "reference route", bytes);
    for (int64_t n = 0; n < q->dim[0]; n++) {
        for (int64_t p = 0; p < windows; p++) {
            sorted_candidates(q, call->in[1], views, n, p, list);
            for (int64_t i = 0; i < indices->dim[2]; i++)
                indices->index[reference_at(indices, n, p, i, 0)] = list[i].index;
        }
    }
    free(list);
    return MVAD_OK;
}

mvad_status reference_route_gap(const struct reference_tensor *q, const struct reference_tensor *k,
                                int32_t views, int64_t topk, int64_t image, int64_t window,
                                double *gap, mvad_error *error)
{
    size_t bytes = (size_t)(views * q->dim[1] * q->dim[2]) * sizeof(struct candidate);
    struct candidate *list = memory_allocate(bytes);
    if (!list) return error_out_of_memory(error, "reference route", bytes);
    int64_t count = sorted_candidates(q, k, views, image, window, list);
    double largest = fmax(fabs(list[0].correlation), fabs(list[count - 1].correlation));
    if (topk >= count)
        *gap = INFINITY;
    else
        *gap = largest > 0 ? (list[topk - 1].correlation - list[topk].correlation) / largest : 0;
    free(list);
    return MVAD_OK;
}

/* The attention of one query pixel and one head: its keys one after the other. */
struct row {
    int64_t count;         /* K * pixels of a window, padding included */
    int64_t *position;     /* pixel n * H * W + h * W + w of each key; -1 in the padding */
    double *probability;   /* softmax of the scores */
    double *d_probability; /* only in the backward pass */
    double lse;            /* log(sum(exp(score))) */
};

static mvad_status row_allocate(const struct reference_call *call, const struct reference_tensor *q,
                                const struct reference_tensor *indices, struct row *row,
                                mvad_error *error)
{
    int64_t windows = call->params->attention.windows;
    row->count = indices->dim[2] * divide_up(q->dim[1], windows) * divide_up(q->dim[2], windows);
    row->position = memory_allocate((size_t)row->count * sizeof *row->position);
    row->probability = memory_allocate((size_t)row->count * sizeof *row->probability);
    row->d_probability = memory_allocate((size_t)row->count * sizeof *row->d_probability);
    if (!row->position || !row->probability || !row->d_probability)
        return error_out_of_memory(error, "reference attention",
                                   (size_t)row->count * sizeof(double));
    return MVAD_OK;
}

static void row_free(struct row *row)
{
    free(row->position);
    free(row->probability);
    free(row->d_probability);
}

/* Finds the keys of the query pixel (n, h, w). */
static void row_locate(const struct attention_params *params, const struct reference_tensor *q,
                       const struct reference_tensor *indices, int64_t n, int64_t h, int64_t w,
                       struct row *row)
{
    int64_t windows = params->windows, rows = q->dim[1], columns = q->dim[2];
    int64_t height = divide_up(rows, windows), width = divide_up(columns, windows);
    int64_t window = h / height * windows + w / width, sample = n - n % params->views, at = 0;
    for (int64_t i = 0; i < indices->dim[2]; i++) {
        int64_t index = indices->index[reference_at(indices, n, window, i, 0)];
        int64_t image = sample + index / (windows * windows),
                top = index % (windows * windows) / windows * height;
        int64_t left = index % windows * width;
        for (int64_t r = top; r < top + height; r++)
            for (int64_t c = left; c < left + width; c++)
                row->position[at++] =
                    r < rows && c < columns ? (image * rows + r) * columns + c : -1;
    }
}

/* Scores and softmax of a located row for the head whose channels start at `first`. */
static void row_softmax(const struct attention_params *params, const struct reference_tensor *q,
                        const struct reference_tensor *k, int64_t query, int64_t first,
                        int64_t channels, struct row *row)
{
    double largest = -INFINITY, sum = 0;
    for (int64_t j = 0; j < row->count; j++) {
        double dot = 0;
        if (row->position[j] >= 0)
            for (int64_t c = first; c < first + channels; c++)
                dot += q->real[query * q->dim[3] + c] * k->real[row->position[j] * q->dim[3] + c];
        row->probability[j] = params->scale * dot;
        largest = fmax(largest, row->probability[j]);
    }
    for (int64_t j = 0; j < row->count; j++) {
        row->probability[j] = exp(row->probability[j] - largest);
        sum += row->probability[j];
    }
    for (int64_t j = 0; j < row->count; j++) row->probability[j] /= sum;
    row->lse = largest + log(sum);
}

mvad_status reference_routed_attention(const struct reference_call *call, mvad_error *error)
{
    const struct attention_params *params = &call->params->attention;
    const struct reference_tensor *q = call->in[0], *k = call->in[1], *v = call->in[2],
                                  *indices = call->in[3];
    struct reference_tensor *o = call->out[0], *lse = call->out[1];
    int64_t channels = q->dim[3] / params->heads;
    struct row row = {0};
    mvad_status status = row_allocate(call, q, indices, &row, error);
    if (status) goto cleanup;
    for (int64_t query = 0; query < q->dim[0] * q->dim[1] * q->dim[2]; query++) {
        row_locate(params, q, indices, query / (q->dim[1] * q->dim[2]),
                   query / q->dim[2] % q->dim[1], query % q->dim[2], &row);
        for (int64_t head = 0; head < params->heads; head++) {
            row_softmax(params, q, k, query, head * channels, channels, &row);
            for (int64_t c = head * channels; c < (head + 1) * channels; c++) {
                double sum = 0;
                for (int64_t j = 0; j < row.count; j++)
                    if (row.position[j] >= 0)
                        sum += row.probability[j] * v->real[row.position[j] * q->dim[3] + c];
                o->real[query * q->dim[3] + c] = sum;
            }
            if (lse) lse->real[query * params->heads + head] = row.lse;
        }
    }
cleanup:
    row_free(&row);
    return status;
}

/* One query pixel and head of the backward pass: o and lse are made anew instead of taken from the
 * inputs. */
static void row_backward(const struct reference_call *call, int64_t query, int64_t first,
                         int64_t channels, struct row *row)
{
    const struct reference_tensor *d_o = call->in[0], *q = call->in[1], *k = call->in[2],
                                  *v = call->in[3];
    struct reference_tensor *dq = call->out[0], *dk = call->out[1], *dv = call->out[2];
    double scale = call->params->attention.scale, mean = 0;
    int64_t stride = q->dim[3];
    for (int64_t j = 0; j < row->count; j++) {
        row->d_probability[j] = 0;
        if (row->position[j] < 0) continue;
        for (int64_t c = first; c < first + channels; c++) {
            row->d_probability[j] +=
                d_o->real[query * stride + c] * v->real[row->position[j] * stride + c];
            if (dv)
                dv->real[row->position[j] * stride + c] +=
                    row->probability[j] * d_o->real[query * stride + c];
        }
        mean += row->probability[j] * row->d_probability[j];
    }
    for (int64_t j = 0; j < row->count; j++) {
        double d_score = row->probability[j] * (row->d_probability[j] - mean) * scale;
        if (row->position[j] < 0) continue;
        for (int64_t c = first; c < first + channels; c++) {
            dq->real[query * stride + c] += d_score * k->real[row->position[j] * stride + c];
            if (dk)
                dk->real[row->position[j] * stride + c] += d_score * q->real[query * stride + c];
        }
    }
}

mvad_status reference_routed_attention_grad(const struct reference_call *call, mvad_error *error)
{
    const struct attention_params *params = &call->params->attention;
    const struct reference_tensor *q = call->in[1], *k = call->in[2], *indices = call->in[4];
    int64_t channels = q->dim[3] / params->heads;
    struct row row = {0};
    mvad_status status = row_allocate(call, q, indices, &row, error);
    if (status) goto cleanup;
    for (int i = 0; i < 3; i++)
        for (int64_t at = 0; call->out[i] && at < reference_count(q); at++)
            call->out[i]->real[at] = 0;
    for (int64_t query = 0; query < q->dim[0] * q->dim[1] * q->dim[2]; query++) {
        row_locate(params, q, indices, query / (q->dim[1] * q->dim[2]),
                   query / q->dim[2] % q->dim[1], query % q->dim[2], &row);
        for (int64_t head = 0; head < params->heads; head++) {
            row_softmax(params, q, k, query, head * channels, channels, &row);
            row_backward(call, query, head * channels, channels, &row);
        }
    }
cleanup:
    row_free(&row);
    return status;
}
