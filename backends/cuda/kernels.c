/* The modules of kernels, compiled by nvcc for every architecture of the build and taken up by the
 * assembler as they are. */
#define EMBED(name, file)                                  \
    __asm__(".pushsection .rodata\n"                       \
            ".balign 64\n"                                 \
            ".hidden mvad_cuda_" name "\n"                 \
            ".globl mvad_cuda_" name "\n"                  \
            "mvad_cuda_" name ":\n"                        \
            ".incbin \"" MVAD_CUDA_MODULES "/" file "\"\n" \
            ".popsection\n")

EMBED("f32", "f32.fatbin");
EMBED("f64", "f64.fatbin");
EMBED("f16", "f16.fatbin");
EMBED("bf16", "bf16.fatbin");
