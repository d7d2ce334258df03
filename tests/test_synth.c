/* Rendered parts: the surfaces are where a plain march finds them, masks mark what a defect changes
 * and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/synth/sample.h"
#include "mvad.h"

enum { SIZE = 96, PIXELS = SIZE * SIZE, SEED = 7 };

struct views {
    struct scene scene, good; /* with and without the defect */
    uint8_t masks[SCENE_VIEWS * PIXELS];
    bool masked[SCENE_VIEWS];
};

static uint32_t stream_of(int family, int kind, int sample)
{
    return (uint32_t)(1000 * family + 100 * kind + sample);
}

static void make_views(struct views *views, int family, int kind, int sample)
{
    assert_true(sample_create(&views->scene, family_at(family), (enum defect_kind)kind, SIZE, SEED,
                              stream_of(family, kind, sample), views->masks, views->masked));
    views->good = views->scene;
    views->good.part.defect.kind = DEFECT_NONE;
    views->good.part.missing = -1;
}

/* Where the distance changes its sign, found by small steps of one length: slow, and without any
 * trust in the size of the distance. */
static bool plain_trace(const struct part *part, struct vec3 origin, struct vec3 direction,
                        float *distance)
{
    const float step = 0.0015f;
    float near, far;
    if (!part_clip(part, origin, direction, &near, &far)) return false;
    for (float t = near; t < far; t += step)
        if (part_distance(part, vec_along(origin, direction, t)) <= 0) {
            *distance = t;
            return true;
        }
    return false;
}

static void rays_end_on_the_surface(void **state)
{
    (void)state;
    static struct views views;
    enum { RAYS = 400 };
    for (int family = 0; family < FAMILY_COUNT; family++)
        for (int kind = 0; kind < DEFECT_KINDS; kind++) {
            make_views(&views, family, kind, 0);
            struct draws draws = draws_start(SEED, 1, 99);
            int wrong = 0, hits = 0;
            for (int i = 0; i < RAYS; i++) {
                const struct camera *camera = &views.scene.cameras[i % SCENE_VIEWS];
                float x = draw_between(&draws, 0.1f, 0.9f), y = draw_between(&draws, 0.1f, 0.9f);
                struct vec3 ray = camera_ray(camera, x, y);
                float fast = 100, slow = 100;
                bool is_hit = part_trace(&views.scene.part, camera->origin, ray, &fast);
                plain_trace(&views.scene.part, camera->origin, ray, &slow);
                wrong += fabsf(fast - slow) > 0.02f;
                hits += is_hit;
            }
            assert_in_range(hits, RAYS / 5, RAYS);
            /* A ray that grazes an edge may end on it for one and behind it for the other. */
            if (wrong > RAYS / 50)
                fail_msg("%s %s: %d of %d rays end elsewhere", family_at(family)->name,
                         defect_code((enum defect_kind)kind), wrong, RAYS);
        }
}

static int channel_difference(const uint8_t *a, const uint8_t *b)
{
    int most = 0;
    for (int c = 0; c < 3; c++)
        if (abs(a[c] - b[c]) > most) most = abs(a[c] - b[c]);
    return most;
}

/* The brightest channel's difference between two ends of a ray under the same full light. */
static float colour_difference(const struct views *views, const struct hit *a, const struct hit *b,
                               struct vec3 ray)
{
    struct vec3 d = vec_sub(scene_colour(&views->scene, a, ray, 1, 1),
                            scene_colour(&views->good, b, ray, 1, 1));
    return max2(fabsf(d.x), max2(fabsf(d.y), fabsf(d.z)));
}

struct tally {
    int marked, marked_clear; /* mask pixels; those that differ by more than 10 of 255 levels */
    int plain, plain_changed; /* other pixels; those that differ by more than 10 levels */
    int recoloured;           /* other pixels with another colour under the same light */
};

static void compare_view(const struct views *views, int view, struct tally *tally)
{
    static uint8_t with[3 * PIXELS], without[3 * PIXELS];
    const struct camera *camera = &views->scene.cameras[view];
    const struct defect *defect = &views->scene.part.defect;
    scene_render(&views->scene, view, SIZE, with);
    scene_render(&views->good, view, SIZE, without);
    for (int i = 0; i < PIXELS; i++) {
        bool marked = views->masks[view * PIXELS + i], near = false, on_part = false,
             recoloured = false;
        int clear = channel_difference(with + 3 * i, without + 3 * i) > 10;
        for (int ray = 0; ray < SCENE_RAYS; ray++) {
            struct vec3 direction = scene_ray(camera, i % SIZE, i / SIZE, ray, SIZE);
            struct hit a, b;
            scene_trace(&views->scene.part, camera->origin, direction, &a);
            scene_trace(&views->good.part, camera->origin, direction, &b);
            near |= vec_length(vec_sub(a.point, defect->centre)) < defect->bound + 0.01f ||
                    vec_length(vec_sub(b.point, defect->centre)) < defect->bound + 0.01f;
            on_part |= a.material > MATERIAL_TABLE || b.material > MATERIAL_TABLE;
            recoloured |= !marked && colour_difference(views, &a, &b, direction) > 0.03f;
        }
        /* Every view marks the same place in space, and nothing but the part. */
        if (marked) assert_true(near && on_part);
        tally->recoloured += recoloured;
        tally->marked += marked;
        tally->marked_clear += marked && clear;
        tally->plain += !marked;
        tally->plain_changed += !marked && clear;
    }
}

