/* `mvad report` on a small data set: the page, its numbers, its pictures, which parts it shows. */
#include <math.h>

#include "core/score/heatmap.h"
#include "html_check.h"
#include "report_case.h"
#include "run_program.h"

/* The checker finds what it is there for. */
static void the_checker_finds_faults(void **state)
{
    (void)state;
    static const char *const bad[] = {"<p>a</b>",
                                      "<p>a",
                                      "<p>&amp</p>",
                                      "<p a=b>x</p>",
                                      "<p a=\"1\" a=\"2\">x</p>",
                                      "<p>\xE9</p>",
                                      "<p>\xC0\x80</p>",
                                      "<p>\x01</p>",
                                      "<p a=\"<\">x</p>",
                                      "<script>x</script>",
                                      "<img src=\"x.png\"/>",
                                      "<p onclick=\"x\">x</p>",
                                      "<div/>",
                                      "<style>a{b:url(c)}</style>",
                                      "<p>a < b</p>",
                                      "<a href=\"http://x\">x</a>"};
    char page[128];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(page, sizeof page, "<!DOCTYPE html>\n<html>%s</html>", bad[i]);
        if (!html_fault(page)) print_error("no fault found in %s\n", page);
        assert_non_null(html_fault(page));
    }
    assert_null(html_fault("<!DOCTYPE html>\n<html><p a=\"b\">&amp;\xC3\xA9<br/></p></html>\n"));
    assert_non_null(html_fault("<html></html>"));
}

static const struct report_part *find_part(const char *name)
{
    const struct report_case *c = report_case();
    for (size_t i = 0; i < c->part_count; i++)
        if (!strcmp(c->parts[i].name, name)) return &c->parts[i];
    fail_msg("no part %s", name);
    return NULL;
}

/* Mean difference of a picture from the data set's formulas. */
static double difference(const uint8_t *pixels, const uint8_t *wanted)
{
    double sum = 0;
    for (int i = 0; i < 3 * EVAL_PIXELS; i++) sum += abs(pixels[i] - wanted[i]);
    return sum / (3 * EVAL_PIXELS);
}

/* The data set's part of this name, which is unique. */
static size_t part_index(const char *name)
{
    for (size_t i = 0; i < EVAL_PARTS; i++)
        if (!strcmp(eval_parts[i].name, name)) return i;
    fail_msg("no part %s", name);
    return 0;
}

/* All pictures of an article are of its part: photographs and masks those of the formulas, heat
 * maps not. Returns how many. */
static size_t check_pictures(const char *article, const char *end, const char *name)
{
    const size_t part = part_index(name);
    uint8_t wanted[3 * EVAL_PIXELS], marks[EVAL_PIXELS], *pixels;
    char alt[128];
    int width, height;
    size_t count = 0;
    for (const char *at = article; strstr(at, "<img ") && strstr(at, "<img ") < end; count++) {
        pixels = html_next_picture(&at, alt, &width, &height);
        assert_int_equal(width, EVAL_SIZE);
        assert_int_equal(height, EVAL_SIZE);
        const size_t view = (size_t)(alt[strlen(alt) - 1] - '0');
        eval_image(part, view, wanted);
        if (!strncmp(alt, "mask, view ", 11)) {
            eval_mask(part, view, marks);
            for (int i = 0; i < 3 * EVAL_PIXELS; i++) wanted[i] = marks[i / 3] ? 255 : 0;
        } else if (strncmp(alt, "photograph, view ", 17)) {
            assert_int_equal(strncmp(alt, "heat map, view ", 15), 0);
            free(pixels);
            continue;
        }
        const double wrong = difference(pixels, wanted);
        if (wrong > 6) print_error("%s, %s: differs by %g\n", name, alt, wrong);
        assert_true(wrong <= 6);
        free(pixels);
    }
    return count;
}

/* The text from `begin` on up to `end`, which both are there. */
static const char *between(const char *page, const char *begin, const char *end, char *text,
                           size_t size)
{
    const char *from = strstr(page, begin);
    assert_non_null(from);
    from += strlen(begin);
    const char *to = strstr(from, end);
    assert_non_null(to);
    assert_in_range(to - from, 0, size - 1);
    memcpy(text, from, (size_t)(to - from));
    text[to - from] = 0;
    return to;
}

static void all_parts_are_shown_with_their_pictures(void **state)
{
    (void)state;
    const struct report_case *c = report_case();
    size_t wanted = 0, shown = 0;
    report_run(REPORT "--examples 20 --threshold 0.5", NULL);
    char *page = report_read_page(), name[64], text[64];
    for (const char *at = page; (at = strstr(at, "<article>")); shown++) {
        const char *end = strstr(at, "</article>");
        at = between(at, "<h4>", "</h4>", name, sizeof name);
        const struct report_part *part = find_part(name);
        size_t pictures = 2 * (size_t)part->views;
        for (const char *v = eval_parts[part_index(name)].views; *v; v++) pictures += *v == 'a';
        assert_int_equal(check_pictures(at, end, name), pictures);
        between(at, "<span class=\"label ", "\"", text, sizeof text);
        assert_string_equal(text, part->label == MVAD_NORMAL ? "normal" : "anomalous");
        between(at, "score <b>", "</b>", text, sizeof text);
        assert_true(fabs(atof(text) - part->score) <= 1e-3 * part->score);
    }
    for (size_t i = 0; i < c->part_count; i++) {
        if (c->parts[i].label == MVAD_UNLABELLED) continue;
        snprintf(name, sizeof name, "<h4>%s</h4>", c->parts[i].name);
        assert_int_equal(html_count(page, name), 1);
        wanted++;
    }
    assert_true(wanted > 8);
    assert_int_equal(shown, wanted);
    free(page);
}

