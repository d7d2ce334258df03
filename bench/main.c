/* The program `mvad-bench`: what a forward pass and a training step cost on this machine. */
#include "bench/compare.h"
#include "bench/latency.h"
#include "bench/scaling.h"
#include "bench/step.h"
#include "bench/tables.h"

int main(int argc, char **argv)
{
    static const struct command commands[] = {
        {"scaling", "how cost grows with windows, top-K, views, size, batch, threads", verb_scaling},
        {"step", "time, rate and memory of a forward pass or a training step", verb_step},
        {"compare", "the same work on every device, and beside PyTorch's", verb_compare},
        {"latency", "one part at a time, from its images to the verdict", verb_latency},
        {"tables", "the paper's tables of efficiency, its numbers beside ours", verb_tables},
        {0},
    };
    return command_main("mvad-bench", "Measures mvad beside the machine's own matrix product.",
                        commands, argc, argv);
}
