/* Results written whole or not at all.
 *
 *     struct result_file file;
 *     int code = result_file_begin(&caller, "metrics.csv", &file);
 *     if (code == EXIT_DONE) {
 *         fprintf(file.stream, ..);
 *         code = result_file_end(&caller, &file);
 *     }
 */
#ifndef CLI_RESULT_FILE_H
#define CLI_RESULT_FILE_H

#include <stdio.h>

#include "cli/common/command.h"

struct result_file {
    const char *path; /* not owned */
    FILE *stream;     /* into memory */
    char *text;
    size_t bytes;
};

/* Says early, before hours of work, that a result could not be written: its folder has to be there
 * and take files. EXIT_DONE, or EXIT_FAILED after a message. */
int result_file_check(const struct caller *caller, const char *path);

/* Gathers the text in memory. */
int result_file_begin(const struct caller *caller, const char *path, struct result_file *file);

/* Writes it to a temporary file in the same folder, syncs that and renames it to `path`; a link is
 * followed. On failure what was there before is intact. Ends the file in any case. EXIT_DONE, or
 * EXIT_FAILED after a message. */
int result_file_end(const struct caller *caller, struct result_file *file);

#endif
