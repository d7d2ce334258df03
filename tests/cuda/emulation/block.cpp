#include "block.h"

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace emulation
{

thread_local Block *block;

/* The next thread that has not begun, in the order of the launch. */
Thread *Block::next_thread()
{
    if (unstarted_ == count_) return nullptr;
    const unsigned i = unstarted_++;
    return &threads_[descending_ ? count_ - 1 - i : i];
}

void Worker::run(void *self)
{
    Worker *const worker = static_cast<Worker *>(self);
    Block *const b = worker->block;
    for (;;) {
        while (worker->thread) {
            Thread *const thread = worker->thread;
            thread->started = true;
            thread->worker = worker;
            b->current = thread;
            (*b->body_)();
            thread->finished = true;
            b->finished_++;
            worker->thread = b->next_thread();
        }
        b->idle_.push_back(worker);
        Fibre::change(worker->fibre, b->main_);
    }
}

void Block::suspend(const unsigned *generation)
{
    Thread *const self = current;
    self->generation = generation;
    self->seen = *generation;
    Fibre::change(self->worker->fibre, main_);
    current = self;
}

void Block::wait_for_block(const char *file, int line)
{
    if (!arrived_) {
        barrier_file_ = file;
        barrier_line_ = line;
    } else if (barrier_line_ != line || strcmp(barrier_file_, file)) {
        stop("threads of a block wait at different barriers, %s:%d and %s:%d", barrier_file_,
             barrier_line_, file, line);
    }
    if (++arrived_ < count_) {
        suspend(&generation_);
        return;
    }
    arrived_ = 0;
    generation_++;
}

void Block::wait_for_warp(unsigned mask, const char *name, warp_operation *operation,
                          const void *parameter)
{
    Warp &warp = warps_[current->warp];
    mask &= warp.lanes;
    if (!(mask >> current->lane & 1)) stop("%s by a lane that its mask leaves out", name);
    if (!warp.arrived) {
        warp.mask = mask;
        warp.name = name;
    } else if (warp.mask != mask || strcmp(warp.name, name)) {
        stop("lanes of a warp disagree: %s and %s", warp.name, name);
    }
    warp.arrived |= 1u << current->lane;
    if (warp.arrived != mask) {
        suspend(&warp.generation);
        return;
    }
    warp.arrived = 0;
    warp.generation++;
    if (operation) operation(&threads_[current->warp * WARP], mask, parameter);
}

/* Nothing may be left on this stack to be destroyed: it is not gone back to. */
void Block::stop(const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(text, sizeof text - 80, format, arguments);
    va_end(arguments);
    const size_t used = length < 0 ? 0 : strnlen(text, sizeof text - 80);
    snprintf(text + used, sizeof text - used, " (thread %u,%u,%u of block %u,%u,%u)",
             current->index.x, current->index.y, current->index.z, block_index.x, block_index.y,
             block_index.z);
    error_ = text;
    for (;;) Fibre::change(current->worker->fibre, main_);
}

/* Lets a thread run until it waits or ends; false if it cannot. */
bool Block::resume(Thread &thread)
{
    Worker *worker;
    if (thread.finished) return false;
    if (thread.started) {
        if (*thread.generation == thread.seen) return false;
        worker = thread.worker;
    } else {
        if (idle_.empty()) {
            workers_.push_back(std::make_unique<Worker>(this));
            idle_.push_back(workers_.back().get());
        }
        worker = idle_.back();
        idle_.pop_back();
        worker->thread = next_thread();
    }
    Fibre::change(main_, worker->fibre);
    return true;
}

/* A warp runs until all of its lanes wait for others or have ended. */
bool Block::run_warp(unsigned warp)
{
    const unsigned first = warp * WARP, end = first + WARP < count_ ? first + WARP : count_;
    bool any = false;
    for (bool again = true; again && error_.empty(); any |= again) {
        again = false;
        for (unsigned i = 0; i < end - first && error_.empty(); i++)
            again |= resume(threads_[descending_ ? end - 1 - i : first + i]);
    }
    return any;
}

std::string Block::describe_deadlock() const
{
    for (const Warp &warp : warps_)
        if (warp.arrived) return std::string(warp.name) + ": not all lanes of its mask reach it";
    return std::string(barrier_file_) + ":" + std::to_string(barrier_line_) + ": " +
           std::to_string(arrived_) + " of " + std::to_string(count_) +
           " threads wait at the barrier, " + std::to_string(finished_) + " have ended";
}

std::string Block::run(Index grid, Index size, Index at, size_t shared_bytes,
                       const std::function<void()> &body, bool descending)
{
    grid_size = grid;
    block_size = size;
    block_index = at;
    body_ = &body;
    descending_ = descending;
    count_ = size.x * size.y * size.z;
    unstarted_ = arrived_ = finished_ = 0;
    error_.clear();
    threads_.resize(count_);
    warps_.assign((count_ + WARP - 1) / WARP, Warp());
    for (unsigned i = 0; i < count_; i++) {
        Thread &thread = threads_[i];
        thread.index = {i % size.x, i / size.x % size.y, i / size.x / size.y};
        thread.warp = i / WARP;
        thread.lane = i % WARP;
        thread.started = thread.finished = false;
        thread.groups = 0;
        thread.copies.clear();
        warps_[i / WARP].lanes |= 1u << i % WARP;
    }
    /* What an earlier block left there is not for this one: bytes that are a NaN in every format. */
    shared_memory_.assign(shared_bytes + 128, 0xff);
    shared = shared_memory_.data();
    shared += 128 - reinterpret_cast<uintptr_t>(shared) % 128;
    shared_size = shared_bytes;

    block = this;
    for (bool any = true; any && finished_ < count_ && error_.empty();) {
        any = false;
        for (unsigned i = 0; i < warps_.size() && error_.empty(); i++)
            any |= run_warp(descending ? static_cast<unsigned>(warps_.size()) - 1 - i : i);
    }
    block = nullptr;
    if (error_.empty() && finished_ < count_) error_ = describe_deadlock();
    if (!error_.empty()) {
        /* Their stacks hold threads that will not go on. */
        idle_.clear();
        workers_.clear();
    }
    return error_;
}

} // namespace emulation
