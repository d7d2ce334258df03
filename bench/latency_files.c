/* Parts from their files, none read ahead: what a camera's part waits for. */
#include "bench/latency.h"
#include "bench/progress.h"
#include "cli/common/interrupt.h"
#include "cli/common/options.h"

struct gathering {
    const struct latency_settings *settings;
    struct latency_times *times;
    int seen;   /* parts of this pass; the first one makes the session and is left out */
    int done;   /* measured so far, warm-up included */
    bool begun; /* a first part has been seen */
    const char *fault;
    char text[256];
};

static void take_times(const mvad_part_result *part, double seconds[LATENCY_STAGES])
{
    seconds[LATENCY_DECODE] = part->times.decode;
    seconds[LATENCY_RESIZE] = part->times.resize;
    seconds[LATENCY_NORMALISE] = part->times.normalise;
    seconds[LATENCY_NETWORK] = part->times.network;
    seconds[LATENCY_SCORE] = part->times.score;
    seconds[LATENCY_TOTAL] = part->seconds;
}

static int32_t take_part(const mvad_part_result *part, void *user)
{
    struct gathering *g = user;
    const struct latency_settings *settings = g->settings;
    double seconds[LATENCY_STAGES];
    if (part->fault) {
        snprintf(g->text, sizeof g->text, "%.255s", part->fault);
        g->fault = g->text;
        return 1;
    }
    take_times(part, seconds);
    if (!g->begun) take_times(part, g->times->first_files);
    g->begun = true;
    if (g->seen++ == 0) return interrupt_came();
    const int at = g->done++ - settings->warmup;
    for (int s = 0; s < LATENCY_STAGES && at >= 0; s++) g->times->files[s][at] = seconds[s];
    progress_show("parts from files", g->done, settings->repeats + settings->warmup);
    return g->done == settings->repeats + settings->warmup || interrupt_came();
}

/* The data set is gone through until there are enough parts. */
static int judge(const struct caller *caller, const mvad_model *model, mvad_device *device,
                 const mvad_dataset *dataset, struct gathering *g)
{
    mvad_error error;
    mvad_predict_options options = mvad_predict_options_default();
    options.session.precision = g->settings->precision;
    options.split = MVAD_SPLIT_ALL;
    options.threshold = 0.5f; /* any will do: what the network says is not looked at */
    options.in_turn = 1;
    options.part = take_part;
    options.user = g;
    while (g->done < g->settings->repeats + g->settings->warmup && !interrupt_came()) {
        g->seen = 0;
        if (mvad_predict(model, device, dataset, &options, &error))
            return command_error(caller, &error);
        if (g->fault) return command_fail(caller, EXIT_UNREADABLE, "%s", g->fault);
        if (g->seen == 1 && !interrupt_came())
            return command_fail(caller, EXIT_UNREADABLE, "%s: has a single part; two are needed",
                                g->settings->data);
    }
    if (interrupt_came()) return progress_interrupted(caller);
    progress_clear();
    return OPTIONS_READ;
}

int latency_files(const struct caller *caller, const struct latency_settings *settings,
                  const char *folder, const mvad_model *model, mvad_device *device,
                  struct latency_times *times)
{
    mvad_error error;
    mvad_dataset *dataset = NULL;
    struct gathering gathering = {.settings = settings, .times = times};
    mvad_dataset_options options = mvad_dataset_options_default();
    if (mvad_dataset_open(folder, &options, &dataset, &error)) return command_error(caller, &error);
    const int code = judge(caller, model, device, dataset, &gathering);
    mvad_dataset_close(dataset);
    return code;
}
