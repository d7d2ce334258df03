/* `mvad predict --watch`: parts whose photographs arrive in a folder. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/common/clock.h"
#include "cli/common/interrupt.h"
#include "cli/common/path.h"
#include "cli/predict_judging.h"
#include "cli/watch_folder.h"

#define MAX_SECONDS 86400
#define LOOKS_A_SETTLE 5 /* how often the folder is looked at while a file settles */
#define LEAST_PAUSE 0.01
#define LONGEST_PAUSE 0.5

struct watching {
    struct judging judging;
    struct watch_folder folder;
    const struct watch_part *part; /* at hand */
    mvad_predictor *predictor;
    size_t named; /* views, by --view-names; 0: not given */
    double pause; /* seconds between looks */
    bool again;   /* the part at hand is to be judged once more */
    bool unreadable, warned;
};

/* 0 where one is empty, stands there twice, or there are too many. */
static size_t count_names(const char *names)
{
    size_t count = 0, length, other;
    for (const char *name = names;; name += length + 1) {
        length = strcspn(name, ",");
        if (!length || ++count > MVAD_MAX_VIEWS) return 0;
        for (const char *before = names; before < name; before += other + 1) {
            other = strcspn(before, ",");
            if (other == length && !memcmp(before, name, length)) return 0;
        }
        if (!name[length]) return count;
    }
}

static int read_options(struct watching *w)
{
    const struct caller *caller = w->judging.caller;
    const struct predict_options *o = w->judging.options;
    const char *fault = watch_pattern_fault(o->pattern.value);
    if (o->data.value || o->images.count || o->split.owned || o->variant.owned ||
        o->classes.owned || o->name.owned)
        return command_fail(caller, EXIT_USAGE,
                            "--watch goes without photographs, --data and what chooses among them");
    if (fault)
        return command_fail(caller, EXIT_USAGE, "--pattern '%s' %s", o->pattern.value, fault);
    if (!o->done.value && !o->once)
        return command_fail(
            caller, EXIT_USAGE,
            "--watch: give --done DIR, where photographs go once judged, or --once");
    if (o->timeout.value < 0 || o->timeout.value > MAX_SECONDS)
        return command_fail(caller, EXIT_USAGE, "--timeout is %d; it must be 0 to %d",
                            o->timeout.value, MAX_SECONDS);
    if (o->settle.value < 0 || o->settle.value > 1000 * MAX_SECONDS)
        return command_fail(caller, EXIT_USAGE, "--settle is %d; it must be 0 to %d",
                            o->settle.value, 1000 * MAX_SECONDS);
    if (o->view_names.value && !(w->named = count_names(o->view_names.value)))
        return command_fail(caller, EXIT_USAGE,
                            "--view-names '%s' is not 1 to %d different names with commas between",
                            o->view_names.value, MVAD_MAX_VIEWS);
    if (w->named && o->config.views.given && w->named != (size_t)o->config.views.value)
        return command_fail(caller, EXIT_USAGE, "--view-names has %zu names, --views is %d",
                            w->named, o->config.views.value);
    w->folder = (struct watch_folder){.path = o->watch.value,
                                      .pattern = o->pattern.value,
                                      .view_names = o->view_names.value,
                                      .settle = o->settle.value / 1000.0,
                                      .timeout = o->timeout.value};
    w->pause = w->folder.settle / LOOKS_A_SETTLE;
    if (w->pause < LEAST_PAUSE) w->pause = LEAST_PAUSE;
    if (w->pause > LONGEST_PAUSE) w->pause = LONGEST_PAUSE;
    return OPTIONS_READ;
}

