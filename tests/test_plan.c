/* The lifetime planner: exact offsets of hand-made lists, and no two living blocks in one place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/graph/builder.h"
#include "core/graph/plan.h"

#define A VALUE_ALIGNMENT

static size_t plan(struct plan_block *blocks, size_t count)
{
    size_t bytes = 0;
    mvad_error error = {0};
    assert_int_equal(plan_blocks(blocks, count, &bytes, &error), MVAD_OK);
    return bytes;
}

static void blocks_that_follow_each_other_share(void **state)
{
    (void)state;
    struct plan_block b[] = {
        {A, 0, 1, PLAN_NONE, 0}, {A, 1, 2, PLAN_NONE, 0}, {A, 2, 3, PLAN_NONE, 0}};
    assert_int_equal(plan(b, 3), 2 * A);
    assert_int_equal(b[0].offset, 0);
    assert_int_equal(b[1].offset, A);
    assert_int_equal(b[2].offset, 0);
}

static void largest_goes_lowest_and_gaps_are_filled(void **state)
{
    (void)state;
    struct plan_block b[] = {
        {1, 0, 9, PLAN_NONE, 0},     /* rounded up to one unit, lives throughout */
        {4 * A, 0, 3, PLAN_NONE, 0}, /* the largest: at 0 */
        {3 * A, 4, 9, PLAN_NONE, 0}, /* takes the largest's place */
        {A, 5, 6, PLAN_NONE, 0},     /* and this the unit that leaves free */
    };
    assert_int_equal(plan(b, 4), 5 * A);
    assert_int_equal(b[1].offset, 0);
    assert_int_equal(b[2].offset, 0);
    assert_int_equal(b[0].offset, 4 * A);
    assert_int_equal(b[3].offset, 3 * A);
}

static void an_alias_takes_its_memory_over(void **state)
{
    (void)state;
    struct plan_block b[] = {
        {2 * A, 0, 2, PLAN_NONE, 0}, {2 * A, 2, 5, 0, 0}, /* in place of block 0 */
        {2 * A, 3, 4, PLAN_NONE, 0}, {A, 5, 7, 1, 0}, /* smaller, and in turn in place of block 1 */
        {2 * A, 6, 7, PLAN_NONE, 0},
    };
    assert_int_equal(plan(b, 5), 4 * A);
    assert_int_equal(b[0].offset, 0);
    assert_int_equal(b[1].offset, 0);
    assert_int_equal(b[3].offset, 0);
    assert_int_equal(b[2].offset, 2 * A);
    assert_int_equal(b[4].offset, 2 * A);
}

static void an_alias_must_fit(void **state)
{
    (void)state;
    struct plan_block b[] = {{A, 0, 1, PLAN_NONE, 0}, {2 * A, 1, 2, 0, 0}};
    size_t bytes;
    mvad_error error = {0};
    assert_int_equal(plan_blocks(b, 2, &bytes, &error), MVAD_ERROR_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "block 1"));
}

static void empty_blocks_need_nothing(void **state)
{
    (void)state;
    struct plan_block b[] = {{0, 0, 5, PLAN_NONE, 0}};
    assert_int_equal(plan(b, 1), 0);
    assert_int_equal(plan(NULL, 0), 0);
}

/* Random lists: nothing that lives together overlaps, and the arena is at least the largest sum
 * alive at once. */
static void random_lists_never_overlap(void **state)
{
    (void)state;
    enum { COUNT = 120, STEPS = 60 };
    uint64_t seed = 1;
    for (int round = 0; round < 50; round++) {
        struct plan_block b[COUNT];
        size_t alive[STEPS] = {0}, most = 0;
        for (int i = 0; i < COUNT; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            uint32_t first = (uint32_t)(seed >> 33) % STEPS, length = (uint32_t)(seed >> 45) % 12;
            uint32_t last = first + length < STEPS ? first + length : STEPS - 1;
            b[i] =
                (struct plan_block){1 + (size_t)(seed >> 40) % (20 * A), first, last, PLAN_NONE, 0};
            for (uint32_t s = first; s <= last; s++) {
                alive[s] += b[i].bytes;
                if (alive[s] > most) most = alive[s];
            }
        }
        size_t arena = plan(b, COUNT);
        assert_true(arena >= most);
        for (int i = 0; i < COUNT; i++) {
            assert_int_equal(b[i].offset % A, 0);
            assert_true(b[i].offset + b[i].bytes <= arena);
            for (int j = 0; j < i; j++) {
                bool together = b[i].first <= b[j].last && b[j].first <= b[i].last;
                bool apart = b[i].offset + b[i].bytes <= b[j].offset ||
                             b[j].offset + b[j].bytes <= b[i].offset;
                assert_true(!together || apart);
            }
        }
    }
}

/* x -> relu -> relu -> add(that, x): the second relu works in the first one's memory, the addition
 * too. */
static void graphs_are_planned_in_place(void **state)
{
    (void)state;
    struct graph graph;
    struct plan made;
    mvad_error error = {0};
    int64_t dim[4] = {1, 1, 1, A / 4};
    graph_init(&graph, DTYPE_F32);
    value_id x = graph_input(&graph, "x", DTYPE_F32, dim);
    value_id a = graph_relu(&graph, x), b = graph_relu(&graph, a), c = graph_add(&graph, b, x);
    graph_output(&graph, c, "c");
    size_t workspace[3] = {0, A, 0};
    assert_int_equal(graph_status(&graph, &error), MVAD_OK);
    assert_int_equal(plan_graph(&graph, workspace, &made, &error), MVAD_OK);
    assert_int_equal(graph.values[a].offset, 0);
    assert_int_equal(graph.values[b].offset, 0);
    assert_int_equal(graph.values[c].offset, 0);
    assert_int_equal(made.workspace_offset[1], A);
    assert_int_equal(made.arena_bytes, 2 * A);
    plan_free(&made);
    graph_free(&graph);
}

/* A value read again later, and an output, keep their memory. */
static void living_values_are_not_overwritten(void **state)
{
    (void)state;
    struct graph graph;
    struct plan made;
    mvad_error error = {0};
    int64_t dim[4] = {1, 1, 1, A / 4};
    graph_init(&graph, DTYPE_F32);
    value_id x = graph_input(&graph, "x", DTYPE_F32, dim);
    value_id a = graph_relu(&graph, x), b = graph_relu(&graph, a), c = graph_add(&graph, b, a);
    value_id d = graph_relu(&graph, c);
    graph_output(&graph, b, "b");
    graph_output(&graph, d, "d");
    assert_int_equal(plan_graph(&graph, NULL, &made, &error), MVAD_OK);
    assert_true(graph.values[b].offset != graph.values[a].offset);
    assert_true(graph.values[c].offset ==
                graph.values[a].offset); /* a dies in the addition, b does not */
    assert_true(graph.values[d].offset == graph.values[c].offset);
    assert_int_equal(made.arena_bytes, 2 * A);
    plan_free(&made);
    graph_free(&graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_that_follow_each_other_share),
        cmocka_unit_test(largest_goes_lowest_and_gaps_are_filled),
        cmocka_unit_test(an_alias_takes_its_memory_over),
        cmocka_unit_test(an_alias_must_fit),
        cmocka_unit_test(empty_blocks_need_nothing),
        cmocka_unit_test(random_lists_never_overlap),
        cmocka_unit_test(graphs_are_planned_in_place),
        cmocka_unit_test(living_values_are_not_overwritten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
