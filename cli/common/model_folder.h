/* What --model may name: a model file, the folder of a training run, or the folder of a single-class
 * run, which holds a run for each class. */
#ifndef CLI_COMMON_MODEL_FOLDER_H
#define CLI_COMMON_MODEL_FOLDER_H

#include "cli/common/command.h"

/* *file: the model file that `path` stands for, to be freed by the caller; NULL where it is a folder
 * with a model a class. OPTIONS_READ, or an exit code after a message. */
int model_folder_find(const struct caller *caller, const char *path, char **file);

/* FOLDER/CLASS, or with a file FOLDER/CLASS/FILE, to be freed by the caller. A class whose name would
 * not do as a folder's is refused. */
int model_folder_class(const struct caller *caller, const char *folder, const char *class_name,
                       const char *file, char **path);

#endif
