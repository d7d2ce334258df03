/* Status, errors, version and messages: what everything else includes. Part of mvad.h, whose conventions hold. */
#ifndef MVAD_BASE_H
#define MVAD_BASE_H

#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
#define MVAD_API
#else
#define MVAD_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef enum mvad_status {
    MVAD_OK = 0,
    MVAD_ERROR_INVALID_ARGUMENT, /* a value outside its documented range, or shapes that do not fit together */
    MVAD_ERROR_OUT_OF_MEMORY, /* of the host or of the device */
    MVAD_ERROR_IO,            /* a file could not be opened, read, written or replaced */
    MVAD_ERROR_FORMAT,        /* a file was read but is not what it should be */
    MVAD_ERROR_UNSUPPORTED,   /* the device or this build cannot do it */
    MVAD_ERROR_DEVICE,        /* no such device, or it failed while running */
    MVAD_ERROR_NUMERIC        /* a NaN or an infinity where a number was needed */
} mvad_status;

typedef struct mvad_error {
    mvad_status status;
    char message[512]; /* one line, no trailing newline; empty when status is MVAD_OK */
} mvad_error;

/* The library's version, "major.minor.patch". */
MVAD_API const char *mvad_version(void);

/* A short English name of a status, for example "out of memory". Never NULL. */
MVAD_API const char *mvad_status_name(mvad_status status);

/* ---- messages ---- */

typedef enum mvad_log_level {
    MVAD_LOG_NONE = 0,
    MVAD_LOG_WARNING, /* something could not be used, and another way to the same result was taken */
    MVAD_LOG_INFO     /* what was opened, made anew, measured or chosen */
} mvad_log_level;

/* `line`: one line without an end, valid during the call. */
typedef void (*mvad_log_function)(mvad_log_level level, const char *line, void *user);

/* Gives messages up to this level to `function`, for the whole process, from now on; MVAD_LOG_NONE or NULL
 * ends it, which is how it begins. Errors are not among them: those are returned. The function is called
 * from any thread that is in the library, its own ones included, by one at a time, and must not call the
 * library. On return from mvad_log_set the function set before is not running and is not called again. */
MVAD_API void mvad_log_set(mvad_log_level level, mvad_log_function function, void *user);

#ifdef __cplusplus
}
#endif
#endif
