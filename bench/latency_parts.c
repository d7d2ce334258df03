/* Rendered parts for those who have no photographs at hand. */
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/latency.h"
#include "cli/common/interrupt.h"
#include "cli/common/options.h"
#include "cli/common/path.h"

static int stop(int64_t done, int64_t total, void *user)
{
    (void)done;
    (void)total;
    (void)user;
    return interrupt_came();
}

int latency_parts_make(const struct caller *caller, int photograph_size, char **folder)
{
    enum { PARTS = 6 };
    mvad_synth_options options = mvad_synth_options_default();
    mvad_error error;
    const char *temporary = getenv("TMPDIR");
    *folder = path_join(temporary && *temporary ? temporary : "/tmp", "mvad-bench-XXXXXX");
    if (!*folder) return command_fail(caller, EXIT_FAILED, "out of memory");
    if (!mkdtemp(*folder)) {
        const int code = command_fail(caller, EXIT_FAILED, "%s: cannot make the folder: %s",
                                      *folder, strerror(errno));
        free(*folder);
        *folder = NULL;
        return code;
    }
    options.classes = 1;
    options.samples_train = 0;
    options.samples_test = PARTS;
    options.image_size = photograph_size;
    if (mvad_synth_write(*folder, &options, stop, NULL, &error))
        return command_error(caller, &error);
    return OPTIONS_READ;
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *walk)
{
    (void)info;
    (void)type;
    (void)walk;
    remove(path);
    return 0; /* what cannot be removed stays */
}

void latency_parts_remove(char *folder)
{
    enum { DESCRIPTORS = 16 };
    if (folder) nftw(folder, remove_one, DESCRIPTORS, FTW_DEPTH | FTW_PHYS);
    free(folder);
}
