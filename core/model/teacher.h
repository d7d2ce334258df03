/* A ResNet's tensors as the teacher of a model. */
#ifndef MODEL_TEACHER_H
#define MODEL_TEACHER_H

#include "mvad.h"

/* Replaces the teacher's parameters by the tensors of a set with torchvision's names; all are looked
 * at before one is taken. `path` names them in messages. MVAD_ERROR_FORMAT. */
mvad_status teacher_take(mvad_model *model, const mvad_tensors *tensors, const char *path,
                         mvad_error *error);

#endif
