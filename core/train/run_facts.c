#include "core/train/run_facts.h"

#include <inttypes.h>
#include <stdio.h>

#include "core/base/hash.h"
#include "core/base/number.h"
#include "core/data/hold_out.h"
#include "core/model/model.h"

struct fact_list {
    struct checkpoint_fact *facts;
    size_t count;
};

static struct checkpoint_fact *new_fact(struct fact_list *list, const char *name)
{
    struct checkpoint_fact *fact = &list->facts[list->count++];
    *fact = (struct checkpoint_fact){.name = name};
    return fact;
}

static void add_integer(struct fact_list *list, const char *name, uint64_t value)
{
    struct checkpoint_fact *fact = new_fact(list, name);
    snprintf(fact->text, sizeof fact->text, "%" PRIu64, value);
}

/* With as many digits as it takes to tell it from every other number. */
static void add_real(struct fact_list *list, const char *name, double value)
{
    struct checkpoint_fact *fact = new_fact(list, name);
    const char *end;
    for (int digits = 15; digits <= 17; digits++) {
        number_to_text(value, digits, fact->text);
        if (number_from_text(fact->text, &end) == value) break;
    }
}

static void add_hash(struct fact_list *list, const char *name, uint64_t value)
{
    struct checkpoint_fact *fact = new_fact(list, name);
    snprintf(fact->text, sizeof fact->text, "%016" PRIx64, value);
}

static uint64_t hash_frozen(const mvad_model *model)
{
    uint64_t hash = HASH_START;
    for (size_t i = 0; i < model->table.count; i++) {
        const struct parameter *parameter = &model->table.items[i];
        if (parameter->kind == MVAD_PARAMETER_FROZEN)
            hash = hash_bytes(hash, model->values + parameter->offset,
                              parameter->count * sizeof *model->values);
    }
    return hash;
}

size_t run_facts_gather(const mvad_model *model, const struct training_set *set,
                        const struct schedule *schedule, const mvad_train_options *options,
                        const mvad_trainer_options *step,
                        struct checkpoint_fact facts[RUN_MAX_FACTS])
{
    struct fact_list list = {.facts = facts};
    static const char *const precisions[MVAD_PRECISION_COUNT] = {
        [MVAD_PRECISION_F32] = "f32",   [MVAD_PRECISION_F64] = "f64",
        [MVAD_PRECISION_F16] = "f16",   [MVAD_PRECISION_BF16] = "bf16",
        [MVAD_PRECISION_TF32] = "tf32",
    };
    struct checkpoint_fact *precision = new_fact(&list, "precision");
    snprintf(precision->text, sizeof precision->text, "%s", precisions[step->precision]);
    precision->former = "f32";
    add_integer(&list, "batch", (uint64_t)step->samples);
    add_integer(&list, "views", (uint64_t)step->views);
    add_integer(&list, "size", (uint64_t)model->config.image_size);
    add_integer(&list, "epochs", (uint64_t)schedule->epochs);
    add_integer(&list, "seed", step->seed);
    add_real(&list, "learning_rate", schedule->learning_rate);
    add_real(&list, "decay_at", options->decay_at);
    add_real(&list, "decay_factor", schedule->decay_factor);
    add_real(&list, "beta1", step->beta1);
    add_real(&list, "beta2", step->beta2);
    add_real(&list, "epsilon", step->epsilon);
    add_real(&list, "weight_decay", step->weight_decay);
    add_real(&list, "clip_norm", step->clip_norm);
    add_real(&list, "loss_weight", step->loss_weight);
    add_real(&list, "dropout", step->dropout);
    add_real(&list, "drop_path", step->drop_path);
    add_integer(&list, "classes", set->dataset->class_count);
    add_integer(&list, "samples", set->count);
    add_hash(&list, "sample_names", dataset_names_hash(set->dataset, NULL));
    add_hash(&list, "teacher", hash_frozen(model));
    return list.count;
}
