/* A model's inside, and its way onto a device. */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include "core/graph/executor.h"
#include "core/model/parameters.h"

struct mvad_model {
    mvad_config config;
    struct parameter_table table;
    float *values;       /* table.elements, every parameter in PyTorch's layout at its offset */
    mvad_tensors *notes; /* metadata only; NULL without any */
};

/* Takes the notes among a file's metadata, and writes them into one. */
mvad_status notes_from_metadata(struct mvad_model *model, const mvad_tensors *tensors,
                                mvad_error *error);
mvad_status notes_to_metadata(const struct mvad_model *model, mvad_tensors *tensors,
                              mvad_error *error);

/* Checks the tensor `name` of a file for a parameter (there, of its shape, finite) and, with `take`,
 * copies it in. MVAD_ERROR_FORMAT names the file and the tensor. */
mvad_status model_take_tensor(struct mvad_model *model, const struct parameter *parameter,
                              const mvad_tensors *tensors, const char *name, const char *path,
                              bool take, mvad_error *error);

/* Writes every constant, parameter and statistic a graph uses: from the model, computed (position
 * encodings), or folded. */
mvad_status model_upload(const struct mvad_model *model, struct executor *executor,
                         mvad_error *error);

/* Sine position encoding (1, height, width, channels) in double: the first half of the channels
 * from the row, the second from the column; channel pair i of a half is sin and cos of 2 pi (p + 1)
 * / (n + 1e-6) / 10000^(2i / half) at p of n. channels is a multiple of 4. */
void position_encoding(int64_t height, int64_t width, int64_t channels, double *values);

#endif
