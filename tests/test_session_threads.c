/* Four threads on one model and one device: sessions and predictions have the bits that one thread gets. */
#include <math.h>
#include <pthread.h>

#include "predict_case.h"

enum {
    THREADS = 4,
    ROUNDS = 3,
    INPUT = EVAL_VIEWS * 3 * EVAL_PIXELS,
    MAPS = EVAL_VIEWS * EVAL_PIXELS
};

/* What a thread finds out; threads do not use cmocka, whose failures belong to the main thread. */
struct work {
    pthread_barrier_t *start; /* NULL: alone */
    float maps[ROUNDS][MAPS], scores[ROUNDS];
    float predicted[EVAL_PARTS];
    size_t parts;
    mvad_error error;
};

static void fill_images(int round, float *images)
{
    for (int i = 0; i < INPUT; i++) images[i] = sinf(0.013f * (float)(i + 1) * (float)(round + 1));
}

static mvad_status run_session(struct work *work)
{
    float images[INPUT];
    mvad_session *session = NULL;
    mvad_session_options options = mvad_session_options_default();
    options.views = EVAL_VIEWS;
    mvad_status status = mvad_session_create(predict_case.model, predict_case.device, &options,
                                             &session, &work->error);
    for (int r = 0; r < ROUNDS && !status; r++) {
        fill_images(r, images);
        status = mvad_session_run(session, images, &work->error);
        if (!status)
            status = mvad_session_read(session, MVAD_OUTPUT_MAP, work->maps[r], MAPS, &work->error);
        if (!status)
            status = mvad_session_read(session, MVAD_OUTPUT_SAMPLE_SCORE, &work->scores[r], 1,
                                       &work->error);
    }
    mvad_session_destroy(session);
    return status;
}

static int32_t keep_score(const mvad_part_result *part, void *user)
{
    struct work *work = user;
    work->predicted[work->parts++] = part->score;
    return work->parts == EVAL_PARTS;
}

static void *predict_all(void *user)
{
    struct work *work = user;
    mvad_predict_options options = mvad_predict_options_default();
    options.threshold = 1;
    options.split = MVAD_SPLIT_ALL;
    options.part = keep_score;
    options.user = work;
    if (work->start) pthread_barrier_wait(work->start);
    if (!run_session(work))
        mvad_predict(predict_case.model, predict_case.device, predict_case.dataset, &options,
                     &work->error);
    return NULL;
}

static void assert_all(const struct work *work)
{
    if (work->error.status) fail_msg("%s", work->error.message);
    assert_int_equal(work->parts, EVAL_PARTS);
    for (int r = 0; r < ROUNDS; r++) assert_true(isfinite(work->scores[r]));
    assert_true(work->scores[0] != work->scores[1]);
}

static void four_threads_have_the_bits_of_one(void **state)
{
    (void)state;
    struct work *alone = calloc(1 + THREADS, sizeof *alone), *together = alone + 1;
    pthread_t threads[THREADS];
    pthread_barrier_t start;
    assert_non_null(alone);
    predict_all(alone);
    assert_all(alone);
    assert_int_equal(pthread_barrier_init(&start, NULL, THREADS), 0);
    for (int t = 0; t < THREADS; t++) {
        together[t].start = &start;
        assert_int_equal(pthread_create(&threads[t], NULL, predict_all, &together[t]), 0);
    }
    for (int t = 0; t < THREADS; t++) assert_int_equal(pthread_join(threads[t], NULL), 0);
    for (int t = 0; t < THREADS; t++) {
        assert_all(&together[t]);
        assert_memory_equal(together[t].maps, alone->maps, sizeof alone->maps);
        assert_memory_equal(together[t].scores, alone->scores, sizeof alone->scores);
        assert_memory_equal(together[t].predicted, alone->predicted, sizeof alone->predicted);
    }
    pthread_barrier_destroy(&start);
    free(alone);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(four_threads_have_the_bits_of_one)};
    return cmocka_run_group_tests_name("session threads", tests, predict_make, predict_remove);
}
