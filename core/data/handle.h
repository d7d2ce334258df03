/* The public data set handle. */
#ifndef DATA_HANDLE_H
#define DATA_HANDLE_H

#include "core/data/dataset.h"

struct mvad_dataset {
    struct dataset index;
};

#endif
