/* Philox against the known answers of its authors' Random123 library, and what is built on it. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/base/random.h"
#include "core/model/parameters.h"

/* philox4x32, 10 rounds, from Random123's file of known answers. */
static void known_answers(void **state)
{
    (void)state;
    static const struct {
        uint32_t counter[4], key[2], expected[4];
    } answers[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        uint32_t out[4];
        philox4x32(answers[i].counter, answers[i].key, out);
        for (int j = 0; j < 4; j++) assert_int_equal(out[j], answers[i].expected[j]);
    }
}

static void uniforms_are_uniform(void **state)
{
    (void)state;
    enum { BLOCKS = 25000, BINS = 16 };
    const struct random_state random = {7, 0, 3, 0};
    int bins[BINS] = {0};
    double sum = 0;
    for (uint64_t block = 0; block < BLOCKS; block++) {
        float u[4];
        random_block(&random, 11, block, u);
        for (int i = 0; i < 4; i++) {
            assert_true(u[i] >= 0 && u[i] < 1);
            bins[(int)(u[i] * BINS)]++;
            sum += (double)u[i];
        }
    }
    double chi = 0, expected = 4.0 * BLOCKS / BINS;
    for (int i = 0; i < BINS; i++) chi += (bins[i] - expected) * (bins[i] - expected) / expected;
    assert_true(chi < 37.7); /* 15 degrees of freedom, one in a thousand */
    assert_true(fabs(sum / (4.0 * BLOCKS) - 0.5) < 4 / sqrt(12 * 4.0 * BLOCKS));
}

static void streams_differ_in_salt_step_seed_and_block(void **state)
{
    (void)state;
    const struct random_state base = {1, 2, 3, 0}, seed = {2, 2, 3, 0}, step = {1, 2, 4, 0};
    float first[4], other[4];
    random_block(&base, 5, 9, first);
    random_block(&base, 6, 9, other);
    assert_true(first[0] != other[0]);
    random_block(&base, 5, 10, other);
    assert_true(first[0] != other[0]);
    random_block(&seed, 5, 9, other);
    assert_true(first[0] != other[0]);
    random_block(&step, 5, 9, other);
    assert_true(first[0] != other[0]);
    random_block(&base, 5, 9 + (1ull << 32), other); /* the block number's upper half counts */
    assert_true(first[0] != other[0]);
}

static void moments(const struct parameter *parameter, double *mean, double *deviation,
                    double *largest)
{
    float *values = malloc(parameter->count * sizeof *values);
    assert_non_null(values);
    parameter_initialise(parameter, 42, values);
    double sum = 0, squares = 0;
    *largest = 0;
    for (size_t i = 0; i < parameter->count; i++) {
        sum += (double)values[i];
        squares += (double)values[i] * (double)values[i];
        *largest = fmax(*largest, fabs((double)values[i]));
    }
    *mean = sum / (double)parameter->count;
    *deviation = sqrt(squares / (double)parameter->count - *mean * *mean);
    free(values);
}

static void initial_values_have_their_distribution(void **state)
{
    (void)state;
    mvad_error error = {0};
    struct parameter_table table = {0};
    double mean, deviation, largest;
    assert_int_equal(parameter_table_add(&table, "conv", MVAD_PARAMETER_TRAINABLE, LAYOUT_CONV,
                                         INIT_KAIMING_NORMAL, 64 * 9, (int64_t[4]){64, 3, 3, 128},
                                         &error),
                     MVAD_OK);
    assert_int_equal(parameter_table_add(&table, "linear", MVAD_PARAMETER_TRAINABLE, LAYOUT_LINEAR,
                                         INIT_UNIFORM, 256, (int64_t[4]){300, 1, 1, 256}, &error),
                     MVAD_OK);
    moments(&table.items[0], &mean, &deviation, &largest);
    double expected =
        sqrt(2.0 / (64 * 9)); /* PyTorch's kaiming_normal_(mode="fan_out", nonlinearity="relu") */
    assert_true(fabs(mean) < 4 * expected / sqrt(64 * 9 * 128));
    assert_true(fabs(deviation / expected - 1) < 0.01);
    assert_true(largest > 3.5 * expected);
    moments(&table.items[1], &mean, &deviation, &largest);
    assert_true(fabs(mean) < 4.0 / 16 / sqrt(3) / sqrt(300 * 256));
    assert_true(fabs(deviation - 1.0 / 16 / sqrt(3)) < 0.01 / 16);
    assert_true(largest <= 1.0 / 16 && largest > 0.99 / 16);
    parameter_table_free(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers),
        cmocka_unit_test(uniforms_are_uniform),
        cmocka_unit_test(streams_differ_in_salt_step_seed_and_block),
        cmocka_unit_test(initial_values_have_their_distribution),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
