#include "bench/theory.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

struct attention {
    double views, others, pixels, channels, windows, chosen, blocks;
};

static struct attention at_scale(const mvad_config *config, int scale)
{
    const bool wide = config->backbone >= MVAD_BACKBONE_RESNET50;
    const double side = (double)config->image_size / (double)(4 << scale);
    return (struct attention){.views = config->views,
                              .others = config->views > 1 ? config->views - 1 : 1,
                              .pixels = side * side,
                              .channels = (wide ? 256 : 64) * (double)(1 << scale),
                              .windows = config->windows[scale],
                              .chosen = config->topk[scale],
                              .blocks = config->blocks[scale]};
}

/* With `windows` a side and `chosen` of them. */
static double selected(const struct attention *s, double windows, double chosen)
{
    const double all = windows * windows;
    return s->blocks * s->views * s->channels *
           (s->others * all * all + 2 * s->pixels * chosen * s->pixels / all);
}

double theory_full(const mvad_config *config)
{
    double macs = 0;
    for (int i = 0; i < MVAD_SCALES; i++) {
        const struct attention s = at_scale(config, i);
        macs += s.blocks * s.views * 2 * s.pixels * s.others * s.pixels * s.channels;
    }
    return macs;
}

double theory_selected(const mvad_config *config)
{
    double macs = 0;
    for (int i = 0; i < MVAD_SCALES; i++) {
        const struct attention s = at_scale(config, i);
        macs += selected(&s, s.windows, fmin(s.chosen, s.others * s.windows * s.windows));
    }
    return macs;
}

double theory_windows(const mvad_config *config, int scale)
{
    const struct attention s = at_scale(config, scale);
    return pow(s.chosen * s.pixels * s.pixels / s.others, 1.0 / 6);
}

double theory_least(const mvad_config *config)
{
    double macs = 0;
    for (int i = 0; i < MVAD_SCALES; i++) {
        const struct attention s = at_scale(config, i);
        macs += selected(&s, theory_windows(config, i), s.chosen);
    }
    return macs;
}

static void add_attention(const mvad_layer_cost *layer, void *user)
{
    static const char prefix[] = "mff_oce.mvas";
    if (!strncmp(layer->name, prefix, sizeof prefix - 1)) *(double *)user += layer->macs;
}

mvad_status theory_counted(const mvad_config *config, double *macs, mvad_error *error)
{
    mvad_config plain = *config;
    const mvad_session_options options = mvad_session_options_default();
    plain.projection = MVAD_PROJECTION_NONE;
    plain.route_projection = 0;
    *macs = 0;
    return mvad_cost_layers(&plain, &options, add_attention, macs, error);
}