static void masks_mark_what_the_defect_changes(void **state)
{
    (void)state;
    static struct views views;
    int marked = 0, clear = 0;
    for (int kind = 1; kind < DEFECT_KINDS; kind++)
        for (int family = 0; family < FAMILY_COUNT; family++) {
            struct tally tally = {0};
            make_views(&views, family, kind, 1);
            for (int view = 0; view < SCENE_VIEWS; view++) compare_view(&views, view, &tally);
            assert_in_range(tally.marked, 6, PIXELS);
            /* The rim of a dent is faint, and so are a pit between two teeth and the pixels that a
             * scratch only touches. */
            if (tally.marked_clear * 10 < tally.marked * (kind == DEFECT_DEFORMATION ? 3 : 4))
                fail_msg("%s %s: %d of %d marked pixels look different", family_at(family)->name,
                         defect_code((enum defect_kind)kind), tally.marked_clear, tally.marked);
            if (kind != DEFECT_DEFORMATION) {
                marked += tally.marked;
                clear += tally.marked_clear;
            }
            /* Shadows and what light they take from their surroundings: up to two pixels in a
             * hundred. */
            assert_in_range(tally.plain_changed, 0, tally.plain / 50);
            /* Under the same light nothing changes, but for rays that end by rounding on either
             * side of an edge, and for the rim of a deformation, where the surface moves by less
             * than counts. */
            int rim = kind == DEFECT_DEFORMATION ? tally.marked / 4 : 0;
            assert_in_range(tally.recoloured, 0, tally.plain / 1000 + rim);
        }
    assert_in_range(clear * 100, marked * 85, marked * 100);
}

static void good_parts_have_no_mask(void **state)
{
    (void)state;
    static struct views views;
    for (int family = 0; family < FAMILY_COUNT; family++) {
        memset(views.masks, 1, sizeof views.masks);
        make_views(&views, family, DEFECT_NONE, 0);
        for (int i = 0; i < SCENE_VIEWS * PIXELS; i++) assert_int_equal(views.masks[i], 0);
        for (int view = 0; view < SCENE_VIEWS; view++) assert_false(views.masked[view]);
    }
}

/* The tamper band goes around the cap: from no side can one see all of it, and hardly from
 * above. */
static void a_side_may_hide_the_defect(void **state)
{
    (void)state;
    static struct views views;
    for (int sample = 0; sample < 4; sample++) {
        int showing = 0;
        make_views(&views, 1, DEFECT_MISSING, sample);
        for (int view = 0; view < SCENE_VIEWS; view++) {
            int count = 0;
            for (int i = 0; i < PIXELS; i++) count += views.masks[view * PIXELS + i] == 255;
            assert_int_equal(views.masked[view], count >= 2); /* 12 at 256 x 256 */
            showing += views.masked[view];
        }
        assert_in_range(showing, 1, 3);
    }
}

static void good_samples_differ_a_little(void **state)
{
    (void)state;
    static struct views views[2];
    static uint8_t rgb[2][3 * PIXELS];
    for (int family = 0; family < FAMILY_COUNT; family++)
        for (int view = 0; view < SCENE_VIEWS; view += 2) {
            long sum = 0;
            for (int i = 0; i < 2; i++) {
                make_views(&views[i], family, DEFECT_NONE, i);
                scene_render(&views[i].scene, view, SIZE, rgb[i]);
            }
            for (int i = 0; i < 3 * PIXELS; i++) sum += abs(rgb[0][i] - rgb[1][i]);
            float mean = (float)sum / (3 * PIXELS);
            if (mean < 1 || mean > 25)
                fail_msg("%s: two samples differ by %.1f levels", family_at(family)->name,
                         (double)mean);
        }
}

static void assert_refused(const char *folder, const mvad_synth_options *options, const char *what)
{
    mvad_error error;
    mvad_status status = mvad_synth_write(folder, options, NULL, NULL, &error);
    assert_int_equal(status, MVAD_ERROR_INVALID_ARGUMENT);
    assert_int_equal(error.status, status);
    if (!strstr(error.message, what)) fail_msg("'%s' lacks '%s'", error.message, what);
}

static void options_are_checked(void **state)
{
    (void)state;
    const char *folder = "/dev/null/set"; /* could not be made: what is checked comes first */
    const mvad_synth_options good = mvad_synth_options_default();
    mvad_synth_options options;
#define REFUSES(field, value, what) \
    options = good;                 \
    options.field = (value);        \
    assert_refused(folder, &options, (what))
    REFUSES(size, 3, "not initialised");
    REFUSES(classes, 0, "classes is 0; it must be 1 to 4");
    REFUSES(classes, MVAD_SYNTH_CLASSES + 1, "classes is 5");
    REFUSES(samples_train, -1, "samples_train is -1");
    REFUSES(samples_test, 10000, "samples_test is 10000");
    REFUSES(samples_test, MVAD_SYNTH_MAX_SAMPLES, "samples_train + samples_test is 10019");
    REFUSES(image_size, 31, "image_size is 31");
    REFUSES(image_size, MVAD_MAX_IMAGE_SIZE + 1, "image_size is 1025");
    REFUSES(threads, -1, "threads is -1");
#undef REFUSES
    assert_refused("", &good, "folder");
    assert_refused(NULL, &good, "folder");
    assert_refused(folder, NULL, "options");
    assert_string_equal(mvad_synth_class_name(0), "machined_plate");
    assert_null(mvad_synth_class_name(-1));
    assert_null(mvad_synth_class_name(MVAD_SYNTH_CLASSES));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rays_end_on_the_surface),
        cmocka_unit_test(options_are_checked),
        cmocka_unit_test(good_parts_have_no_mask),
        cmocka_unit_test(a_side_may_hide_the_defect),
        cmocka_unit_test(good_samples_differ_a_little),
        cmocka_unit_test(masks_mark_what_the_defect_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
