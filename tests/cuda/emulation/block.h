/* The threads of a block that is being run: who waits for whom. A thread runs until it meets a
 * barrier or an operation of its warp that others have not reached; only then does it need a stack of
 * its own. Kernels without either run as a plain loop over the threads. */
#ifndef EMULATION_BLOCK_H
#define EMULATION_BLOCK_H

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "fibre.h"

namespace emulation
{

constexpr unsigned WARP = 32;

struct Index {
    unsigned x, y, z;
};

/* An asynchronous copy on its way. */
struct Copy {
    void *to;
    const void *from;
    unsigned bytes, valid; /* the rest is zeros */
    unsigned group;
};

/* What a lane hands to an operation of its warp and gets back. */
struct Exchange {
    uint32_t in[12], out[8];
    const void *address;
};

struct Worker;

struct Thread {
    Index index;
    unsigned warp, lane;
    bool started, finished;
    const unsigned *generation; /* goes on when this is no longer `seen` */
    unsigned seen;
    Worker *worker;
    unsigned groups; /* of copies, committed so far */
    std::vector<Copy> copies;
    Exchange exchange;
};

struct Block;

/* A fibre that runs threads of the block, one after the other. */
struct Worker {
    explicit Worker(Block *owner) : block(owner), fibre(&Worker::run, this)
    {
    }
    static void run(void *self);
    Block *block;
    Thread *thread = nullptr;
    Fibre fibre;
};

/* An operation of a warp: reads and writes the exchange of the lanes in `mask`. */
typedef void warp_operation(Thread *warp, unsigned mask, const void *parameter);

struct Block {
    /* ---- for what kernels call ---- */
    void wait_for_block(const char *file, int line);
    void wait_for_warp(unsigned mask, const char *name, warp_operation *operation,
                       const void *parameter);
    /* Ends the launch with a message, in the format of printf. */
    [[noreturn]] __attribute__((format(printf, 2, 3))) void stop(const char *format, ...);

    /* ---- for launches ---- */
    /* Runs body once for each thread; empty, or what went wrong. */
    std::string run(Index grid, Index block, Index at, size_t shared_bytes,
                    const std::function<void()> &body, bool descending);

    Index grid_size, block_size, block_index;
    Thread *current = nullptr;
    unsigned char *shared = nullptr; /* dynamic shared memory */
    size_t shared_size = 0;

  private:
    friend struct Worker;
    struct Warp {
        unsigned lanes, arrived, mask, generation;
        const char *name;
    };
    Thread *next_thread();
    bool resume(Thread &thread);
    bool run_warp(unsigned warp);
    void suspend(const unsigned *generation);
    std::string describe_deadlock() const;

    Fibre main_;
    std::vector<std::unique_ptr<Worker>> workers_;
    std::vector<Worker *> idle_;
    std::vector<Thread> threads_;
    std::vector<Warp> warps_;
    std::vector<unsigned char> shared_memory_;
    const std::function<void()> *body_ = nullptr;
    std::string error_;
    unsigned count_ = 0, unstarted_ = 0, arrived_ = 0, finished_ = 0, generation_ = 0;
    const char *barrier_file_ = nullptr;
    int barrier_line_ = 0;
    bool descending_ = false;
};

/* The block that this thread of the CPU runs. */
extern thread_local Block *block;

} // namespace emulation

#endif
