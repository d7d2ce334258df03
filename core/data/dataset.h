/* The index of a data set: classes, their samples (parts), the views of a sample, and which files
 * they are. Nothing is decoded here.
 *
 *     struct dataset_options options = {.root = "realiad"};
 *     struct dataset dataset;
 *     status = dataset_open(&options, &dataset, error);
 *     const struct dataset_sample *sample = &dataset.samples[i];
 *     const struct dataset_view *views = &dataset.views[sample->first_view];
 *     ... views[0 .. sample->view_count) ...
 *     dataset_close(&dataset);
 *
 * Three kinds are told apart by what lies at `root`:
 *   Real-IAD   JSON files in ROOT/realiad_jsons (or realiad_jsons_VARIANT), in a folder of that
 *              name inside it, or CLASS.json in ROOT; images under ROOT/realiad_{256,512,1024,raw}/
 *              CLASS, ROOT/CLASS or CLASS/CLASS
 *   folders    ROOT/CLASS/{train,test}/{good,DEFECT}/SAMPLE/VIEW.{png,jpg,jpeg,bmp}, masks
 *              ROOT/CLASS/ground_truth/DEFECT/SAMPLE/VIEW.{png,bmp}
 *   manifest   a .csv or .jsonl file with the columns sample, view, class, split, label, image,
 *              mask (paths relative to its folder)
 */
#ifndef DATA_DATASET_H
#define DATA_DATASET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mvad.h"

enum dataset_split { DATASET_TRAIN, DATASET_TEST };

enum dataset_label { DATASET_NORMAL, DATASET_ANOMALOUS, DATASET_UNKNOWN };

/* All strings belong to the data set. */
struct dataset_view {
    const char *name;         /* "C1" in Real-IAD, else the file's name without its ending */
    const char *image;        /* path to open */
    const char *mask;         /* path to open; NULL for a normal view, and where none is recorded */
    const char *defect;       /* the record's code ("HS", "scratch"); "" where there is none */
    enum dataset_label label; /* by the record, never by the path */
    size_t cached;            /* its place in the data set's cache, where there is one */
};

struct dataset_sample {
    const char *name;
    size_t class_index;
    enum dataset_split split;
    enum dataset_label label; /* anomalous if any view is, else unknown if any is, else normal */
    size_t first_view, view_count;
};

struct dataset_class {
    const char *name;
    size_t first_sample;
    size_t train_count, test_count; /* training samples come first */
};

/* Classes in order of their names; samples by class, split, name; views by sample, name, path.
 * Names are compared byte by byte, names of views with numbers as numbers ("C2" before "C10"). The
 * same files give the same index whatever order a file system or a JSON file lists them in. */
struct dataset {
    struct dataset_class *classes;
    size_t class_count;
    struct dataset_sample *samples;
    size_t sample_count;
    struct dataset_view *views;
    size_t view_count;
    const char *kind;          /* "Real-IAD", "folders" or "manifest"; static */
    struct image_cache *cache; /* owned (core/data/cache.h); NULL: none, as dataset_open leaves it */
    void *strings;             /* private */
};

struct dataset_options {
    const char *root;    /* a folder, or a manifest */
    const char *variant; /* of Real-IAD's JSON files: "sv", "fuiad_0.1", ..; NULL: the usual ones */
    const char *classes; /* comma-separated names; NULL: all */
    int32_t image_size; /* where Real-IAD lies there in several sizes, the smallest that has as many
                            pixels a side is taken, or else the largest; 0: the smallest */
};

/* MVAD_ERROR_IO where root or a file of the index cannot be read, MVAD_ERROR_FORMAT where one is
 * not what it should be or names a path that is absolute, leaves the root or has control
 * characters, MVAD_ERROR_INVALID_ARGUMENT for an unknown class or variant. Whether the images exist
 * is dataset_check's business. On failure *dataset is empty. */
mvad_status dataset_open(const struct dataset_options *options, struct dataset *dataset,
                         mvad_error *error);

/* A part and the photographs of its views. */
struct dataset_part {
    const char *class_name, *name;
    const char *const *views; /* their names; NULL: "1", "2", .. in this order */
    const char *const *images;
    size_t count;
};

/* One test sample of unknown label; kind "images". Strings are copied; no file is looked at.
 * MVAD_ERROR_INVALID_ARGUMENT where there is no image, or one without a name. */
mvad_status dataset_from_part(const struct dataset_part *part, struct dataset *dataset,
                              mvad_error *error);

/* Accepts an empty data set, and leaves one. */
void dataset_close(struct dataset *dataset);

/* Takes out the samples i with remove[i] set; classes stay, if need be without samples. */
void dataset_remove_samples(struct dataset *dataset, const bool *remove);

#endif
