/* The page of `mvad report` in a browser, where there is a Chromium: every picture is shown,
 * nothing is wider than the window. */
#include "html_check.h"
#include "report_case.h"
#include "run_program.h"

/* What a script adds to a copy of the page tells here. */
struct seen {
    int pictures, broken, wide;
};

static const char script[] =
    "<script>window.onload=function(){var p=document.images,b=0,i;"
    "for(i=0;i!=p.length;i++)if(!(p[i].complete&&p[i].naturalWidth>0))b++;"
    "var e=document.documentElement;"
    "e.setAttribute('data-seen',p.length+' '+b+' '+(e.scrollWidth>e.clientWidth?1:0));"
    "};</script>";

static const char *browser(void)
{
    static const char *const names[] = {"chromium", "chromium-browser", "google-chrome"};
    char command[64];
    for (size_t i = 0; i < 3; i++) {
        snprintf(command, sizeof command, "command -v %s >/dev/null 2>&1", names[i]);
        if (system(command) == 0) return names[i];
    }
    return NULL;
}

/* Loads a page, the script before its end, in a window so wide. */
static struct seen look(const char *page, int width)
{
    struct seen seen = {0};
    const char *end = strstr(page, "</body>");
    assert_non_null(end);
    char *copy = malloc(strlen(page) + sizeof script);
    assert_non_null(copy);
    sprintf(copy, "%.*s%s%s", (int)(end - page), page, script, end);
    tree_write_text("look.html", copy);
    free(copy);
    char *path = tree_path("look.html"), *profile = tree_path("profile");
    struct output output = expect_run(
        0,
        "HOME=%s timeout 120 %s --headless --no-sandbox --disable-gpu --disable-dev-shm-usage "
        "--no-first-run --user-data-dir=%s --window-size=%d,2000 --dump-dom 'file://%s' "
        "2>/dev/null",
        profile, browser(), profile, width, path);
    const char *told = strstr(output.out, "data-seen=\"");
    if (!told) print_error("the page was not loaded: %.200s\n", output.out);
    assert_non_null(told);
    assert_int_equal(
        sscanf(told, "data-seen=\"%d %d %d\"", &seen.pictures, &seen.broken, &seen.wide), 3);
    output_free(&output);
    free(path);
    free(profile);
    return seen;
}

static void a_browser_shows_all_pictures(void **state)
{
    (void)state;
    if (!browser()) skip();
    report_run(REPORT "--examples 20 --threshold 0.5", NULL);
    char *page = report_read_page();
    const size_t pictures = html_count(page, "<img ");
    assert_true(pictures > 20);
    const struct seen wide = look(page, 1200);
    assert_int_equal(wide.pictures, pictures);
    assert_int_equal(wide.broken, 0);
    assert_int_equal(wide.wide, 0);
    const struct seen narrow = look(page, 500);
    assert_int_equal(narrow.broken, 0);
    assert_int_equal(narrow.wide, 0);

    /* A picture that is none is noticed. */
    char *data = strstr(page, "data:image/jpeg;base64,");
    memset(data + 23, 'A', 200);
    assert_int_equal(look(page, 1200).broken, 1);
    free(page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_browser_shows_all_pictures),
    };
    return cmocka_run_group_tests(tests, report_make, report_remove);
}
