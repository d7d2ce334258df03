/* Decodes the files of a data set in several threads, for dataset_check. */
#ifndef DATA_SCAN_H
#define DATA_SCAN_H

#include "core/data/check.h"

/* What decoding one view showed. */
struct scan_result {
    int32_t width, height;           /* of the image; 0 where it is bad */
    int32_t mask_width, mask_height; /* 0 where there is none, or it is bad */
    bool mask_empty;                 /* without a marked pixel */
    mvad_status image_status, mask_status;
    char *image_message, *mask_message; /* owned; NULL where the status is MVAD_OK */
};

/* Fills results[0 .. dataset->view_count), zeroed by the caller; messages are the caller's to free,
 * also on failure. *stopped: by options->progress, and not all are filled. MVAD_ERROR_OUT_OF_MEMORY. */
mvad_status scan_views(const struct dataset *dataset, const struct dataset_check_options *options,
                       struct scan_result *results, bool *stopped, mvad_error *error);

#endif
