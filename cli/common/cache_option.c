#include "cli/common/cache_option.h"

#include <stdio.h>
#include <unistd.h>

#include "cli/common/interrupt.h"

#define IMAGES_BETWEEN_SHOWS 16

static int32_t show_progress(size_t done, size_t total, void *user)
{
    bool *line_open = user;
    if (done % IMAGES_BETWEEN_SHOWS == 0 || done == total) {
        fprintf(stderr, "\rdecoding images for the cache: %zu of %zu", done, total);
        *line_open = true;
    }
    return interrupt_came();
}

int cache_option_open(const struct caller *caller, const char *folder, int32_t image_size,
                      int threads, mvad_dataset *dataset)
{
    if (!folder) return OPTIONS_READ;
    mvad_cache_options options = mvad_cache_options_default();
    mvad_error error;
    bool line_open = false;
    options.folder = folder;
    options.image_size = image_size;
    options.threads = threads;
    options.progress = isatty(STDERR_FILENO) ? show_progress : interrupt_progress;
    options.user = &line_open;
    mvad_status status = mvad_dataset_cache(dataset, &options, NULL, &error);
    if (line_open) fputc('\n', stderr);
    /* Sources that cannot be read are not the cache's business: it is what cannot be written. */
    if (status == MVAD_ERROR_IO) return command_fail(caller, EXIT_FAILED, "%s", error.message);
    if (status) return command_error(caller, &error);
    return interrupt_came()
               ? command_fail(caller, EXIT_INTERRUPTED, "stopped while the cache was being made")
               : OPTIONS_READ;
}
