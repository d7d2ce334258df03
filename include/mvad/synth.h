/* Synthetic data sets. Part of mvad.h, whose conventions hold. */
#ifndef MVAD_SYNTH_H
#define MVAD_SYNTH_H

#include <mvad/config.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Rendered data sets: parts in three dimensions, photographed from above and from four sides. */
#define MVAD_SYNTH_CLASSES 4
#define MVAD_SYNTH_VIEWS 5
#define MVAD_SYNTH_MAX_SAMPLES 9999 /* of a class, training and test samples together */

typedef struct mvad_synth_options {
    size_t size;           /* of the structure; set by ..._default */
    int32_t classes;       /* 1 to MVAD_SYNTH_CLASSES (default): the first so many kinds of part */
    int32_t samples_train; /* of each class, 0 or more, default 20; all good */
    int32_t samples_test;  /* of each class, 0 or more, default 12; every second one has a defect */
    int32_t image_size;    /* pixels a side, 32 to MVAD_MAX_IMAGE_SIZE, default 256 */
    int32_t threads;       /* 0 (default): as many as OpenMP would use */
    uint64_t seed;         /* default 1 */
} mvad_synth_options;

/* Called after every sample with the number of images written so far and of all: from any of the
 * threads, but by one at a time. Anything but 0 stops the work. */
typedef int (*mvad_synth_progress)(int64_t done, int64_t total, void *user);

MVAD_API void mvad_synth_options_init(mvad_synth_options *options, size_t size);

static inline mvad_synth_options mvad_synth_options_default(void)
{
    mvad_synth_options options;
    mvad_synth_options_init(&options, sizeof options);
    return options;
}

/* The name of a class, 0 to MVAD_SYNTH_CLASSES - 1: "machined_plate" and so on; NULL for a number
 * out of range. */
MVAD_API const char *mvad_synth_class_name(int32_t index);

/* Renders a data set in Real-IAD's layout:
 *
 *     FOLDER/realiad_jsons/CLASS.json
 *     FOLDER/realiad_SIZE/CLASS/OK/S0001/CLASS_0001_OK_C1_DATE.jpg
 *     FOLDER/realiad_SIZE/CLASS/NG/YW/S0022/CLASS_0022_NG_YW_C1_DATE.jpg, its mask .png
 *     FOLDER/synth.txt                                                      the options
 *
 * C1 is the view from above. SIZE is 256, 512 or 1024, and "raw" for all other sizes. The defects
 * take turns: pit (AK), deformation (BX), scratch (HS), missing part (QS), foreign object (YW),
 * contamination (ZW). They are made on the part, so a view shows one only if it can see it. A mask
 * marks the pixels in which the surface seen, not only its light, is another than it would be
 * without the defect; a view with fewer than 12 of them (at 256 x 256) counts as normal and has no
 * mask.
 *
 * The same options give the same bytes, whatever the number of threads. The folder is made where it
 * does not exist. One that holds anything is refused, unless synth.txt tells that it comes from
 * these options: the work is then done again. A class's JSON file is written last, so a set that is
 * not complete has none. A stop asked for by `progress` leaves such a set and is no error: MVAD_OK.
 * Errors: MVAD_ERROR_INVALID_ARGUMENT, MVAD_ERROR_IO, MVAD_ERROR_OUT_OF_MEMORY. */
MVAD_API mvad_status mvad_synth_write(const char *folder, const mvad_synth_options *options,
                                      mvad_synth_progress progress, void *user, mvad_error *error);

#ifdef __cplusplus
}
#endif
#endif
