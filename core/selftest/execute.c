/* Runs one case on a device, in a graph that also looks for what a wrong kernel might do besides
 * wrong numbers:
 *
 *   poison   the first node fills the whole arena with NaN (its size is planned first, without
 *            it; every other 16-bit number is then one), so an output element that is never written, a workspace read before it is written
 *            and a padding lane taken along all show;
 *   guards   256-byte values before and after every value outside the arena that the node changes,
 *            and one more in the arena that lives to the end. Values are VALUE_ALIGNMENT apart, so
 *            what a kernel writes between the end of a value and the next multiple of that is not
 *            seen;
 *   in place an input copied into the arena by another node, so that the planner may hand its
 *            memory to the output. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/base/error.h"
#include "core/graph/builder.h"
#include "core/graph/executor.h"
#include "core/selftest/selftest.h"

#define GUARD_COUNT 64
static const double guard_number = 1536.5; /* exact in every type */
static const int64_t guard_dim[4] = {1, 1, 1, GUARD_COUNT};

struct layout {
    value_id slot[SLOT_COUNT];   /* what the node reads and writes */
    value_id source[SLOT_COUNT]; /* what the host writes: the same but for copied ones */
    value_id guard[2 * SLOT_COUNT];
    int guards;
    value_id zero; /* addend of the copying node */
    value_id poison, arena_guard;
};

static void add_fill(struct graph *graph, value_id out, double value)
{
    const union op_params params = {.fill = {value}};
    graph_emit(graph, OP_FILL, &params, 0, NULL, 1, &out);
}

/* An output, because memory is only given to values that somebody uses. */
static void add_guard(struct graph *graph, struct layout *layout)
{
    value_id id = graph_add_value(graph, graph_wide(graph), SEGMENT_STATISTIC, guard_dim, NULL);
    graph_output(graph, id, "guard");
    layout->guard[layout->guards++] = id;
}

/* A value the node changes where it is, between two guards. */
static value_id add_state(struct graph *graph, const struct slot *slot, enum dtype dtype,
                          const char *name, struct layout *layout)
{
    add_guard(graph, layout);
    value_id id = graph_add_value(graph, dtype, SEGMENT_STATISTIC, slot->dim, name);
    add_guard(graph, layout);
    return id;
}

/* The input the planner shall give away: an arena value that an addition of zero makes of a written
 * one, or, of one that cannot be added, resizing it to its own size. */
static value_id add_copy(struct graph *graph, const struct slot *slot, value_id source, bool keep,
                         struct layout *layout)
{
    const union op_params params = {.add = {false}};
    int64_t one[4] = {1, slot->dim[1], slot->dim[2], slot->dim[3]};
    const enum dtype dtype = graph->values[source].dtype;
    value_id copy = graph_add_value(graph, dtype, SEGMENT_ARENA, slot->dim, NULL);
    if (dtype != graph->real) {
        const union op_params same = {.resize = {1}};
        graph_emit(graph, OP_RESIZE, &same, 1, &source, 1, &copy);
        if (keep) graph_output(graph, copy, "kept");
        return copy;
    }
    layout->zero = graph_add_value(graph, graph->real, SEGMENT_INPUT, one, "zero");
    graph_emit(graph, OP_ADD, &params, 2, (value_id[2]){source, layout->zero}, 1, &copy);
    if (keep) graph_output(graph, copy, "kept");
    return copy;
}

/* poison_bytes: the arena's size as planned without poison; 0 to find it. */
static mvad_status build(const struct selftest_data *data, size_t poison_bytes, struct graph *graph,
                         struct layout *layout, mvad_error *error)
{
    static const char *const names[SLOT_COUNT] = {"in0", "in1", "in2",  "in3",  "in4",  "in5",
                                                  "in6", "in7", "out0", "out1", "out2", "out3"};
    const struct selftest_case *test = data->test;
    *layout = (struct layout){.zero = VALUE_NONE, .poison = VALUE_NONE};
    graph_init(graph, data->real);
    graph->tf32 = data->precision == MVAD_PRECISION_TF32;

