/* A scratch folder with a small model, m.safetensors, and an input for it, in.safetensors; and
 * variations of both. */
#ifndef TESTS_SMALL_MODEL_H
#define TESTS_SMALL_MODEL_H

#include "run_program.h"

#define SMALL "--backbone resnet18 --size 64 --views 2 --windows 4,4,2 --topk 4,4,2 --blocks 1,1,1"
#define BENCH MVAD_BENCH_PROGRAM
#define MVAD MVAD_PROGRAM

/* What in.safetensors holds. */
enum { SAMPLES = 3, VIEWS = 2, SIZE = 64, PIXELS = SIZE * SIZE };

/* Setup of a group: scratch_make, and the two files. */
int small_model_make(void **state);

/* A file of one tensor; `bad` replaces its last element where it is not NULL. */
void write_tensor(const char *file, const char *name, int32_t rank, const int64_t *shape,
                  const float *bad);

/* A file of the tensor `input`. */
void write_input(const char *file, int64_t images, int64_t channels, int64_t height, int64_t width);

/* A copy of a model file without its metadata, and with one weight of `name` replaced where `bad`
 * is not NULL. */
void copy_model(const char *from, const char *to, const char *name, const float *bad);

#endif
