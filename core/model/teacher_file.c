/* ImageNet weights for the teacher, from the files torchvision and timm publish. */
#include <stdio.h>
#include <string.h>

#include "core/base/error.h"
#include "core/model/model.h"
#include "core/model/teacher.h"

#define TEACHER_PREFIX "net_t."

mvad_status teacher_take(mvad_model *model, const mvad_tensors *tensors, const char *path,
                         mvad_error *error)
{
    const size_t prefix = strlen(TEACHER_PREFIX);
    mvad_status status = MVAD_OK;
    for (int take = 0; take < 2; take++) {
        for (size_t i = 0; i < model->table.count && !status; i++) {
            const struct parameter *parameter = &model->table.items[i];
            if (strncmp(parameter->name, TEACHER_PREFIX, prefix) != 0) continue;
            status = model_take_tensor(model, parameter, tensors, parameter->name + prefix, path,
                                       take, error);
        }
    }
    if (status == MVAD_ERROR_FORMAT) {
        mvad_error detail = {0};
        if (error) detail = *error;
        return error_set(error, status, "%.380s (as a teacher for %s)", detail.message,
                         mvad_backbone_name(model->config.backbone));
    }
    return status;
}

mvad_status mvad_model_load_teacher(mvad_model *model, const char *path, mvad_error *error)
{
    if (!model || !path)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "model or path is NULL");
    mvad_tensors *tensors = NULL;
    mvad_status status = mvad_tensors_load(path, &tensors, error);
    if (!status) status = teacher_take(model, tensors, path, error);
    mvad_tensors_destroy(tensors);
    const char *slash = strrchr(path, '/');
    /* A name that is not UTF-8 cannot stand in a file, which is no reason not to train. */
    if (!status && mvad_model_set_note(model, "mvad.teacher", slash ? slash + 1 : path, NULL))
        status = mvad_model_set_note(model, "mvad.teacher", "file", error);
    return status ? status : error_clear(error);
}
