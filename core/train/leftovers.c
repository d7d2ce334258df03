#include "core/train/leftovers.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

/* ".mvad-PROCESS-NUMBER.tmp", of a process that does not exist. */
static bool is_leftover(const char *name)
{
    long process = 0;
    unsigned number;
    int end = 0;
    if (sscanf(name, ".mvad-%ld-%u.tmp%n", &process, &number, &end) != 2) return false;
    return end && !name[end] && process > 0 && kill((pid_t)process, 0) && errno == ESRCH;
}

void leftovers_remove(const char *folder)
{
    DIR *entries = opendir(folder);
    if (!entries) return;
    const struct dirent *entry;
    while ((entry = readdir(entries)))
        if (is_leftover(entry->d_name)) unlinkat(dirfd(entries), entry->d_name, 0);
    closedir(entries);
}
