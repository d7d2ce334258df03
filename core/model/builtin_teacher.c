/* The teacher that comes with the library: nothing has to be downloaded to try it. */
#include <string.h>

#include "core/base/error.h"
#include "core/model/model.h"
#include "core/model/teacher.h"
#include "core/weights/safetensors.h"

#define TEACHER_NAME "formula-resnet18"

/* An array of millions of numbers would cost the compiler a gigabyte; the assembler takes the file
 * as it is. */
__asm__(".pushsection .rodata\n"
        ".balign 16\n"
        ".hidden mvad_builtin_teacher_begin\n"
        ".globl mvad_builtin_teacher_begin\n"
        "mvad_builtin_teacher_begin:\n"
        ".incbin \"" MVAD_TEACHER_FILE "\"\n"
        ".hidden mvad_builtin_teacher_end\n"
        ".globl mvad_builtin_teacher_end\n"
        "mvad_builtin_teacher_end:\n"
        ".popsection\n");

extern const uint8_t mvad_builtin_teacher_begin[] __attribute__((visibility("hidden")));
extern const uint8_t mvad_builtin_teacher_end[] __attribute__((visibility("hidden")));

mvad_status mvad_model_use_builtin_teacher(mvad_model *model, mvad_error *error)
{
    if (!model) return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "model is NULL");
    const char *backbone = mvad_backbone_name(model->config.backbone);
    if (model->config.backbone != MVAD_BACKBONE_RESNET18)
        return error_set(error, MVAD_ERROR_UNSUPPORTED,
                         "there is no built-in teacher for %s, only for resnet18; ImageNet weights "
                         "as .safetensors: https://huggingface.co/timm/%s.%s",
                         backbone, backbone,
                         model->config.backbone == MVAD_BACKBONE_RESNET34 ? "bt_in1k" : "tv_in1k");
    mvad_tensors *tensors = NULL;
    mvad_status status = mvad_tensors_create(&tensors, error);
    if (!status)
        status = tensors_read_bytes(TEACHER_NAME, mvad_builtin_teacher_begin,
                                    (size_t)(mvad_builtin_teacher_end - mvad_builtin_teacher_begin),
                                    tensors, error);
    if (!status) status = teacher_take(model, tensors, TEACHER_NAME, error);
    mvad_tensors_destroy(tensors);
    return status ? status : mvad_model_set_note(model, "mvad.teacher", TEACHER_NAME, error);
}