/* The part of a class and label with the lowest or highest score. */
static const struct report_part *extreme(const char *class_name, mvad_label label, bool lowest)
{
    const struct report_case *c = report_case();
    const struct report_part *best = NULL;
    for (size_t i = 0; i < c->part_count; i++) {
        const struct report_part *part = &c->parts[i];
        if (strcmp(part->class_name, class_name) || part->label != label) continue;
        if (!best || (lowest ? part->score < best->score : part->score > best->score)) best = part;
    }
    return best;
}

static void the_right_parts_are_chosen(void **state)
{
    (void)state;
    static const struct {
        const char *class_name, *title;
        mvad_label label;
        bool lowest;
    } wanted[] = {{"bolt", "most likely false alarms", MVAD_NORMAL, false},
                  {"bolt", "most likely missed", MVAD_ANOMALOUS, true},
                  {"bolt", "clearest", MVAD_ANOMALOUS, false},
                  {"bolt", "best", MVAD_NORMAL, true},
                  {"cap", "most likely false alarms", MVAD_NORMAL, false},
                  {"cap", "best", MVAD_NORMAL, true}};
    char name[64], title[64];
    report_run(REPORT "--examples 1 --threshold 0.5", NULL);
    char *page = report_read_page();
    const char *at = page;
    assert_int_equal(html_count(page, "<article>"), 6);
    for (size_t i = 0; i < 6; i++) {
        snprintf(title, sizeof title, ": %s</h3>", wanted[i].title);
        at = strstr(at, title);
        assert_non_null(at);
        at = between(at, "<h4>", "</h4>", name, sizeof name);
        assert_string_equal(name,
                            extreme(wanted[i].class_name, wanted[i].label, wanted[i].lowest)->name);
    }
    free(page);
    report_run(REPORT "--examples 1 --threshold 0.5 --classes cap", NULL);
    page = report_read_page();
    assert_int_equal(html_count(page, "<article>"), 2);
    assert_int_equal(html_count(page, "id=\"class-"), 1);
    /* The tiles count the parts of these classes only: three, all normal. */
    assert_int_equal(html_count(page, " / 3</b><span>false alarms</span>"), 1);
    assert_int_equal(html_count(page, "<span>missed</span>"), 0);
    free(page);
}

static void the_table_has_all_numbers(void **state)
{
    (void)state;
    static const char *const names[] = {">bolt</a></th>", ">cap</a></th>", "<th>mean</th>"};
    report_run(REPORT "--examples 1 --threshold 0.5", NULL);
    char *page = report_read_page(), cell[32], wanted[32];
    for (int i = 0; i < 3; i++) {
        const char *at = strstr(page, names[i]);
        assert_non_null(at);
        for (int m = 0; m < MVAD_METRIC_COUNT; m++) {
            const double value = report_case()->metrics[i][m];
            at = between(at, "<td>", "</td>", cell, sizeof cell);
            snprintf(wanted, sizeof wanted, isnan(value) ? "-" : "%.1f", 100 * value);
            assert_string_equal(cell, wanted);
        }
    }
    free(page);
}

/* How the page counts verdicts at a threshold, and what that comes to. */
static void check_verdicts(const char *page, double threshold)
{
    const struct report_case *c = report_case();
    size_t normal = 0, alarms = 0, anomalous = 0, missed = 0;
    char tile[128];
    for (size_t i = 0; i < c->part_count; i++) {
        const bool flagged = c->parts[i].score > threshold;
        normal += c->parts[i].label == MVAD_NORMAL;
        alarms += c->parts[i].label == MVAD_NORMAL && flagged;
        anomalous += c->parts[i].label == MVAD_ANOMALOUS;
        missed += c->parts[i].label == MVAD_ANOMALOUS && !flagged;
    }
    assert_true(alarms > 0 && missed > 0);
    snprintf(tile, sizeof tile, "<b>%zu / %zu</b><span>false alarms</span>", alarms, normal);
    assert_int_equal(html_count(page, tile), 1);
    snprintf(tile, sizeof tile, "<b>%zu / %zu</b><span>missed</span>", missed, anomalous);
    assert_int_equal(html_count(page, tile), 1);
    assert_int_equal(html_count(page, ">false alarm</span>"), alarms);
    assert_int_equal(html_count(page, ">missed</span>") - 1, missed); /* and the tile */
}