/* Photographs are moved by renaming, which goes within one file system only. */
static int check_folders(const struct watching *w)
{
    const struct caller *caller = w->judging.caller;
    const char *in = w->judging.options->watch.value, *done = w->judging.options->done.value;
    struct stat from, to;
    if (stat(in, &from) || !S_ISDIR(from.st_mode) || access(in, R_OK | X_OK))
        return command_fail(caller, EXIT_UNREADABLE, "%s: cannot read this folder: %s", in,
                            S_ISDIR(from.st_mode) ? strerror(errno) : "not a folder");
    if (!done) return OPTIONS_READ;
    if (mkdir(done, 0777) && errno != EEXIST)
        return command_fail(caller, EXIT_FAILED, "%s: cannot make this folder: %s", done,
                            strerror(errno));
    if (stat(done, &to) || !S_ISDIR(to.st_mode))
        return command_fail(caller, EXIT_FAILED, "%s: is not a folder", done);
    if (from.st_dev != to.st_dev)
        return command_fail(caller, EXIT_USAGE, "--done %s: is on another file system than %s",
                            done, in);
    if (from.st_ino == to.st_ino)
        return command_fail(caller, EXIT_USAGE, "--done %s: is the folder watched", done);
    if (access(in, W_OK | X_OK) || access(done, W_OK | X_OK))
        return command_fail(caller, EXIT_FAILED, "%s: cannot move photographs to %s: %s", in, done,
                            strerror(errno));
    return OPTIONS_READ;
}

static void time_text(char text[32])
{
    struct timespec now;
    struct tm parts;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &parts);
    const size_t length = strftime(text, 24, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(text + length, 32 - length, ".%03ldZ", now.tv_nsec / 1000000);
}

/* A part whose photographs went on changing is not told: it is judged again when they are at rest. One
 * that cannot be read is first given the time that a missing view has: it may be written slowly. */
static int32_t take_part(const mvad_part_result *result, void *user)
{
    struct watching *w = user;
    char time[32];
    const bool doubted = result->fault && clock_seconds() - w->part->changed < w->folder.timeout;
    w->again = doubted;
    for (size_t i = 0; i < w->part->count; i++) {
        w->part->files[i].doubted = doubted;
        w->again |= watch_file_changed(&w->folder, &w->part->files[i]);
    }
    if (w->again) return 1;
    time_text(time);
    char *names = watch_missing_names(&w->folder, w->part);
    const struct part_arrival arrival = {.time = time,
                                         .latency = clock_seconds() - w->part->changed,
                                         .missing = w->part->missing,
                                         .missing_names = names};
    w->judging.context.arrival = &arrival;
    const int32_t stop = judging_take_part(result, &w->judging);
    w->judging.context.arrival = NULL;
    free(names);
    return stop;
}

static int open_part(const struct watching *w, mvad_dataset **dataset)
{
    const struct watch_part *part = w->part;
    const char *class_name = w->judging.options->class_name.value;
    const char **views = calloc(2 * part->count, sizeof *views), **images = views + part->count;
    mvad_error error;
    bool complete = views != NULL;
    int code = OPTIONS_READ;
    for (size_t i = 0; i < part->count && complete; i++) {
        views[i] = part->files[i].view;
        complete = (images[i] = watch_file_path(&w->folder, &part->files[i])) != NULL;
    }
    if (!complete)
        code = command_fail(w->judging.caller, EXIT_FAILED, "out of memory");
    else if (mvad_dataset_from_views(class_name ? class_name : part->files->class_name,
                                     part->files->part, views, images, part->count, dataset, &error))
        code = command_error(w->judging.caller, &error);
    for (size_t i = 0; views && i < part->count; i++) free((void *)(uintptr_t)images[i]);
    free(views);
    return code;
}

/* A name that is taken there gets the time behind it: nothing is lost. */
static int move_file(const struct watching *w, const struct watch_file *file)
{
    char *from = watch_file_path(&w->folder, file), name[512], time[32];
    char *to = path_join(w->judging.options->done.value, file->name);
    int code = OPTIONS_READ;
    if (to && !access(to, F_OK)) {
        time_text(time);
        snprintf(name, sizeof name, "%s~%s", file->name, time);
        free(to);
        to = path_join(w->judging.options->done.value, name);
    }
    if (!from || !to)
        code = command_fail(w->judging.caller, EXIT_FAILED, "out of memory");
    else if (rename(from, to) && errno != ENOENT) /* somebody else may have taken it away */
        code = command_fail(w->judging.caller, EXIT_FAILED, "%s: cannot move it to %s: %s", from,
                            to, strerror(errno));
    free(from);
    free(to);
    return code;
}

