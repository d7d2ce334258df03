#include "cli/common/model_folder.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/common/options.h"
#include "cli/common/path.h"

int model_folder_find(const struct caller *caller, const char *path, char **file)
{
    struct stat info;
    const bool is_folder = stat(path, &info) == 0 && S_ISDIR(info.st_mode);
    *file = is_folder ? path_join(path, "model.safetensors") : strdup(path);
    if (!*file) return command_fail(caller, EXIT_FAILED, "out of memory");
    if (is_folder && access(*file, F_OK)) {
        free(*file);
        *file = NULL;
    }
    return OPTIONS_READ;
}

int model_folder_class(const struct caller *caller, const char *folder, const char *class_name,
                       const char *file, char **path)
{
    *path = NULL;
    if (!*class_name || *class_name == '.' || strchr(class_name, '/'))
        return command_fail(caller, EXIT_UNREADABLE,
                            "class '%s': its name cannot be that of a folder", class_name);
    char *own = path_join(folder, class_name);
    *path = own && file ? path_join(own, file) : own;
    if (own != *path) free(own);
    if (!*path) return command_fail(caller, EXIT_FAILED, "out of memory");
    return OPTIONS_READ;
}
