/* The emulated driver's streams: what is enqueued runs as late as the driver's documentation allows, when the
 * host waits for it or another stream does, so that a missing wait shows in results. */
#ifndef EMULATED_STREAM_H
#define EMULATED_STREAM_H

#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <vector>

#include <cuda.h>

/* CUDA_SUCCESS, or an error that ends the context. */
typedef std::function<CUresult()> Work;

struct Context;

/* A recorded sequence of work. */
struct CUgraph_st {
    std::vector<Work> work;
};
struct CUgraphExec_st {
    std::vector<Work> work;
};

struct CUstream_st {
    Context *context;
    std::deque<Work> waiting;
    uint64_t enqueued, done;
    CUgraph capture; /* NULL: work is run */
    bool capture_failed;
};

/* Where in a stream an event was recorded last. */
struct CUevent_st {
    CUstream stream;
    uint64_t place;
    double seconds; /* when it was reached */
};

struct Context {
    int device;
    bool retained;
    CUresult error; /* sticky */
    std::vector<CUstream> streams;
    /* Those of a context that an error has ended go with it; others are the caller's to give back. */
    std::vector<CUmodule> modules;
    std::vector<CUgraphExec> executables;
};

/* Held by every function of the driver. */
extern std::recursive_mutex driver_mutex;

CUresult stream_enqueue(CUstream stream, Work work);

/* Runs what is before `place`, and in other streams what that waits for. */
CUresult stream_run_to(CUstream stream, uint64_t place);

/* Runs everything of the context. */
CUresult context_finish(Context *context);

/* The calling thread's context; NULL: none. */
Context *current_context();

/* What MVAD_EMULATED_FAIL, a list as "cuMemAlloc=2,cuLaunchKernel=719", says of the function. */
CUresult injected_error(const char *function);

#endif
