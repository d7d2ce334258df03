/* The boundary between the core and a device. A backend is one constant struct; its `device` and
 * `program` are its own. Functions take an mvad_error and return a status unless they cannot fail.
 * */
#ifndef GRAPH_BACKEND_H
#define GRAPH_BACKEND_H

#include "core/graph/graph.h"
#include "core/graph/plan.h"

/* Wall time of every node of one run, filled by `run` where given. */
struct run_profile {
    double *node_seconds; /* graph.node_count entries */
};

struct backend {
    const char *name; /* the part of a device id before the colon */

    /* Calls visit for each device there is, without opening it. A status, with the reason, where
     * there is none. */
    mvad_status (*list)(void (*visit)(const mvad_device_info *info, void *user), void *user,
                        mvad_error *error);

    /* Opens the index-th device. threads: workers, 0 for one a core; ignored where it means
     * nothing. */
    mvad_status (*open)(int32_t index, int32_t threads, void **device, mvad_error *error);
    void (*close)(void *device);
    void (*describe)(const void *device, mvad_device_info *info);

    /* Device memory. Contents are undefined after alloc. read and write return when the host memory
     * may be reused. */
    mvad_status (*alloc)(void *device, size_t bytes, void **buffer, mvad_error *error);
    void (*free)(void *device, void *buffer);
    mvad_status (*write)(void *device, void *buffer, size_t offset, const void *data, size_t bytes,
                         mvad_error *error);
    mvad_status (*read)(void *device, const void *buffer, size_t offset, void *data, size_t bytes,
                        mvad_error *error);

    /* The same as write for what the next run reads, while another one may be under way: returns when the
     * host memory may be reused, the copy ends beside the run, and the next `run` puts it in its
     * place first. NULL: `write` does as well, because a run has ended when `run` returns. */
    mvad_status (*stage)(void *device, void *buffer, size_t offset, const void *data, size_t bytes,
                         mvad_error *error);

    /* Host memory that `write` and `stage` copy from at the bus's full rate (page-locked). NULL: all is the same. */
    mvad_status (*alloc_host)(void *device, size_t bytes, void **memory, mvad_error *error);
    void (*free_host)(void *device, void *memory);

    /* Whether the device can run this node, with the reason in `error` where not, and the scratch
     * memory it will need. */
    mvad_status (*query)(void *device, const struct graph *graph, const struct node *node,
                         size_t *workspace_bytes, mvad_error *error);

    /* Binds a planned graph to memory: `segments` holds one buffer each, NULL where a segment is
     * empty. The graph, the plan and the buffers outlive the program. */
    mvad_status (*bind)(void *device, const struct graph *graph, const struct plan *plan,
                        void *const segments[SEGMENT_COUNT], void **program, mvad_error *error);
    void (*unbind)(void *device, void *program);

    /* Runs all nodes. No allocation and no waiting for the host inside; `profile` may be NULL. */
    mvad_status (*run)(void *device, void *program, const struct run_profile *profile,
                       mvad_error *error);
    /* Returns when everything started has finished. */
    mvad_status (*sync)(void *device, mvad_error *error);

    /* Multiply-adds a second of a size^3 matrix product, median of `repeats` (both checked by the
     * caller). */
    mvad_status (*gemm_rate)(void *device, mvad_precision precision, int64_t size, int32_t repeats,
                             double *macs_per_second, mvad_error *error);

    /* Bytes a second of a copy of `bytes` bytes within the device's memory, read and written ones
     * counted, median of `repeats` (both checked by the caller). NULL: cannot be measured. */
    mvad_status (*copy_rate)(void *device, size_t bytes, int32_t repeats, double *bytes_per_second,
                             mvad_error *error);

    /* Measures anew what is chosen by measuring, for the nodes of these graphs, and keeps it for later
     * devices of this kind. `report` gets a line for each choice. NULL: nothing is. */
    mvad_status (*tune)(void *device, const struct graph *const *graphs, int count,
                        void (*report)(const char *line, void *user), void *user, mvad_error *error);
};

/* The public handle. */
struct mvad_device {
    const struct backend *backend;
    void *state; /* what backend->open returned */
    _Atomic uint64_t bytes,
        peak_bytes; /* of the executors' buffers: now, and at most since last asked */
};

/* All backends of this build, in the order they are tried; NULL-terminated. (core/backends.c: the
 * one file that names them.) */
extern const struct backend *const backend_registry[];

#endif
