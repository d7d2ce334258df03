#include "cli/predict_judging.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/common/clock.h"

/* Checks what can be checked without reading a file. */
static int read_options(struct judging *j)
{
    const struct predict_options *o = j->options;
    const struct caller *caller = j->caller;
    if (o->heatmap_size.value < 0)
        return command_fail(caller, EXIT_USAGE, "--heatmap-size is %d; it must be 0 or more",
                            o->heatmap_size.value);
    if (o->threshold.value) {
        char *end;
        j->predict.threshold = strtof(o->threshold.value, &end);
        if (end == o->threshold.value || *end || !(fabsf(j->predict.threshold) < 1e30f))
            return command_fail(caller, EXIT_USAGE, "--threshold: '%s' is not a number",
                                o->threshold.value);
    }
    return precision_read(caller, o->precision.value, &j->predict.session.precision);
}

/* Says what the model lacks or what is wrong with it, before anything is judged. */
static int check_thresholds(struct judging *j)
{
    const char *path = j->options->model.value, *class_name = j->options->class_name.value;
    mvad_thresholds thresholds;
    mvad_calibration calibration;
    mvad_error error;
    j->threshold = j->predict.threshold;
    if (!isnan(j->threshold)) return OPTIONS_READ;
    const bool calibrated = mvad_model_note(j->model, "mvad.calibration") != NULL;
    if (!calibrated && !mvad_model_note(j->model, "mvad.scale"))
        return command_fail(j->caller, EXIT_USAGE,
                            "%s: the model has no threshold, which the end of a training or mvad "
                            "calibrate gives it; give --threshold",
                            path);
    if (calibrated && mvad_model_calibration(j->model, &calibration, NULL, NULL, &error))
        return command_fail(j->caller, EXIT_UNREADABLE, "%s: %s", path, error.message);
    if (calibrated) strcpy(j->context.calibration, calibration.id);
    if (mvad_model_thresholds(j->model, class_name, NULL, &thresholds, &error))
        return command_fail(j->caller, calibrated ? EXIT_USAGE : EXIT_UNREADABLE, "%s: %s", path,
                            error.message);
    j->threshold = thresholds.reject;
    return OPTIONS_READ;
}

/* Where the colours of heat maps begin: at the model's low end, or at 0. */
static int find_scale(struct judging *j)
{
    mvad_score_scale scale;
    mvad_error error;
    int code = check_thresholds(j);
    if (code != OPTIONS_READ) return code;
    j->low = mvad_model_scale(j->model, &scale, NULL) ? 0 : scale.low;
    if (mvad_model_identity(j->model, j->context.model, &error))
        return command_error(j->caller, &error);
    return OPTIONS_READ;
}

/* From there to as far above the threshold as that is below. */
static mvad_score_scale colours(const struct judging *j, float threshold)
{
    float low = j->low;
    if (low >= threshold) low = threshold > 0 ? 0 : threshold - 1;
    return (mvad_score_scale){.low = low, .threshold = threshold, .high = 2 * threshold - low};
}

int judging_open_outputs(struct judging *j, bool append)
{
    const char *folder = j->options->heatmaps.value, *jsonl = j->options->jsonl.value;
    mvad_error error;
    if (folder) {
        if (mkdir(folder, 0777) && errno != EEXIST)
            return command_fail(j->caller, EXIT_FAILED, "%s: cannot make this folder: %s", folder,
                                strerror(errno));
        struct stat info;
        if (stat(folder, &info) || !S_ISDIR(info.st_mode))
            return command_fail(j->caller, EXIT_FAILED, "%s: is not a folder", folder);
        if (access(folder, W_OK | X_OK))
            return command_fail(j->caller, EXIT_FAILED, "%s: cannot write: %s", folder,
                                strerror(errno));
        if (mvad_file_names_create(&j->names, &error)) return command_error(j->caller, &error);
    }
    if (jsonl && !strcmp(jsonl, "-"))
        j->jsonl = stdout;
    else if (jsonl && !(j->jsonl = fopen(jsonl, append ? "a" : "w")))
        return command_fail(j->caller, EXIT_FAILED, "%s: cannot write: %s", jsonl, strerror(errno));
    /* Where lines begin is asked for later, and systems differ in where appending starts. */
    if (append && j->jsonl && j->jsonl != stdout) fseeko(j->jsonl, 0, SEEK_END);
    return OPTIONS_READ;
}

static int write_heatmap(struct judging *j, const mvad_part_result *part,
                         const mvad_view_result *view)
{
    const char *const texts[] = {part->class_name, part->name, view->name};
    const char *name, *folder = j->options->heatmaps.value;
    mvad_error error;
    if (mvad_file_names_next(j->names, texts, 3, &name, &error))
        return command_error(j->caller, &error);
    const size_t bytes = strlen(folder) + strlen(name) + sizeof "/.png";
    char *path = malloc(bytes);
    if (!path) return command_fail(j->caller, EXIT_FAILED, "out of memory");
    snprintf(path, bytes, "%s/%s.png", folder, name);
    const mvad_status status = mvad_picture_save(view, &j->picture, path, &error);
    free(path);
    return status ? command_fail(j->caller, EXIT_FAILED, "%s", error.message) : OPTIONS_READ;
}

