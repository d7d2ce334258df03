/* The program `mvad`: finds defects on parts photographed from several sides. */
#include "cli/verbs.h"

int main(int argc, char **argv)
{
    static const struct command commands[] = {
        {"calibrate", "thresholds from good parts that the model has not seen", verb_calibrate},
        {"convert", "write PyTorch's weight files as safetensors", verb_convert},
        {"data", "check a data set: every file, every label", verb_data},
        {"devices", "devices of this machine that mvad can run on", verb_devices},
        {"info", "layers, parameters, multiply-adds and planned memory", verb_info},
        {"init", "write a model file with initial values", verb_init},
        {"predict", "judge parts from their photographs: scores, regions, heat maps", verb_predict},
        {"report", "one HTML page about a trained model: metrics, curves, examples", verb_report},
        {"selftest", "check every op on a device against plain loops", verb_selftest},
        {"eval", "score the test samples of a data set: the ten metrics", verb_eval},
        {"synth", "render a data set of parts with and without defects", verb_synth},
        {"train", "learn from the good parts of a data set", verb_train},
        {"tune", "measure which kernels serve a network best on a device", verb_tune},
        {0},
    };
    return command_main("mvad", "Finds defects on parts photographed from several sides.", commands,
                        argc, argv);
}
