/* Files of torch.save that hold a state dict: the zip archive of PyTorch 1.6 and later, the stream of
 * pickles before it, and the tar archive of PyTorch 0.1.
 *
 * A state dict is a dictionary from names to tensors. It may lie in another dictionary under
 * `state_dict`, `net` or `model`, beside things that are no tensors and are passed over; where all
 * names begin with `module.`, as those of a model on several devices do, that is taken off. The
 * pickles in the files are interpreted (core/weights/pickle.h), never executed: names other than
 * those of tensors, their classes and the functions that put them together are refused. */
#ifndef WEIGHTS_TORCH_H
#define WEIGHTS_TORCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mvad.h"

/* Whether the bytes begin as one of the three does; a zip or tar archive may still be another one. */
bool torch_is(const uint8_t *data, size_t size);

/* Fills an empty set from a file's bytes, for which torch_is and which outlive the set. Tensors keep
 * their types; contiguous little-endian ones stay where they are. MVAD_ERROR_FORMAT names the file,
 * the place in it and the cause. On failure the set is good for mvad_tensors_destroy only. */
mvad_status torch_read_bytes(const char *name, const uint8_t *data, size_t size,
                             mvad_tensors *tensors, mvad_error *error);

#endif
