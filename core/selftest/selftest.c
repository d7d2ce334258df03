/* The public self-test: every case of the table on the device, then a small whole model. */
#include "core/selftest/selftest.h"

#include <math.h>
#include <stdio.h>

#include "core/base/error.h"

struct tally {
    size_t run, failed;
    char first[384]; /* name and detail of the first failure */
};

/* One row. A case the device refuses is a failed row; running out of memory or a broken device ends
 * the test. */
static mvad_status run_case(mvad_device *device, const struct selftest_data *data,
                            void (*visit)(const mvad_selftest_row *row, void *user), void *user,
                            struct tally *tally, mvad_error *error)
{
    struct selftest_result result = {0};
    struct selftest_verdict verdict = {.error = INFINITY};
    mvad_error reason;
    mvad_status status = selftest_execute(device, data, &result, &reason);
    if (status && status != MVAD_ERROR_UNSUPPORTED)
        return error_set(error, status, "%s: %.300s", data->name, reason.message);
    if (status)
        snprintf(verdict.detail, sizeof verdict.detail, "%.250s", reason.message);
    else
        selftest_compare(data, &result, &verdict);
    selftest_result_free(&result);

    char name[SELFTEST_NAME_BYTES + sizeof verdict.detail + 4];
    snprintf(name, sizeof name, verdict.passed ? "%s" : "%s [%s]", data->name, verdict.detail);
    tally->run++;
    if (!verdict.passed && !tally->failed++)
        snprintf(tally->first, sizeof tally->first, "%.380s", name);
    if (visit)
        visit(&(mvad_selftest_row){name, verdict.error, verdict.tolerance, verdict.passed}, user);
    return MVAD_OK;
}

/* A device that refuses the first case, a plain convolution, does not have this precision. */
static mvad_status has_precision(mvad_device *device, mvad_precision precision, mvad_error *error)
{
    struct selftest_data *data;
    struct selftest_result result = {0};
    mvad_status status = selftest_prepare(selftest_case_at(0), precision, &data, error);
    if (!status) status = selftest_execute(device, data, &result, error);
    selftest_result_free(&result);
    selftest_data_free(data);
    return status;
}

mvad_status mvad_selftest(mvad_device *device, mvad_precision precision,
                          void (*visit)(const mvad_selftest_row *row, void *user), void *user,
                          mvad_error *error)
{
    struct tally tally = {0};
    if (!device || (unsigned)precision >= MVAD_PRECISION_COUNT)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT,
                         "selftest needs a device and a known precision");
    mvad_status known = has_precision(device, precision, error);
    if (known) return known;
    for (size_t i = 0; i < selftest_case_count(); i++) {
        struct selftest_data *data;
        mvad_status status = selftest_prepare(selftest_case_at(i), precision, &data, error);
        if (!status) status = run_case(device, data, visit, user, &tally, error);
        selftest_data_free(data);
        if (status) return status;
    }
    size_t model_failed = 0;
    mvad_status status = selftest_model(device, precision, visit, user, &model_failed, error);
    if (status) return status;
    if (!tally.run) return error_set(error, MVAD_ERROR_NUMERIC, "no check ran");
    if (tally.failed)
        return error_set(error, MVAD_ERROR_NUMERIC, "%zu of %zu op checks failed, first %s",
                         tally.failed, tally.run, tally.first);
    if (model_failed)
        return error_set(error, MVAD_ERROR_NUMERIC, "%zu outputs of the whole model differ",
                         model_failed);
    return error_clear(error);
}
