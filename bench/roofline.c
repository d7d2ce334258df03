/* The ops of a step beside what the device can do at best: multiply as fast as its matrix product, move
 * bytes as fast as its copy. */
#include <math.h>

#include "bench/step.h"

enum column {
    OP,
    CALLS,
    MILLISECONDS,
    SHARE,
    MAC_RATE,
    OF_GEMM,
    BYTE_RATE,
    OF_COPY,
    INTENSITY,
    BOUND,
    OF_ROOF,
    COLUMNS
};

static const struct table_column columns[COLUMNS] = {
    [OP] = {"op", "op", TABLE_TEXT},
    [CALLS] = {"calls", "calls", 0},
    [MILLISECONDS] = {"milliseconds", "ms", 2},
    [SHARE] = {"share", "share", 3},
    [MAC_RATE] = {"gmacs_per_second", "GMAC/s", 2},
    [OF_GEMM] = {"share_of_gemm_rate", "of GEMM", 3},
    [BYTE_RATE] = {"gigabytes_per_second", "GB/s", 2},
    [OF_COPY] = {"share_of_copy_rate", "of copy", 3},
    [INTENSITY] = {"macs_per_byte", "MAC/B", 2},
    [BOUND] = {"bound_by", "bound by", TABLE_TEXT},
    [OF_ROOF] = {"share_of_roof", "of roof", 3},
};

/* The least time an op could take: its multiply-adds at the matrix product's rate, or its bytes at the copy's,
 * whichever takes longer. */
static void set_roof(struct table_cell *cells, const mvad_op_time *op, double gemm, double copy)
{
    const double computing = op->macs / gemm, moving = op->bytes / copy;
    snprintf(cells[BOUND].text, sizeof cells[BOUND].text, "%s",
             computing > moving ? "compute" : "memory");
    cells[OF_ROOF].number = fmax(computing, moving) / op->seconds;
    cells[OF_COPY].number = moving / op->seconds;
}

static bool fill(struct table *table, const struct step_result *result, double total)
{
    const double gemm = step_gemm_rate(result), copy = step_copy_rate(result);
    for (int i = 0; i < result->op_count; i++) {
        const mvad_op_time *op = &result->ops[i];
        struct table_cell *cells = table_add_row(table);
        if (!cells) return false;
        snprintf(cells[OP].text, sizeof cells[OP].text, "%s", op->op);
        cells[CALLS].number = (double)op->calls;
        cells[MILLISECONDS].number = op->seconds * 1e3;
        cells[SHARE].number = total > 0 ? op->seconds / total : NAN;
        if (!(op->seconds > 0)) continue;
        cells[MAC_RATE].number = op->macs / op->seconds / 1e9;
        cells[OF_GEMM].number = op->macs / op->seconds / gemm;
        cells[BYTE_RATE].number = op->bytes / op->seconds / 1e9;
        if (op->bytes > 0) cells[INTENSITY].number = op->macs / op->bytes;
        if (copy > 0) set_roof(cells, op, gemm, copy);
    }
    return true;
}

static void draw(struct document *document, const struct step_result *result)
{
    enum { ROOF_POINTS = 60 };
    const double gemm = step_gemm_rate(result), copy = step_copy_rate(result);
    struct plot *plot = document_plot(document, "roofline", "Ops beside the device's rates, GMAC/s",
                                      "multiply-adds a byte");
    struct plot_series *ops = plot_add(plot, "first", "kinds of op, as profiled", true);
    struct plot_series *roof = plot_add(
        plot, "theory", "roof: the rate of the copy, then that of the matrix product", false);
    plot->logarithmic = true;
    ops->apart = true;
    double low = gemm / copy / 8, high = gemm / copy * 8;
    for (int i = 0; i < result->op_count; i++) {
        const mvad_op_time *op = &result->ops[i];
        if (!(op->macs > 0) || !(op->seconds > 0)) continue;
        const double intensity = op->macs / op->bytes;
        plot_point(ops, intensity, op->macs / op->seconds / 1e9);
        plot_label(ops, op->op);
        low = fmin(low, intensity);
        high = fmax(high, intensity);
    }
    for (int i = 0; i <= ROOF_POINTS; i++) {
        const double intensity = low * pow(high / low, (double)i / ROOF_POINTS);
        plot_point(roof, intensity, fmin(gemm, intensity * copy) / 1e9);
    }
}

bool step_roofline(struct document *document, const struct step_result *result)
{
    double total = 0;
    for (int i = 0; i < result->op_count; i++) total += result->ops[i].seconds;
    struct table *table = &document->tables[document->table_count++];
    *table =
        (struct table){.key = "ops", .title = "Ops", .columns = columns, .column_count = COLUMNS};
    if (step_copy_rate(result) > 0) draw(document, result);
    return fill(table, result, total);
}
