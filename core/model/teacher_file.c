/* ImageNet weights for the teacher, from the files torchvision and timm publish. */
#include <stdio.h>
#include <string.h>

#include "core/base/error.h"
#include "core/model/model.h"

#define TEACHER_PREFIX "net_t."

mvad_status mvad_model_load_teacher(mvad_model *model, const char *path, mvad_error *error)
{
    if (!model || !path)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "model or path is NULL");
    mvad_tensors *tensors = NULL;
    const size_t prefix = strlen(TEACHER_PREFIX);
    mvad_status status = mvad_tensors_load(path, &tensors, error);
    /* All of them are looked at before one is taken: a file of another backbone changes nothing. */
    for (int take = 0; take < 2; take++) {
        for (size_t i = 0; i < model->table.count && !status; i++) {
            const struct parameter *parameter = &model->table.items[i];
            if (strncmp(parameter->name, TEACHER_PREFIX, prefix) != 0) continue;
            status = model_take_tensor(model, parameter, tensors, parameter->name + prefix, path,
                                       take, error);
        }
    }
    mvad_tensors_destroy(tensors);
    if (status == MVAD_ERROR_FORMAT) {
        mvad_error detail = {0};
        if (error) detail = *error;
        return error_set(error, status, "%.380s (as a teacher for %s)", detail.message,
                         mvad_backbone_name(model->config.backbone));
    }
    return status ? status : error_clear(error);
}
