/* Walks the tables of all files as one. */
#include "core/selftest/selftest.h"

typedef const struct selftest_case *table(size_t *count);

static table *const tables[] = {
    selftest_cases_conv,        selftest_cases_norm, selftest_cases_attention,
    selftest_cases_elementwise, selftest_cases_maps,
};

size_t selftest_case_count(void)
{
    size_t total = 0, count;
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        tables[i](&count);
        total += count;
    }
    return total;
}

const struct selftest_case *selftest_case_at(size_t index)
{
    size_t count;
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        const struct selftest_case *cases = tables[i](&count);
        if (index < count) return cases + index;
        index -= count;
    }
    return NULL;
}
