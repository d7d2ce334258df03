/* The public data set handle. */
#ifndef DATA_HANDLE_H
#define DATA_HANDLE_H

#include "core/data/hold_out.h"

struct mvad_dataset {
    struct dataset index;
    struct hold_out held_out;
};

#endif
