/* The life of a small model through the public API: create, save, load, score, train a step, export. Run under valgrind,
 * which needs cases this small; two threads, so that the parallel paths are seen. */
#include <math.h>
#include <stdio.h>

#include "mvad.h"

enum { VIEWS = 2, SIZE = 32, FLOATS = VIEWS * 3 * SIZE * SIZE };
static const char *const path = "small_case.safetensors";

static mvad_status make_model(mvad_model **model, mvad_error *error)
{
    mvad_config config = mvad_config_default();
    config.backbone = MVAD_BACKBONE_RESNET18;
    config.views = VIEWS;
    config.image_size = SIZE;
    mvad_model *created = NULL;
    mvad_status status = mvad_model_create(&config, 7, &created, error);
    if (!status) status = mvad_model_save(created, path, error);
    mvad_model_destroy(created);
    if (!status) status = mvad_model_load(path, NULL, model, error);
    remove(path);
    return status;
}

static mvad_status score(const mvad_model *model, mvad_device *device, const float *images,
                         float *result, mvad_error *error)
{
    const mvad_session_options options = mvad_session_options_default();
    mvad_session *session = NULL;
    mvad_status status = mvad_session_create(model, device, &options, &session, error);
    if (!status) status = mvad_session_run(session, images, error);
    if (!status) status = mvad_session_read(session, MVAD_OUTPUT_SAMPLE_SCORE, result, 1, error);
    mvad_session_destroy(session);
    return status;
}

static mvad_status train(mvad_model *model, mvad_device *device, const float *images,
                         mvad_step_result *result, mvad_error *error)
{
    mvad_trainer_options options = mvad_trainer_options_default();
    options.samples = 1;
    mvad_trainer *trainer = NULL;
    mvad_status status = mvad_trainer_create(model, device, &options, &trainer, error);
    if (!status) status = mvad_trainer_step(trainer, images, result, error);
    if (!status) status = mvad_trainer_export(trainer, model, error);
    mvad_trainer_destroy(trainer);
    return status;
}

int main(void)
{
    static float images[FLOATS];
    for (int i = 0; i < FLOATS; i++) images[i] = sinf(0.01f * (float)(i * i % 997));

    mvad_error error = {0};
    mvad_model *model = NULL;
    mvad_device *device = NULL;
    mvad_step_result step = {0};
    float before = 0, after = 0;
    mvad_status status = make_model(&model, &error);
    if (!status) status = mvad_device_open("cpu", 2, &device, &error);
    if (!status) status = score(model, device, images, &before, &error);
    if (!status) status = train(model, device, images, &step, &error);
    if (!status) status = score(model, device, images, &after, &error);
    mvad_device_close(device);
    mvad_model_destroy(model);

    if (status) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    printf("score %g, loss %g, score after the step %g\n", before, step.loss, after);
    return isfinite(before) && isfinite(after) && step.loss > 0 && after != before ? 0 : 1;
}