    if (poison_bytes) {
        const enum dtype wide = graph_wide(graph);
        int64_t dim[4] = {1, 1, 1, (int64_t)(poison_bytes / dtype_bytes(wide))};
        layout->poison = graph_add_value(graph, wide, SEGMENT_ARENA, dim, NULL);
        add_fill(graph, layout->poison, NAN);
    }
    layout->arena_guard = graph_add_value(graph, graph_wide(graph), SEGMENT_ARENA, guard_dim, NULL);
    add_fill(graph, layout->arena_guard, guard_number);
    graph_output(graph, layout->arena_guard, "guard");

    for (int i = 0; i < SLOT_COUNT; i++) {
        const struct slot *slot = &data->shape.slot[i];
        const enum dtype dtype = selftest_slot_type(data, i);
        layout->slot[i] = layout->source[i] = VALUE_NONE;
        if (slot->content == CONTENT_ABSENT) continue;
        if (slot->state)
            layout->source[i] = layout->slot[i] = add_state(graph, slot, dtype, names[i], layout);
        else if (i >= NODE_MAX_INPUTS)
            layout->slot[i] = graph_add_value(graph, dtype, SEGMENT_ARENA, slot->dim, NULL);
        else if (i && data->shape.same_slot == i)
            layout->slot[i] = layout->slot[0];
        else
            layout->source[i] = layout->slot[i] =
                graph_add_value(graph, dtype, SEGMENT_INPUT, slot->dim, names[i]);
        bool copied = test->in_place == i + 1 || (data->shape.same_slot && i == 0);
        if (copied)
            layout->slot[i] =
                add_copy(graph, slot, layout->source[i], test->flags & CASE_KEEP, layout);
    }
    graph_emit(graph, test->op, &data->shape.params, NODE_MAX_INPUTS, layout->slot,
               NODE_MAX_OUTPUTS, layout->slot + NODE_MAX_INPUTS);
    for (int i = NODE_MAX_INPUTS; i < SLOT_COUNT; i++)
        if (layout->slot[i] != VALUE_NONE && !data->shape.slot[i].state)
            graph_output(graph, layout->slot[i], names[i]);
    return graph_status(graph, error);
}

static mvad_status create(mvad_device *device, const struct selftest_data *data,
                          struct layout *layout, struct executor **executor, mvad_error *error)
{
    struct graph graph;
    size_t arena_bytes = 0;
    mvad_status status = build(data, 0, &graph, layout, error);
    if (!status) status = executor_plan_bytes(device, &graph, &arena_bytes, error);
    graph_free(&graph);
    if (status) return status;
    status = build(data, arena_bytes, &graph, layout, error);
    if (status) {
        graph_free(&graph);
        return status;
    }
    return executor_create(device, &graph, executor, error);
}

static mvad_status write_guards(struct executor *executor, const struct layout *layout,
                                mvad_error *error)
{
    double numbers[GUARD_COUNT];
    mvad_status status = MVAD_OK;
    for (int i = 0; i < GUARD_COUNT; i++) numbers[i] = guard_number;
    for (int i = 0; i < layout->guards && !status; i++)
        status = executor_write_double(executor, layout->guard[i], numbers, error);
    return status;
}

static mvad_status write_slots(struct executor *executor, const struct selftest_data *data,
                               const struct layout *layout, mvad_error *error)
{
    for (int i = 0; i < SLOT_COUNT; i++) {
        const struct reference_tensor *tensor = &data->before[i];
        if (layout->source[i] == VALUE_NONE) continue;
        mvad_status status =
            tensor->real
                ? executor_write_double(executor, layout->source[i], tensor->real, error)
                : executor_write(executor, layout->source[i],
                                 tensor->index ? (const void *)tensor->index : tensor->word, error);
        if (status) return status;
    }
    return MVAD_OK;
}

static mvad_status read_slots(struct executor *executor, const struct selftest_data *data,
                              const struct layout *layout, struct selftest_result *result,
                              mvad_error *error)
{
    for (int i = 0; i < SLOT_COUNT; i++) {
        struct reference_tensor *tensor = &result->after[i];
        if (!data->after[i].real && !data->after[i].index) continue;
        if (!selftest_allocate(&data->shape.slot[i], tensor))
            return error_out_of_memory(error, "selftest", 0);
        mvad_status status =
            tensor->real ? executor_read_double(executor, layout->slot[i], tensor->real, error)
                         : executor_read(executor, layout->slot[i], tensor->index, error);
        if (status) return status;
    }
    return MVAD_OK;
}

