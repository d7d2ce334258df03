/* Data sets, and names for files about their parts. Part of mvad.h, whose conventions hold. */
#ifndef MVAD_DATASET_H
#define MVAD_DATASET_H

#include <mvad/config.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Which images there are: classes, samples, views, and what is known of them. Three kinds are told
 * apart by what lies at the path: Real-IAD (JSON files and images, in any of its layouts), folders
 * (ROOT/CLASS/{train,test}/{good,DEFECT}/SAMPLE/VIEW.png, masks in ground_truth), or a manifest
 * (.csv or .jsonl). */
typedef struct mvad_dataset mvad_dataset;

typedef enum mvad_label { MVAD_NORMAL = 0, MVAD_ANOMALOUS, MVAD_UNLABELLED } mvad_label;

typedef struct mvad_dataset_options {
    size_t size;         /* of the structure; set by ..._default */
    const char *variant; /* of Real-IAD's JSON files: "sv", "fuiad_0.1", ..; NULL: the usual ones */
    const char *classes; /* comma-separated names; NULL: all */
    int32_t image_size;  /* picks among the sizes Real-IAD lies there in; 0: the smallest */
    int32_t reserved;    /* 0 */
} mvad_dataset_options;

typedef struct mvad_dataset_class {
    const char *name; /* owned by the data set */
    uint64_t train_samples, test_samples;
    uint64_t anomalous_samples; /* of both splits */
    uint64_t views, anomalous_views;
    uint64_t reserved[4];
} mvad_dataset_class;

typedef struct mvad_dataset_problem {
    const char *kind; /* static: "broken image", "missing mask", .. */
    const char *text; /* one line that names the file or the sample; valid during the call */
    int32_t fatal;    /* 1: the sample cannot be used; 0: a warning */
} mvad_dataset_problem;

MVAD_API void mvad_dataset_options_init(mvad_dataset_options *options, size_t size);

static inline mvad_dataset_options mvad_dataset_options_default(void)
{
    mvad_dataset_options options;
    mvad_dataset_options_init(&options, sizeof options);
    return options;
}

/* Reads the index; no image is decoded. MVAD_ERROR_IO or MVAD_ERROR_FORMAT name the file. */
MVAD_API mvad_status mvad_dataset_open(const char *path, const mvad_dataset_options *options,
                                       mvad_dataset **dataset, mvad_error *error);

/* One test part of unknown label from its photographs: class "" and this name, one view a file in the
 * order given, called "1", "2", .. No file is looked at. */
MVAD_API mvad_status mvad_dataset_from_images(const char *name, const char *const *images,
                                              size_t count, mvad_dataset **dataset,
                                              mvad_error *error);

/* The same for a part of a class ("" for none), with names of its views: they are taken in the order of
 * their names, numbers in them as numbers. NULL for `views`: "1", "2", .. */
MVAD_API mvad_status mvad_dataset_from_views(const char *class_name, const char *name,
                                             const char *const *views, const char *const *images,
                                             size_t count, mvad_dataset **dataset,
                                             mvad_error *error);

/* "Real-IAD", "folders", "manifest" or "images"; and the classes, in order of their names. */
MVAD_API const char *mvad_dataset_kind(const mvad_dataset *dataset);
MVAD_API size_t mvad_dataset_class_count(const mvad_dataset *dataset);
MVAD_API mvad_status mvad_dataset_class_at(const mvad_dataset *dataset, size_t index,
                                           mvad_dataset_class *result, mvad_error *error);

typedef struct mvad_dataset_check_options {
    size_t size;     /* of the structure; set by ..._default */
    int32_t threads; /* 0: one a core */
    int32_t remove;  /* 1: samples with a fatal problem are taken out of the data set */
    void (*problem)(const mvad_dataset_problem *problem, void *user); /* once each; may be NULL */
    /* After each view, from any thread, one at a time; not 0 stops; may be NULL. */
    int32_t (*progress)(size_t done, size_t total, void *user);
    void *user;
} mvad_dataset_check_options;

MVAD_API void mvad_dataset_check_options_init(mvad_dataset_check_options *options, size_t size);

static inline mvad_dataset_check_options mvad_dataset_check_options_default(void)
{
    mvad_dataset_check_options options;
    mvad_dataset_check_options_init(&options, sizeof options);
    return options;
}

/* Decodes every image and mask. *fatal: problems that make a sample unusable. Problems are reported,
 * not returned as errors. Stopped by `progress`: MVAD_OK, no problems, nothing taken out. */
MVAD_API mvad_status mvad_dataset_check(mvad_dataset *dataset,
                                        const mvad_dataset_check_options *options, size_t *fatal,
                                        mvad_error *error);

typedef struct mvad_cache_options {
    size_t size;        /* of the structure; set by ..._default */
    const char *folder; /* made if missing */
    int32_t image_size; /* pixels a side that the images are resized to */
    int32_t threads;    /* 0: one a core */
    /* After each image, from any thread, one at a time; not 0 stops; may be NULL. */
    int32_t (*progress)(size_t done, size_t total, void *user);
    void *user;
} mvad_cache_options;

MVAD_API void mvad_cache_options_init(mvad_cache_options *options, size_t size);

static inline mvad_cache_options mvad_cache_options_default(void)
{
    mvad_cache_options options;
    mvad_cache_options_init(&options, sizeof options);
    return options;
}

/* From now on images and masks of that size come from a file of decoded ones in the folder:
 * image_size^2 * 3 bytes an image and image_size^2 a mask. It is made now if it is missing, was made
 * from other files (told by path, size and times of change) or by another version, or is damaged;
 * *built (may be NULL): whether it was. Every block has a checksum: one that is damaged is decoded
 * from its source instead, and the file is made anew the next time. Images are the same with and
 * without a cache. What changes while the data set is open is not seen. Any number of data sets, sizes
 * and processes may share a folder; a choice of classes or samples is a data set of its own. A data
 * set has one cache at a time: a second call replaces the first. A source that cannot be decoded is
 * left to whoever asks for its image. MVAD_ERROR_IO names the cache's file or folder; the data set is
 * then as it was. Stopped by `progress`: MVAD_OK, *built 0, no new file, the data set as it was. */
MVAD_API mvad_status mvad_dataset_cache(mvad_dataset *dataset, const mvad_cache_options *options,
                                        int32_t *built, mvad_error *error);

MVAD_API void mvad_dataset_close(mvad_dataset *dataset);

/* ---- names of files ---- */

/* Names for files about parts of a data set, whose own names may hold anything. */
typedef struct mvad_file_names mvad_file_names;

MVAD_API mvad_status mvad_file_names_create(mvad_file_names **names, mvad_error *error);

/* The texts joined by underscores, empty ones left out; the caller adds folder and ending. A slash
 * becomes an underscore, a dot at the begin too, and other bytes than ASCII letters, digits, dots,
 * dashes and underscores become %XX. What has been given out before (class a_b with part c, class a
 * with part b_c) gets ~2, ~3 .. behind it. *name is valid until the next call. */
MVAD_API mvad_status mvad_file_names_next(mvad_file_names *names, const char *const *texts,
                                          size_t count, const char **name, mvad_error *error);
MVAD_API void mvad_file_names_destroy(mvad_file_names *names);

#ifdef __cplusplus
}
#endif
#endif
