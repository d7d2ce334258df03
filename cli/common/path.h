/* Paths of files. */
#ifndef CLI_COMMON_PATH_H
#define CLI_COMMON_PATH_H

/* FOLDER/NAME, to be freed by the caller; NULL without memory. */
char *path_join(const char *folder, const char *name);

#endif
