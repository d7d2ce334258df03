/* The options that several verbs share: the network's configuration, and the device to run on. */
#ifndef CLI_COMMON_CONFIG_OPTIONS_H
#define CLI_COMMON_CONFIG_OPTIONS_H

#include "cli/common/options.h"

#define CONFIG_TEXT 192

struct config_options {
    struct text_option backbone, projection, windows, topk, blocks;
    struct number_option views, size;
    int route_projection;
    char defaults[MVAD_SCALES][32]; /* the lists' defaults as text */
    struct poptOption table[9]; /* for OPTION_GROUP; points into this structure, which must not move */
};

/* Defaults of the library. */
void config_options_init(struct config_options *options);

/* Whether any of them was given. */
bool config_options_given(const struct config_options *options);

/* The configuration asked for, checked. OPTIONS_READ, or an exit code after a message. */
int config_options_read(const struct caller *caller, const struct config_options *options,
                        mvad_config *config);

/* Loads a model file, or the one of a run's folder. Its metadata tell the configuration; options given must agree with them, all
 * but --views, which is a choice of each run. A file without metadata is read with the options'
 * configuration. `*views`: --views, or else the model's. The caller destroys the model. */
int config_options_load(const struct caller *caller, const struct config_options *options,
                        const char *path, mvad_model **model, int32_t *views);

/* "resnet34, projection qkv, 5 views, 256x256, windows 8,8,8, top-K 16,32,64, blocks 1,2,4" */
void config_text(const mvad_config *config, int32_t views, char text[CONFIG_TEXT]);

struct device_options {
    struct text_option device;
    struct number_option threads;
    struct poptOption table[3];
};

void device_options_init(struct device_options *options);

/* Opens the device; the caller closes it. */
int device_options_open(const struct caller *caller, const struct device_options *options,
                        mvad_device **device);

/* "f32" (also "fp32"), "tf32", "f16" ("fp16"), "bf16" or "f64" ("fp64"). */
int precision_read(const struct caller *caller, const char *text, mvad_precision *precision);
const char *precision_name(mvad_precision precision);

/* The table entry of --precision; `text` is a struct text_option with the default "f32". */
#define OPTION_PRECISION(text)                                                  \
    {                                                                           \
        "precision", 0, POPT_ARG_STRING | POPT_ARGFLAG_SHOW_DEFAULT, (text), 0, \
            "f32; tf32, f16 or bf16 for speed; f64 to check numbers", "TYPE"    \
    }

#endif