static mvad_status check_guards(struct executor *executor, const struct layout *layout,
                                struct selftest_result *result, mvad_error *error)
{
    double numbers[GUARD_COUNT];
    for (int i = 0; i <= layout->guards; i++) {
        value_id id = i < layout->guards ? layout->guard[i] : layout->arena_guard;
        mvad_status status = executor_read_double(executor, id, numbers, error);
        if (status) return status;
        for (int j = 0; j < GUARD_COUNT; j++)
            if (numbers[j] != guard_number)
                snprintf(result->problem, sizeof result->problem, "wrote outside of its values");
    }
    return MVAD_OK;
}

/* What the plan must have done for the case to test what it says. */
static void check_plan(struct executor *executor, const struct selftest_data *data,
                       const struct layout *layout, struct selftest_result *result)
{
    const struct graph *graph = executor_graph(executor);
    const struct value *values = graph->values, *out = NULL;
    size_t poisoned = layout->poison == VALUE_NONE ? 0 : value_bytes(&values[layout->poison]);
    for (int i = NODE_MAX_INPUTS; i < SLOT_COUNT; i++) {
        value_id id = layout->slot[i];
        if (id == VALUE_NONE || data->shape.slot[i].state) continue;
        if (i == NODE_MAX_INPUTS) out = &values[id];
        if (values[id].offset < values[layout->poison].offset ||
            values[id].offset + value_bytes(&values[id]) > values[layout->poison].offset + poisoned)
            snprintf(result->problem, sizeof result->problem, "output %d did not start as NaN",
                     i - NODE_MAX_INPUTS);
    }
    if (data->test->in_place && out) {
        bool taken = values[layout->slot[data->test->in_place - 1]].offset == out->offset;
        bool wanted = !(data->test->flags & CASE_KEEP);
        if (taken != wanted)
            snprintf(result->problem, sizeof result->problem, "planned %s",
                     taken ? "over a value still needed" : "not in place");
    }
}

static mvad_status check_kept(struct executor *executor, const struct selftest_data *data,
                              const struct layout *layout, struct selftest_result *result,
                              mvad_error *error)
{
    int slot = data->test->in_place - 1;
    struct reference_tensor now;
    if (!(data->test->flags & CASE_KEEP)) return MVAD_OK;
    if (!selftest_allocate(&data->shape.slot[slot], &now))
        return error_out_of_memory(error, "selftest", 0);
    mvad_status status = executor_read_double(executor, layout->slot[slot], now.real, error);
    for (int64_t i = 0; !status && i < reference_count(&now); i++)
        if (now.real[i] != data->before[slot].real[i])
            snprintf(result->problem, sizeof result->problem, "changed an input");
    selftest_tensor_free(&now);
    return status;
}

mvad_status selftest_execute(mvad_device *device, const struct selftest_data *data,
                             struct selftest_result *result, mvad_error *error)
{
    struct layout layout;
    struct executor *executor = NULL;
    *result = (struct selftest_result){0};
    mvad_status status = create(device, data, &layout, &executor, error);
    if (status) return status;
    /* `zero` needs no writing: every segment but the arena starts as zero bytes. */
    status = write_guards(executor, &layout, error);
    if (!status) status = write_slots(executor, data, &layout, error);
    if (!status) status = executor_run(executor, NULL, error);
    if (!status) status = read_slots(executor, data, &layout, result, error);
    if (!status) status = check_kept(executor, data, &layout, result, error);
    if (!status) status = check_guards(executor, &layout, result, error);
    if (!status) check_plan(executor, data, &layout, result);
    executor_destroy(executor);
    if (status) selftest_result_free(result);
    return status;
}

void selftest_result_free(struct selftest_result *result)
{
    for (int i = 0; i < SLOT_COUNT; i++) selftest_tensor_free(&result->after[i]);
    result->problem[0] = 0;
}
