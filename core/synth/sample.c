#include "core/synth/sample.h"

#include <string.h>

#define MIN_PIXELS 12   /* of a mask, at 256 x 256; fewer are not worth a label */
#define CLEAR_PIXELS 40 /* that one view must have, half of them of clearly another colour */
#define TRIALS 400
/* In this share of the samples the defect shall be hidden from all but so many views, if a place
 * like that turns up. */
#define HIDDEN_SHARE 0.7f
#define HIDDEN_VIEWS 3
#define HIDDEN_TRIALS 100
#define PROBE_SIZE 64 /* pixels a side of the images that tell about a place */

enum { STREAM_DEFECT = 2 };

static int pixels_at(int pixels, int size)
{
    int scaled = (int)((float)pixels * (float)size * (float)size / (256.0f * 256.0f) + 0.5f);
    return scaled > 1 ? scaled : 1;
}

/* About how many views show the defect; `masks` is overwritten. */
static int count_showing(const struct scene *scene, int size, uint8_t *masks)
{
    int showing = 0, probe = size < PROBE_SIZE ? size : PROBE_SIZE;
    for (int view = 0; view < SCENE_VIEWS; view++)
        showing += scene_mask(scene, view, probe, masks) >= pixels_at(MIN_PIXELS, probe);
    return showing;
}

bool sample_create(struct scene *scene, const struct family *family, enum defect_kind kind, int size,
                   uint64_t seed, uint32_t stream, uint8_t *masks, bool masked[SCENE_VIEWS])
{
    size_t pixels = (size_t)size * (size_t)size;
    scene_create(scene, family, seed, stream);
    memset(masks, 0, pixels * SCENE_VIEWS);
    memset(masked, 0, SCENE_VIEWS * sizeof *masked);
    if (kind == DEFECT_NONE) return true;

    struct draws draws = draws_start(seed, stream, STREAM_DEFECT);
    bool wants_hidden = draw(&draws) < HIDDEN_SHARE;
    for (int trial = 0; trial < TRIALS; trial++) {
        int highest = wants_hidden && trial < HIDDEN_TRIALS ? HIDDEN_VIEWS : SCENE_VIEWS;
        if (!defect_place(&scene->part, kind, &draws)) continue;
        int showing = count_showing(scene, size, masks);
        if (showing == 0 || showing > highest) continue;
        bool clear = false;
        for (int view = 0; view < SCENE_VIEWS; view++) {
            uint8_t *mask = masks + pixels * (size_t)view;
            int count = scene_mask(scene, view, size, mask);
            masked[view] = count >= pixels_at(MIN_PIXELS, size);
            if (clear || count < pixels_at(CLEAR_PIXELS, size)) continue;
            clear = 2 * scene_visible(scene, view, size, mask) >= count;
        }
        if (clear) return true;
    }
    return false;
}
