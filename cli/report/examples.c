#include "cli/report/examples.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "cli/common/options.h"
#include "cli/common/html.h"

#define MAX_SIDE 192 /* of the pictures in the page */

/* Float arithmetic in another order, on another device, is within this of a score. */
#define SCORE_TOLERANCE 1e-3

struct drawing {
    const struct caller *caller;
    const struct results *results;
    const struct examples_options *options;
    struct examples *examples;
    size_t differing;
    mvad_status status; /* why it was stopped */
    mvad_error error;
};

static struct example *find_example(struct examples *examples, const struct results *results,
                                    const char *class_name, const char *name)
{
    for (size_t i = 0; i < examples->count; i++) {
        const struct scored_part *part = &results->parts[examples->items[i].part];
        if (!strcmp(part->name, name) &&
            !strcmp(results->table.rows[part->class_index].name, class_name))
            return &examples->items[i];
    }
    return NULL;
}

static int32_t select_example(const char *class_name, const char *name, void *user)
{
    const struct drawing *drawing = user;
    return find_example(drawing->examples, drawing->results, class_name, name) != NULL;
}

/* Where the page has room for a picture: the photograph's size, reduced. */
static void picture_size(const mvad_view_result *view, int *width, int *height)
{
    const int32_t side = view->width > view->height ? view->width : view->height;
    const double factor = side > MAX_SIDE ? (double)MAX_SIDE / side : 1;
    *width = (int)fmax(1, lround(factor * view->width));
    *height = (int)fmax(1, lround(factor * view->height));
}

static mvad_status draw_picture(struct drawing *drawing, const mvad_view_result *view,
                                mvad_picture_kind kind, const char *what)
{
    unsigned char *bytes = NULL;
    size_t count;
    int width, height;
    mvad_picture_options options = mvad_picture_options_default();
    options.kind = kind;
    options.scale = drawing->options->scale;
    options.max_side = MAX_SIDE;
    options.jpeg = 1;
    mvad_status status = mvad_picture_encode(view, &options, &bytes, &count, &drawing->error);
    if (status) return status;
    FILE *file = drawing->examples->views;
    picture_size(view, &width, &height);
    fprintf(file, "<img width=\"%d\" height=\"%d\" alt=\"%s, view ", width, height, what);
    html_text(file, view->name);
    fputs("\" src=\"", file);
    html_data_uri(file, "image/jpeg", bytes, count);
    fputs("\"/>\n", file);
    mvad_bytes_free(bytes);
    return MVAD_OK;
}

static mvad_status draw_view(struct drawing *drawing, const mvad_view_result *view, bool masks)
{
    FILE *file = drawing->examples->views;
    fputs("<figure class=\"view\">\n", file);
    mvad_status status = draw_picture(drawing, view, MVAD_PICTURE_PHOTOGRAPH, "photograph");
    if (!status) status = draw_picture(drawing, view, MVAD_PICTURE_HEATMAP, "heat map");
    if (status) return status;
    if (masks && view->mask) {
        status = draw_picture(drawing, view, MVAD_PICTURE_MASK, "mask");
    } else if (masks) {
        int width, height;
        picture_size(view, &width, &height);
        fprintf(file, "<div class=\"none\" style=\"aspect-ratio:%d/%d\">%s</div>\n", width, height,
                view->label == MVAD_NORMAL ? "no defect in this view" : "no mask");
    }
    fputs("<figcaption>", file);
    html_text(file, view->name);
    fprintf(file, " <b>%.4g</b></figcaption>\n</figure>\n", (double)view->score);
    return status;
}

static int32_t draw_part(const mvad_part_result *part, void *user)
{
    struct drawing *drawing = user;
    FILE *file = drawing->examples->views;
    struct example *example =
        find_example(drawing->examples, drawing->results, part->class_name, part->name);
    if (!example) return 0;
    const struct scored_part *scored = &drawing->results->parts[example->part];
    bool masks = false;
    example->begin = ftell(file);
    if (part->fault) {
        command_fail(drawing->caller, EXIT_DONE, "warning: %s", part->fault);
        fputs("<p class=\"note\">", file);
        html_text(file, part->fault);
        fputs("</p>\n", file);
    } else if (fabs(part->score - scored->score) > SCORE_TOLERANCE * fabs(scored->score)) {
        drawing->differing++;
    }
    for (size_t v = 0; v < part->view_count; v++) masks |= part->views[v].mask != NULL;
    fprintf(file, "<div class=\"views\" style=\"--views:%zu\">\n", part->view_count);
    for (size_t v = 0; v < part->view_count && !drawing->status; v++)
        drawing->status = draw_view(drawing, &part->views[v], masks);
    fputs("</div>\n", file);
    example->bytes = ftell(file) - example->begin;
    example->drawn = true;
    return drawing->status != MVAD_OK;
}

int examples_draw(const struct caller *caller, const struct results *results,
                  const mvad_model *model, mvad_device *device, const mvad_dataset *dataset,
                  const struct examples_options *options, struct examples *examples,
                  size_t *differing)
{
    struct drawing drawing = {
        .caller = caller, .results = results, .options = options, .examples = examples};
    mvad_predict_options predict = mvad_predict_options_default();
    mvad_error error;
    *differing = 0;
    if (!examples->count) return OPTIONS_READ;
    examples->views = tmpfile();
    if (!examples->views)
        return command_fail(caller, EXIT_FAILED, "cannot make a temporary file: %s",
                            strerror(errno));
    predict.threshold = (float)options->threshold;
    predict.select = select_example;
    predict.part = draw_part;
    predict.user = &drawing;
    if (mvad_predict(model, device, dataset, &predict, &error))
        return command_error(caller, &error);
    if (drawing.status) return command_error(caller, &drawing.error);
    if (fflush(examples->views) || ferror(examples->views))
        return command_fail(caller, EXIT_FAILED, "cannot write a temporary file: %s",
                            strerror(errno));
    *differing = drawing.differing;
    return OPTIONS_READ;
}

bool examples_copy(const struct examples *examples, const struct example *example, FILE *file)
{
    char buffer[65536];
    long left = example->bytes;
    if (fseek(examples->views, example->begin, SEEK_SET)) return false;
    while (left > 0) {
        const size_t wanted = left < (long)sizeof buffer ? (size_t)left : sizeof buffer;
        const size_t got = fread(buffer, 1, wanted, examples->views);
        if (!got) return false;
        fwrite(buffer, 1, got, file);
        left -= (long)got;
    }
    return true;
}
