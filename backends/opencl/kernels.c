/* The kernel sources, taken up by the assembler as they are and ended by a zero, as the teacher in
 * core/model/builtin_teacher.c. */
#define EMBED(name, file)                                    \
    __asm__(".pushsection .rodata\n"                         \
            ".hidden mvad_kernel_" name "\n"                 \
            ".globl mvad_kernel_" name "\n"                  \
            "mvad_kernel_" name ":\n"                        \
            ".incbin \"" MVAD_KERNEL_SOURCES "/" file "\"\n" \
            ".byte 0\n"                                      \
            ".popsection\n")

EMBED("dialect", "dialect.h");
EMBED("lanes", "lanes.h");
EMBED("runs", "runs.h");
EMBED("conv", "conv.h");
EMBED("elementwise", "elementwise.cl");
EMBED("maps", "maps.cl");
EMBED("reduce", "reduce.cl");
EMBED("norm", "norm.cl");
EMBED("route", "route.cl");
EMBED("attention", "attention.cl");
EMBED("conv_direct", "conv_direct.cl");
EMBED("conv_tiled", "conv_tiled.cl");
EMBED("conv_parts", "conv_parts.cl");
