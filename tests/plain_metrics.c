#include "plain_metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

void plain_add(struct plain_scores *scores, float score, double weight)
{
    if (scores->count == scores->capacity) {
        scores->capacity = 2 * scores->capacity + 64;
        scores->score = realloc(scores->score, scores->capacity * sizeof *scores->score);
        scores->weight = realloc(scores->weight, scores->capacity * sizeof *scores->weight);
        assert_true(scores->score && scores->weight);
    }
    scores->score[scores->count] = score;
    scores->weight[scores->count++] = weight;
}

/* Spreads each mark's number, at first its position, to its neighbours until nothing changes. */
static void number_regions(const uint8_t *marks, int size, int *number)
{
    for (int i = 0; i < size * size; i++) number[i] = marks[i] ? i + 1 : 0;
    for (bool changed = true; changed;) {
        changed = false;
        for (int i = 0; i < size * size; i++)
            for (int k = 0; k < 9 && number[i]; k++) {
                int y = i / size + k / 3 - 1, x = i % size + k % 3 - 1;
                if (y < 0 || x < 0 || y >= size || x >= size) continue;
                if (number[y * size + x] <= number[i]) continue;
                number[i] = number[y * size + x];
                changed = true;
            }
    }
}

void plain_add_map(struct plain_scores *scores, const float *map, const uint8_t *marks, int size)
{
    int *number = calloc((size_t)(size * size), sizeof *number);
    assert_non_null(number);
    number_regions(marks, size, number);
    for (int i = 0; i < size * size; i++) {
        int area = 0;
        for (int k = 0; k < size * size && number[i]; k++) area += number[k] == number[i];
        scores->regions += number[i] == i + 1; /* one pixel of each keeps its own number */
        plain_add(scores, map[i], area ? 1.0 / area : 0);
    }
    free(number);
}

struct item {
    float score;
    double weight;
};

static int descending(const void *a, const void *b)
{
    float left = ((const struct item *)a)->score, right = ((const struct item *)b)->score;
    return (left < right) - (left > right);
}

/* The area under (false-positive rate, mean share of the regions) up to a rate of 0.3. */
static double measure_aupro(const struct plain_scores *scores, double normals)
{
    struct item *items = calloc(scores->count, sizeof *items);
    assert_non_null(items);
    for (size_t i = 0; i < scores->count; i++)
        items[i] = (struct item){scores->score[i], scores->weight[i]};
    qsort(items, scores->count, sizeof *items, descending);
    double area = 0, x = 0, y = 0;
    for (size_t i = 0; i < scores->count && x < 0.3;) {
        double next_x = x, next_y = y;
        for (float score = items[i].score; i < scores->count && items[i].score == score; i++)
            if (items[i].weight > 0)
                next_y += items[i].weight / (double)scores->regions;
            else
                next_x += 1 / normals;
        double part = next_x > 0.3 ? (0.3 - x) / (next_x - x) : 1;
        area += part * (next_x - x) * (y + y + part * (next_y - y)) / 2;
        x = next_x;
        y = next_y;
    }
    free(items);
    return area / 0.3;
}

/* Of each anomalous score: how many of both labels are above it and equal to it. */
struct plain_metrics plain_measure(const struct plain_scores *scores)
{
    struct plain_metrics result = {0};
    size_t positives = 0;
    for (size_t i = 0; i < scores->count; i++) positives += scores->weight[i] > 0;
    const double p = (double)positives, n = (double)(scores->count - positives);
    assert_true(p > 0 && n > 0);
    for (size_t i = 0; i < scores->count; i++) {
        double above = 0, equal = 0,
               hits = 0; /* normal above, normal equal, anomalous at or above */
        if (!(scores->weight[i] > 0)) continue;
        for (size_t k = 0; k < scores->count; k++) {
            if (scores->weight[k] > 0)
                hits += scores->score[k] >= scores->score[i];
            else if (scores->score[k] > scores->score[i])
                above++;
            else if (scores->score[k] == scores->score[i])
                equal++;
        }
        const double alarms = above + equal, f1 = 2 * hits / (hits + alarms + p);
        result.auroc += (n - above - equal / 2) / (n * p);
        result.ap += hits / (hits + alarms) / p;
        if (f1 > result.f1_max) result.f1_max = f1;
    }
    if (scores->regions) result.aupro = measure_aupro(scores, n);
    return result;
}

void plain_free(struct plain_scores *scores)
{
    free(scores->score);
    free(scores->weight);
    memset(scores, 0, sizeof *scores);
}
