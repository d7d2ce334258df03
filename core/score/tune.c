/* Measuring on a device which kernels serve a network best. */
#include "core/base/error.h"
#include "core/graph/backend.h"
#include "core/model/network.h"

mvad_status mvad_device_tune(mvad_device *device, const mvad_config *config, int32_t samples,
                             void (*report)(const char *line, void *user), void *user,
                             mvad_error *error)
{
    if (!device || !config || !report)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "an argument is NULL");
    if (!device->backend->tune)
        return error_set(error, MVAD_ERROR_UNSUPPORTED, "%s: there is nothing to tune",
                         device->backend->name);
    struct built_graph inference = {0}, training = {0};
    mvad_trainer_options options = mvad_trainer_options_default();
    options.samples = samples;
    mvad_status status =
        network_build_inference(config, 1, 0, MVAD_PRECISION_F32, NULL, &inference, error);
    if (!status) {
        status = network_build_training(config, &options, &training, error);
        const struct graph *const graphs[] = {&inference.graph, &training.graph};
        if (!status) status = device->backend->tune(device->state, graphs, 2, report, user, error);
        if (!status) graph_free(&training.graph);
        graph_free(&inference.graph);
    }
    return status;
}
