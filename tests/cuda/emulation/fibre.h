/* Fibres: stacks that one thread switches between. */
#ifndef EMULATION_FIBRE_H
#define EMULATION_FIBRE_H

#include <cstddef>

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace emulation
{

/* One stack and where its code was left. The fibre of a thread's own stack has no memory. */
class Fibre
{
  public:
    Fibre() = default;
    /* Will call entry(argument) when first switched to. It must not return. Stops the program where
     * there is no memory. */
    Fibre(void (*entry)(void *), void *argument);
    ~Fibre();
    Fibre(const Fibre &) = delete;
    Fibre &operator=(const Fibre &) = delete;

    /* Leaves the running fibre, which is `from`, and goes on where `to` was left. */
    static void change(Fibre &from, Fibre &to);

  private:
    static void enter();
    void arrived(Fibre *from);

    void (*entry_)(void *) = nullptr;
    void *argument_ = nullptr;
    void *memory_ = nullptr;
#if defined(__x86_64__)
    void *stack_pointer_ = nullptr;
#else
    ucontext_t context_;
#endif
    /* For the address sanitizer. */
    void *fake_stack_ = nullptr;
    const void *bottom_ = nullptr;
    size_t size_ = 0;
};

} // namespace emulation

#endif
