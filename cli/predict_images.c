/* `mvad predict` on photographs that lie there: those of one part, or a data set. */
#include <string.h>

#include "cli/predict_judging.h"

/* Which parts are asked for. */
static int read_choice(const struct caller *caller, const struct predict_options *o,
                       mvad_split *split)
{
    static const char *const splits[] = {"test", "train", "all"};
    if (!o->data.value == !o->images.count)
        return command_fail(caller, EXIT_USAGE,
                            o->data.value ? "photographs and --data: one of them only"
                                          : "no photographs, and none of --data, --watch and "
                                            "--tensor");
    if (!o->data.value && (o->split.owned || o->classes.owned || o->variant.owned))
        return command_fail(caller, EXIT_USAGE, "--split, --classes and --variant go with --data");
    if (o->data.value && o->class_name.value)
        return command_fail(caller, EXIT_USAGE, "--class goes without --data, which has classes");
    if (o->images.count > MVAD_MAX_VIEWS)
        return command_fail(caller, EXIT_USAGE, "%zu photographs; a part has at most %d",
                            o->images.count, MVAD_MAX_VIEWS);
    int number = 0;
    while (number <= MVAD_SPLIT_ALL && strcmp(o->split.value, splits[number])) number++;
    if (number > MVAD_SPLIT_ALL)
        return command_fail(caller, EXIT_USAGE, "--split '%s'; known: test, train, all",
                            o->split.value);
    *split = (mvad_split)number;
    return OPTIONS_READ;
}

static int open_dataset(const struct judging *j, mvad_dataset **dataset)
{
    const struct predict_options *o = j->options;
    mvad_error error;
    mvad_status status;
    if (o->data.value) {
        mvad_dataset_options open = mvad_dataset_options_default();
        open.variant = o->variant.value;
        open.classes = o->classes.value;
        open.image_size = mvad_model_config(j->model).image_size;
        status = mvad_dataset_open(o->data.value, &open, dataset, &error);
    } else {
        status = mvad_dataset_from_views(o->class_name.value ? o->class_name.value : "",
                                         o->name.value ? o->name.value : "part", NULL,
                                         o->images.values, o->images.count, dataset, &error);
    }
    return status ? command_error(j->caller, &error) : OPTIONS_READ;
}

static int32_t select_part(const char *class_name, const char *name, void *user)
{
    const struct judging *j = user;
    (void)class_name;
    return !j->options->data.value || !j->options->name.value ||
           !strcmp(name, j->options->name.value);
}

static int judge(struct judging *j, const mvad_dataset *dataset)
{
    mvad_error error;
    j->predict.select = select_part;
    if (mvad_predict(j->model, j->device, dataset, &j->predict, &error))
        return command_error(j->caller, &error);
    if (j->code != OPTIONS_READ) return j->code;
    if (!j->parts)
        return command_fail(j->caller, EXIT_USAGE,
                            "--name '%s': no such part among those of the split",
                            j->options->name.value);
    return judging_verdict(j);
}

int predict_images(const struct caller *caller, const struct predict_options *options)
{
    struct judging j = {.caller = caller, .options = options};
    mvad_dataset *dataset = NULL;
    mvad_split split = MVAD_SPLIT_TEST;
    int code = read_choice(caller, options, &split);
    if (code != OPTIONS_READ) return code;
    code = judging_begin(&j);
    j.predict.split = split;
    if (code == OPTIONS_READ) code = open_dataset(&j, &dataset);
    if (code == OPTIONS_READ) code = judging_open_outputs(&j, false);
    if (code == OPTIONS_READ) code = judge(&j, dataset);
    mvad_dataset_close(dataset);
    return judging_end(&j, code);
}
