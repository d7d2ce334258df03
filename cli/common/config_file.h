/* Options from files of lines `key = value`, and options written as such a file:
 *
 *     # Model and device
 *     model = runs/a/model.safetensors    # an option's long name, and its value
 *     out = "parts #7, left \"side\""     # quoted: #, blanks at the ends, \" \\ \n \r \t
 *     classes = 'left\right'              # quoted, and taken as it stands
 *     recompute = true                    # or yes or 1; false, no or 0
 */
#ifndef CLI_COMMON_CONFIG_FILE_H
#define CLI_COMMON_CONFIG_FILE_H

#include "cli/common/options.h"

/* What the command line said. The arrays belong to options_parse. */
struct config_request {
    char **paths; /* of --config, in the order given */
    size_t count;
    bool *given;        /* by `val` of the table's entries: on the command line, which overrides */
    size_t entry_count; /* elements of `given` */
};

/* Reads the files, later ones overriding earlier ones, into those variables of the table that the
 * command line did not set. OPTIONS_READ, or an exit code after a message: EXIT_UNREADABLE for a
 * file that cannot be read, EXIT_USAGE with file and line for what stands in it. */
int config_file_read(const struct caller *caller, const struct config_request *request,
                     struct poptOption *table);

/* Prints the table's options on standard output as a file that gives them again: what was given as
 * `key = value`, everything else, with its default, as a comment. EXIT_DONE, or EXIT_USAGE after a
 * message about an option given that no file can hold. */
int config_file_print(const struct caller *caller, const struct config_request *request,
                      const struct poptOption *table);

#endif
