/* The modules of kernels, compiled by nvcc for every architecture of the build and taken up by the
 * assembler as they are. */
#define MODULE(name)                                               \
    __asm__(".pushsection .rodata\n"                               \
            ".balign 64\n"                                         \
            ".hidden mvad_cuda_" #name "\n"                        \
            ".globl mvad_cuda_" #name "\n"                         \
            "mvad_cuda_" #name ":\n"                               \
            ".incbin \"" MVAD_CUDA_MODULES "/" #name ".fatbin\"\n" \
            ".popsection\n");
#include "cuda_modules.def"
