/* The photographs in a folder that others write to, and the parts they make.
 *
 *     struct watch_folder folder = {.path = "in", .pattern = "{part}_{view}.jpg", .settle = 0.5,
 *                                   .timeout = 10, .views = 5};
 *     struct watch_part part;
 *     while (watch_folder_look(&folder, clock_seconds()))
 *         while (watch_folder_next(&folder, clock_seconds(), &part)) ...
 *     watch_folder_free(&folder);
 *
 * It is looked at again and again, which works on any file system. A file counts once its size and its
 * time of change have been the same for a while. */
#ifndef CLI_WATCH_FOLDER_H
#define CLI_WATCH_FOLDER_H

#include <sys/types.h>
#include <time.h>

#include "cli/watch_pattern.h"

/* Files known at a time: what is there beyond that is seen once others have gone. */
#define WATCH_MAX_FILES 16384

struct watch_file {
    char *name; /* owned, with the fields behind it */
    const char *class_name, *part, *view;
    off_t bytes;
    struct timespec modified;
    double changed; /* seconds: when it was first seen so */
    bool seen;      /* at the last look */
    bool doubted;   /* could not be read, as it is: it may not be whole yet */
    bool done;      /* judged, as it is */
};

struct watch_folder {
    const char *path, *pattern;
    double settle, timeout; /* seconds */
    size_t views;           /* of a whole part */
    const char *view_names; /* with commas between; NULL: those of the last whole part */
    bool strange;           /* a file whose name does not fit was seen */
    bool full;              /* at the last look more files were there than can be known */
    /* private */
    struct watch_file *files; /* by class, part, view, name */
    size_t count, capacity;
    char *learnt; /* view names of the last whole part, with commas between */
};

struct watch_part {
    struct watch_file *files; /* `count` of one part, by view */
    size_t count;
    size_t missing; /* views */
    double changed; /* seconds: when the last one was */
};

/* Takes in what the folder holds now; hidden files are passed over. False with errno set where it cannot
 * be read, or EOVERFLOW without memory: the files known stay. */
bool watch_folder_look(struct watch_folder *folder, double now);

/* The next part that can be judged: whole and read without doubt, or without news for the timeout. False:
 * there is none. Its files are to be marked as doubted or done, or to be looked at again, before the next
 * call. */
bool watch_folder_next(struct watch_folder *folder, double now, struct watch_part *part);

/* The names of the views that a part lacks, with ", " between; to be freed. NULL where they cannot be told: no
 * names were given and no part was whole so far, or the part has views of other names; or without memory. */
char *watch_missing_names(const struct watch_folder *folder, const struct watch_part *part);

/* Whether there are files that are not done. */
bool watch_folder_waits(const struct watch_folder *folder);

/* Whether a file is no more as it was seen. */
bool watch_file_changed(const struct watch_folder *folder, const struct watch_file *file);

/* FOLDER/NAME, to be freed by the caller; NULL without memory. */
char *watch_file_path(const struct watch_folder *folder, const struct watch_file *file);

void watch_folder_free(struct watch_folder *folder);

#endif
