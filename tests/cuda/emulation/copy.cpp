/* cp.async: the bytes arrive when they are waited for, not before. */
#include "emulation.h"

namespace emulation
{

void copy_async(void *to, const void *from, unsigned bytes, unsigned valid)
{
    Thread &thread = *block->current;
    const unsigned char *const target = static_cast<unsigned char *>(to);
    if ((bytes != 4 && bytes != 8 && bytes != 16) || valid > bytes)
        block->stop("cp.async copies 4, 8 or 16 bytes");
    if (reinterpret_cast<uintptr_t>(to) % bytes || reinterpret_cast<uintptr_t>(from) % bytes)
        block->stop("cp.async: an address that is not aligned to its bytes");
    if (target < block->shared || target + bytes > block->shared + block->shared_size)
        block->stop("cp.async: its target is not in dynamic shared memory");
    memset(to, 0xff, bytes);
    thread.copies.push_back({to, from, bytes, valid, thread.groups});
}

void commit_copies()
{
    block->current->groups++;
}

void wait_for_copies(unsigned pending)
{
    Thread &thread = *block->current;
    size_t done = 0;
    for (; done < thread.copies.size(); done++) {
        const Copy &copy = thread.copies[done];
        if (copy.group + pending >= thread.groups) break;
        if (copy.valid) memcpy(copy.to, copy.from, copy.valid);
        memset(static_cast<unsigned char *>(copy.to) + copy.valid, 0, copy.bytes - copy.valid);
    }
    thread.copies.erase(thread.copies.begin(), thread.copies.begin() + static_cast<long>(done));
}

} // namespace emulation
