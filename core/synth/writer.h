/* The files of a rendered data set: folders, images, records. */
#ifndef SYNTH_WRITER_H
#define SYNTH_WRITER_H

#include <stdbool.h>
#include <stddef.h>

#include "core/synth/scene.h"
#include "mvad.h"

/* One part of the set, as its records name it. */
struct sample {
    const struct family *family;
    int number; /* from 1, through training and test samples of the class */
    bool is_test;
    enum defect_kind kind;    /* DEFECT_NONE: good */
    bool masked[SCENE_VIEWS]; /* whether the view shows the defect */
};

/* Makes the folder a data set of these options, or sees that it is one: one that holds anything
 * else is refused. */
mvad_status writer_open(const char *folder, const mvad_synth_options *options, mvad_error *error);

/* Writes a view of a sample: the image, or its mask where `is_mask`. May be called from several
 * threads. */
mvad_status writer_image(const char *folder, int image_size, const struct sample *sample, int view,
                         bool is_mask, const void *data, size_t bytes, mvad_error *error);

/* Writes the JSON file of the class that all these samples belong to, training samples first. */
mvad_status writer_records(const char *folder, const struct sample *samples, size_t count,
                           mvad_error *error);

#endif
