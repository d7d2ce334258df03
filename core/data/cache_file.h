/* What the cache's file looks like; shared by the files that read and that build it.
 *
 *     header                     struct cache_header
 *     table                      struct cache_entry, one a view
 *     zeros up to a multiple of CACHE_ALIGNMENT
 *     for each view              S * S * 3 bytes of pixels; where it has a mask, S * S of marks
 *
 * All numbers in the byte order of the machine, which the header tells. Blocks that are not usable
 * are zeros. The same sources give the same bytes. */
#ifndef DATA_CACHE_FILE_H
#define DATA_CACHE_FILE_H

#include <stdatomic.h>

#include "core/data/cache.h"

#define CACHE_MAGIC 0x0a0d45484341434dull /* "MCACHE\r\n" where the lowest byte comes first */
/* To be raised with every change of the layout or of what decoding and resizing give. */
#define CACHE_VERSION 1
#define CACHE_ALIGNMENT 4096

struct cache_header {
    uint64_t magic;    /* in the other byte order it is another number */
    uint64_t version;  /* CACHE_VERSION */
    uint64_t library;  /* checksum of mvad_version() */
    uint64_t key;      /* of the sources' paths and S; in the file's name as well */
    uint64_t side;     /* S */
    uint64_t views;    /* rows of the table */
    uint64_t bytes;    /* of the whole file */
    uint64_t checksum; /* of the header, with 0 here, and of the table */
};

enum { CACHE_HAS_PIXELS = 1, CACHE_HAS_MARKS = 2 };

struct cache_entry {
    uint64_t image, mask;           /* identities of the sources; mask 0: none */
    uint64_t offset;                /* of the pixels; the marks follow them */
    uint64_t pixels_sum, marks_sum; /* checksums of the blocks; 0 where there is none */
    uint64_t has;                   /* CACHE_HAS_.. */
};

struct image_cache {
    char *path;
    int file; /* -1 until it is open */
    struct cache_header header;
    struct cache_entry *entries;
    atomic_bool damaged; /* a block was not what its checksum says */
};

/* What becomes known of the sources without decoding them. */
struct cache_sources {
    uint64_t key;        /* of all absolute paths, in order */
    int64_t newest_nsec; /* the latest change of any, nanoseconds since 1970 */
};

/* Looks at all sources: fills *sources, and image and mask of entries[0 .. view_count).
 * MVAD_ERROR_OUT_OF_MEMORY. */
mvad_status cache_sources_look(const struct dataset *dataset, struct cache_entry *entries,
                               struct cache_sources *sources, mvad_error *error);

/* Which file lies at a path: a number of its size and its times of change, never 0; of a symbolic
 * link, of the link's too. Missing files have an identity as well. The path itself is not in it.
 * Raises *newest_nsec, unless NULL. */
uint64_t cache_source_identity(const char *path, int64_t *newest_nsec);

/* Writes the file of a cache whose header (but for the checksum) and table of sources and offsets are
 * filled in, and leaves it open. `newest_nsec` of struct cache_sources. */
mvad_status cache_build(const struct dataset *dataset, const mvad_cache_options *options,
                        int64_t newest_nsec, struct image_cache *cache, mvad_error *error);

/* header.checksum as it is to be. */
uint64_t cache_checksum(const struct image_cache *cache);

#endif