/* Each line is written before the next part begins. */
static int flush(const struct judging *j, FILE *file, const char *name)
{
    if (!fflush(file) && !ferror(file)) return OPTIONS_READ;
    if (file == stdout) return EXIT_FAILED; /* command_main says why */
    return command_fail(j->caller, EXIT_FAILED, "%s: cannot write: %s", name, strerror(errno));
}

int32_t judging_take_part(const mvad_part_result *part, void *user)
{
    struct judging *j = user;
    char label[512];
    j->parts++;
    j->counts[part->verdict]++;
    j->picture.scale = colours(j, part->thresholds.reject);
    part_label(part, label, sizeof label);
    if (part->fault) command_fail(j->caller, EXIT_UNREADABLE, "%s: %s", label, part->fault);
    if (j->jsonl != stdout) {
        part_print_line(stdout, part, &j->context);
        j->code = flush(j, stdout, NULL);
    }
    if (j->jsonl && j->code == OPTIONS_READ) {
        j->whole_lines = ftello(j->jsonl);
        if (!part_print_json(j->jsonl, part, &j->context))
            j->code = command_fail(j->caller, EXIT_FAILED, "out of memory");
        else
            j->code = flush(j, j->jsonl, j->options->jsonl.value);
    }
    for (size_t v = 0; j->names && v < part->view_count && j->code == OPTIONS_READ; v++)
        j->code = write_heatmap(j, part, &part->views[v]);
    return j->code != OPTIONS_READ;
}

int judging_begin(struct judging *j)
{
    const struct predict_options *o = j->options;
    int32_t views;
    j->predict = mvad_predict_options_default();
    j->predict.part = judging_take_part;
    j->predict.user = j;
    j->picture = mvad_picture_options_default();
    j->picture.kind = MVAD_PICTURE_HEATMAP;
    j->picture.max_side = o->heatmap_size.value;
    j->code = OPTIONS_READ;
    int code = read_options(j);
    if (code == OPTIONS_READ) code = device_options_open(j->caller, &o->device, &j->device);
    if (code == OPTIONS_READ)
        code = config_options_load(j->caller, &o->config, o->model.value, &j->model, &views);
    if (code == OPTIONS_READ) code = find_scale(j);
    j->begin = clock_seconds();
    return code;
}

int judging_verdict(const struct judging *j)
{
    const size_t *counts = j->counts;
    const size_t unsure = counts[MVAD_VERDICT_UNSURE], unjudged = counts[MVAD_VERDICT_ERROR];
    char middle[48] = "", end[64] = "";
    if (*j->context.calibration) {
        snprintf(middle, sizeof middle, "%zu UNSURE, ", unsure);
        snprintf(end, sizeof end, "; calibration %s", j->context.calibration);
    } else if (isnan(j->predict.threshold) && mvad_model_note(j->model, "mvad.class_thresholds")) {
        snprintf(end, sizeof end, "; thresholds of the classes");
    } else {
        snprintf(end, sizeof end, "; threshold %.7g", j->threshold);
    }
    command_fail(j->caller, EXIT_DONE, "%zu part%s in %.1f s: %zu OK, %s%zu NG, %zu ERROR%s",
                 j->parts, j->parts == 1 ? "" : "s", clock_seconds() - j->begin,
                 counts[MVAD_VERDICT_OK], middle, counts[MVAD_VERDICT_NG], unjudged, end);
    if (j->options->fail_on_defect)
        return unjudged || unsure        ? EXIT_UNJUDGED
               : counts[MVAD_VERDICT_NG] ? EXIT_DEFECT
                                         : EXIT_DONE;
    return unjudged ? EXIT_UNREADABLE : EXIT_DONE;
}

int judging_forget_names(struct judging *j)
{
    mvad_error error;
    if (!j->names) return OPTIONS_READ;
    mvad_file_names_destroy(j->names);
    return mvad_file_names_create(&j->names, &error) ? command_error(j->caller, &error)
                                                     : OPTIONS_READ;
}

/* Some systems tell only now that there was no room. Of a line that did not fit, nothing stays. */
static int close_jsonl(struct judging *j, int code)
{
    if (!j->jsonl || j->jsonl == stdout) return code;
    const bool cut = ferror(j->jsonl) && j->whole_lines >= 0;
    const bool closed = fclose(j->jsonl) == 0;
    if (cut && truncate(j->options->jsonl.value, j->whole_lines)) code = EXIT_FAILED;
    if (closed || code == EXIT_FAILED) return code;
    const int failed = command_fail(j->caller, EXIT_FAILED, "%s: cannot write: %s",
                                    j->options->jsonl.value, strerror(errno));
    return code == EXIT_DONE ? failed : code;
}

int judging_end(struct judging *j, int code)
{
    code = close_jsonl(j, code);
    mvad_file_names_destroy(j->names);
    mvad_model_destroy(j->model);
    mvad_device_close(j->device);
    return code;
}