static void thresholds_give_verdicts(void **state)
{
    (void)state;
    const struct report_part *low = extreme("bolt", MVAD_ANOMALOUS, true);
    const float threshold = low->score; /* what scores so is not above it */
    mvad_model *model;
    char command[512];
    snprintf(command, sizeof command, REPORT "--examples 20 --threshold %.9g", (double)threshold);
    report_run(command, NULL);
    char *given = report_read_page();
    check_verdicts(given, (double)threshold);
    assert_int_equal(html_count(given, "as given"), 1);

    char *from = scratch_path("m.safetensors"), *to = scratch_path("scaled.safetensors");
    const mvad_score_scale scale = {0, threshold, 2 * threshold};
    assert_int_equal(mvad_model_load(from, NULL, &model, NULL), MVAD_OK);
    assert_int_equal(mvad_model_set_scale(model, &scale, NULL), MVAD_OK);
    assert_int_equal(mvad_model_set_note(model, "mvad.teacher", "<teacher>", NULL), MVAD_OK);
    assert_int_equal(mvad_model_save(model, to, NULL), MVAD_OK);
    mvad_model_destroy(model);
    report_run(MVAD_PROGRAM " report --model @scaled.safetensors --results @eval.json "
                            "--out @r.html --examples 20",
               NULL);
    char *own = report_read_page();
    check_verdicts(own, (double)threshold);
    assert_int_equal(html_count(own, ", the model's</dd>"), 1);
    assert_int_equal(html_count(own, "&lt;teacher&gt;"), 1);
    /* The same colours and the same pictures. */
    const char *a = strstr(given, "<article>"), *b = strstr(own, "<article>");
    assert_true(a && b);
    assert_string_equal(a, b);
    const size_t pictures = html_count(given, "<img ");
    free(given);
    free(own);

    /* Without either nothing is judged, and the pictures are there. */
    report_run(REPORT "--examples 20", NULL);
    own = report_read_page();
    assert_int_equal(html_count(own, "class=\"verdict"), 0);
    assert_int_equal(html_count(own, "The model has no threshold"), 1);
    assert_int_equal(html_count(own, "<img "), pictures);
    free(own);
    free(from);
    free(to);
}

/* What `mvad eval` writes gives the page of the library's own answer. */
static void results_of_eval_are_taken(void **state)
{
    (void)state;
    struct output output = expect_run(0,
                                      MVAD_PROGRAM " eval --model @m.safetensors --data %s "
                                                   "--json @own.json >/dev/null 2>&1",
                                      report_case()->data);
    output_free(&output);
    report_run(REPORT "--threshold 0.5", NULL);
    char *first = report_read_page();
    report_run(MVAD_PROGRAM " report --model @m.safetensors --results @own.json --out @r.html "
                            "--threshold 0.5",
               NULL);
    char *second = report_read_page();
    const char *const begin[] = {"<tbody>", "<section class=\"legend\">"};
    const char *const end[] = {"</tbody>", "</html>"};
    for (int i = 0; i < 2; i++) {
        const char *a = strstr(first, begin[i]), *b = strstr(second, begin[i]);
        assert_true(a && b);
        const size_t bytes = (size_t)(strstr(a, end[i]) - a);
        assert_true(bytes > 500);
        assert_int_equal(strncmp(a, b, bytes), 0);
    }
    free(first);
    free(second);
}

static void the_same_inputs_give_the_same_bytes(void **state)
{
    (void)state;
    report_run(REPORT "--threads 1", NULL);
    char *first = report_read_page();
    report_run(REPORT "--threads 2", NULL);
    char *second = report_read_page();
    assert_string_equal(first, second);
    free(first);
    free(second);
}

/* The legend has the colours that the heat maps have. */
static void the_legend_is_the_heat_maps(void **state)
{
    (void)state;
    report_run(REPORT "--examples 1", NULL);
    char *page = report_read_page(), colour[64];
    for (int i = 0; i < 6; i++) {
        float rgb[3];
        heatmap_colour((float)i / 5, rgb);
        const double opacity = (double)HEATMAP_OPACITY * i / 5;
        snprintf(colour, sizeof colour, "rgba(%.0f,%.0f,%.0f,%.2g)", (double)rgb[0], (double)rgb[1],
                 (double)rgb[2], opacity);
        char *zero = strstr(colour, ",0.");
        if (zero) memmove(zero + 1, zero + 2, strlen(zero + 2) + 1);
        if (html_count(page, colour) != 1) print_error("no %s\n", colour);
        assert_int_equal(html_count(page, colour), 1);
    }
    free(page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_checker_finds_faults),
        cmocka_unit_test(all_parts_are_shown_with_their_pictures),
        cmocka_unit_test(the_right_parts_are_chosen),
        cmocka_unit_test(the_table_has_all_numbers),
        cmocka_unit_test(thresholds_give_verdicts),
        cmocka_unit_test(results_of_eval_are_taken),
        cmocka_unit_test(the_same_inputs_give_the_same_bytes),
        cmocka_unit_test(the_legend_is_the_heat_maps),
    };
    return cmocka_run_group_tests(tests, report_make, report_remove);
}