static int judge(struct watching *w, const struct watch_part *part)
{
    mvad_dataset *dataset = NULL;
    mvad_error error;
    w->part = part;
    w->again = false;
    int code = judging_forget_names(&w->judging);
    if (code == OPTIONS_READ) code = open_part(w, &dataset);
    if (code == OPTIONS_READ && mvad_predictor_run(w->predictor, dataset, &error))
        code = command_error(w->judging.caller, &error);
    if (code == OPTIONS_READ) code = w->judging.code;
    for (size_t i = 0; i < part->count && code == OPTIONS_READ && !w->again; i++) {
        part->files[i].done = true;
        if (w->judging.options->done.value) code = move_file(w, &part->files[i]);
    }
    mvad_dataset_close(dataset);
    return code;
}

/* A folder on another machine may be gone for a while. */
static int look(struct watching *w)
{
    const struct caller *caller = w->judging.caller;
    const bool readable = watch_folder_look(&w->folder, clock_seconds());
    if (!readable && w->judging.options->once)
        return command_fail(caller, EXIT_UNREADABLE, "%s: cannot read this folder: %s",
                            w->folder.path, strerror(errno));
    if (readable == w->unreadable)
        command_fail(caller, EXIT_DONE, "%s: %s%s", w->folder.path,
                     readable ? "can be read again" : "cannot read this folder now: ",
                     readable ? "" : strerror(errno));
    w->unreadable = !readable;
    if (w->folder.strange && !w->warned)
        command_fail(caller, EXIT_DONE,
                     "warning: %s: files whose names do not fit '%s' are left alone",
                     w->folder.path, w->folder.pattern);
    w->warned |= w->folder.strange;
    return OPTIONS_READ;
}

static void rest(double seconds)
{
    struct timespec time = {.tv_sec = (time_t)seconds};
    time.tv_nsec = (long)((seconds - (double)time.tv_sec) * 1e9);
    nanosleep(&time, NULL);
}

static int watch(struct watching *w)
{
    const struct predict_options *o = w->judging.options;
    struct watch_part part;
    int code = OPTIONS_READ;
    while (code == OPTIONS_READ && !interrupt_came()) {
        code = look(w);
        if (code != OPTIONS_READ) break;
        if (watch_folder_next(&w->folder, clock_seconds(), &part))
            code = judge(w, &part);
        else if (o->once && !watch_folder_waits(&w->folder))
            break;
        else
            rest(w->pause);
    }
    if (code != OPTIONS_READ) return code;
    if (o->once && w->folder.full && !o->done.value)
        return command_fail(w->judging.caller, EXIT_FAILED,
                            "%s: more than %d photographs; the others were not judged: give --done",
                            w->folder.path, WATCH_MAX_FILES);
    code = judging_verdict(&w->judging);
    return interrupt_came() ? EXIT_DONE : code;
}

int predict_watch(const struct caller *caller, const struct predict_options *options)
{
    struct watching w = {.judging = {.caller = caller, .options = options}};
    mvad_error error;
    int code = read_options(&w);
    if (code != OPTIONS_READ) return code;
    code = check_folders(&w);
    if (code != OPTIONS_READ) return code;
    code = judging_begin(&w.judging);
    if (code == OPTIONS_READ) code = judging_open_outputs(&w.judging, true);
    w.judging.predict.part = take_part;
    w.judging.predict.user = &w;
    interrupt_catch();
    if (code == OPTIONS_READ) {
        w.folder.views = w.named ? w.named
                                 : (size_t)(options->config.views.given
                                                ? options->config.views.value
                                                : mvad_model_config(w.judging.model).views);
        if (mvad_predictor_create(w.judging.model, w.judging.device, &w.judging.predict,
                                  &w.predictor, &error))
            code = command_error(caller, &error);
    }
    if (code == OPTIONS_READ) code = watch(&w);
    mvad_predictor_destroy(w.predictor);
    watch_folder_free(&w.folder);
    return judging_end(&w.judging, code);
}
