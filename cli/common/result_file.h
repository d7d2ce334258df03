/* Results written whole or not at all.
 *
 *     struct result_file file;
 *     int code = result_file_begin(&caller, "metrics.csv", &file);
 *     if (code == EXIT_DONE) {
 *         fprintf(file.stream, ..);
 *         code = result_file_end(&caller, &file);
 *     }
 */
#ifndef CLI_COMMON_RESULT_FILE_H
#define CLI_COMMON_RESULT_FILE_H

#include <stdio.h>

#include "cli/common/command.h"

struct result_file {
    const char *path; /* not owned */
    FILE *stream;     /* into the temporary file */
    char *target;     /* what `path` leads to, and the temporary file beside it */
    char *temporary;
};

/* Says early, before hours of work, that a result could not be written: its folder has to be there
 * and take files. EXIT_DONE, or EXIT_FAILED after a message. */
int result_file_check(const struct caller *caller, const char *path);

/* Opens a temporary file in the folder of what `path` leads to: a link is followed. EXIT_DONE, or
 * EXIT_FAILED after a message. */
int result_file_begin(const struct caller *caller, const char *path, struct result_file *file);

/* Syncs the temporary file and renames it to `path`. On failure what was there before is intact.
 * Ends the file in any case. EXIT_DONE, or EXIT_FAILED after a message. */
int result_file_end(const struct caller *caller, struct result_file *file);

/* Ends the file without a result: what was there before stays. */
void result_file_abandon(struct result_file *file);

#endif
