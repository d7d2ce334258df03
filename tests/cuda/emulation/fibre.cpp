#include "fibre.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

#if defined(__x86_64__)
/* Saves what a function has to preserve by the System V ABI, and the place to return to, on the stack
 * that is left. */
extern "C" void emulation_change_stack(void **save, void *load);
asm(".text\n"
    ".p2align 4\n"
    ".globl emulation_change_stack\n"
    ".hidden emulation_change_stack\n"
    ".type emulation_change_stack, @function\n"
    "emulation_change_stack:\n"
    "    pushq %rbp\n"
    "    pushq %rbx\n"
    "    pushq %r12\n"
    "    pushq %r13\n"
    "    pushq %r14\n"
    "    pushq %r15\n"
    "    movq %rsp, (%rdi)\n"
    "    movq %rsi, %rsp\n"
    "    popq %r15\n"
    "    popq %r14\n"
    "    popq %r13\n"
    "    popq %r12\n"
    "    popq %rbx\n"
    "    popq %rbp\n"
    "    ret\n"
    ".size emulation_change_stack, .-emulation_change_stack\n");
#endif

namespace emulation
{
namespace
{

#if defined(__SANITIZE_ADDRESS__)
constexpr size_t STACK_BYTES = 512 << 10;
#else
constexpr size_t STACK_BYTES = 128 << 10;
#endif

/* The two sides of the switch under way. */
thread_local Fibre *leaving, *entering;

} // namespace

Fibre::Fibre(void (*entry)(void *), void *argument) : entry_(entry), argument_(argument)
{
    const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    size_ = STACK_BYTES;
    memory_ = mmap(nullptr, page + size_, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    /* The lowest page stops a stack that overflows. */
    if (memory_ == MAP_FAILED || mprotect(memory_, page, PROT_NONE)) {
        perror("emulation: stack of a fibre");
        abort();
    }
    unsigned char *const bottom = static_cast<unsigned char *>(memory_) + page;
    bottom_ = bottom;
#if defined(__x86_64__)
    /* Six registers, where to go, and a word so that the stack is aligned as after a call. */
    uintptr_t *const top = reinterpret_cast<uintptr_t *>(bottom + size_) - 8;
    for (int i = 0; i < 8; i++) top[i] = 0;
    top[6] = reinterpret_cast<uintptr_t>(&Fibre::enter);
    stack_pointer_ = top;
#else
    getcontext(&context_);
    context_.uc_stack.ss_sp = bottom;
    context_.uc_stack.ss_size = size_;
    context_.uc_link = nullptr;
    makecontext(&context_, &Fibre::enter, 0);
#endif
}

Fibre::~Fibre()
{
    if (!memory_) return;
#if defined(__SANITIZE_ADDRESS__)
    __asan_unpoison_memory_region(bottom_, size_);
#endif
    munmap(memory_, size_ + static_cast<size_t>(sysconf(_SC_PAGESIZE)));
}

void Fibre::arrived(Fibre *from)
{
#if defined(__SANITIZE_ADDRESS__)
    const void *bottom;
    size_t size;
    __sanitizer_finish_switch_fiber(fake_stack_, &bottom, &size);
    if (!from->memory_) {
        from->bottom_ = bottom;
        from->size_ = size;
    }
#else
    (void)from;
#endif
}

void Fibre::enter()
{
    Fibre *const self = entering;
    self->arrived(leaving);
    self->entry_(self->argument_);
    abort();
}

void Fibre::change(Fibre &from, Fibre &to)
{
    leaving = &from;
    entering = &to;
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_start_switch_fiber(&from.fake_stack_, to.bottom_, to.size_);
#endif
#if defined(__x86_64__)
    emulation_change_stack(&from.stack_pointer_, to.stack_pointer_);
#else
    swapcontext(&from.context_, &to.context_);
#endif
    from.arrived(leaving);
}

} // namespace emulation
