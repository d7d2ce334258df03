#include "small_model.h"

#include <math.h>

void write_tensor(const char *file, const char *name, int32_t rank, const int64_t *shape,
                  const float *bad)
{
    size_t count = 1;
    for (int32_t i = 0; i < rank; i++) count *= (size_t)shape[i];
    float *values = malloc(count * sizeof *values);
    assert_non_null(values);
    for (size_t i = 0; i < count; i++) values[i] = sinf(0.37f * (float)(i % 7919));
    if (bad) values[count - 1] = *bad;
    mvad_tensors *tensors;
    char *path = scratch_path(file);
    assert_int_equal(mvad_tensors_create(&tensors, NULL), MVAD_OK);
    assert_int_equal(mvad_tensors_add(tensors, name, rank, shape, values, NULL), MVAD_OK);
    assert_int_equal(mvad_tensors_save(tensors, path, NULL), MVAD_OK);
    mvad_tensors_destroy(tensors);
    free(path);
    free(values);
}

void write_input(const char *file, int64_t images, int64_t channels, int64_t height, int64_t width)
{
    write_tensor(file, "input", 4, (int64_t[]){images, channels, height, width}, NULL);
}

void copy_model(const char *from, const char *to, const char *name, const float *bad)
{
    char *source = scratch_path(from), *target = scratch_path(to);
    mvad_tensors *in, *out;
    assert_int_equal(mvad_tensors_load(source, &in, NULL), MVAD_OK);
    assert_int_equal(mvad_tensors_create(&out, NULL), MVAD_OK);
    for (size_t i = 0; i < mvad_tensors_count(in); i++) {
        mvad_tensor_view view;
        assert_int_equal(mvad_tensors_at(in, i, &view, NULL), MVAD_OK);
        float *values = malloc(view.count * sizeof *values);
        assert_non_null(values);
        memcpy(values, view.data, view.count * sizeof *values);
        if (bad && !strcmp(view.name, name)) values[view.count / 2] = *bad;
        assert_int_equal(mvad_tensors_add(out, view.name, view.rank, view.shape, values, NULL),
                         MVAD_OK);
        free(values);
    }
    assert_int_equal(mvad_tensors_save(out, target, NULL), MVAD_OK);
    mvad_tensors_destroy(in);
    mvad_tensors_destroy(out);
    free(source);
    free(target);
}

int small_model_make(void **state)
{
    if (scratch_make(state)) return -1;
    expect_run_quietly(0, MVAD " init --out @m.safetensors --seed 7 " SMALL);
    write_input("in.safetensors", SAMPLES * VIEWS, 3, SIZE, SIZE);
    return 0;
}
