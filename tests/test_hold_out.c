/* Parts held out of a data set: what is left and what is held out make up the good parts, by class. */
#include "train_case.h"

enum { GOOD = 4, CLASSES = 2 }; /* good training samples of each class of train_case.h */

/* Marks the samples of a data set by class and the number in their name; how many there are. */
static size_t mark(const mvad_dataset *dataset, bool marks[CLASSES][10])
{
    const struct dataset *index = &dataset->index;
    memset(marks, 0, CLASSES * sizeof *marks);
    for (size_t i = 0; i < index->sample_count; i++) {
        const struct dataset_sample *sample = &index->samples[i];
        if (sample->label == DATASET_NORMAL && sample->split == DATASET_TRAIN)
            marks[sample->class_index][atoi(sample->name + strcspn(sample->name, "0123456789"))] =
                true;
    }
    return index->sample_count;
}

static void note(mvad_model *model, const mvad_dataset *dataset)
{
    char text[HOLD_OUT_BYTES];
    hold_out_to_text(&dataset->held_out, text);
    assert_int_equal(mvad_model_set_note(model, HOLD_OUT_NOTE, text, NULL), MVAD_OK);
}

static void good_parts_are_divided(void **state)
{
    (void)state;
    mvad_model *model = train_make_model(1);
    bool choices_differ = false, first[CLASSES][10];
    for (uint64_t seed = 0; seed < 8; seed++) {
        mvad_dataset *rest = train_open_data("data"), *held = train_open_data("data");
        const size_t all = rest->index.sample_count;
        bool left[CLASSES][10], taken[CLASSES][10];
        size_t count;
        mvad_error error;
        assert_int_equal(mvad_dataset_hold_out(rest, 0.4, seed, &count, NULL), MVAD_OK);
        assert_int_equal(count, 4); /* two of four in each class */
        assert_int_equal(mark(rest, left), all - 4);
        note(model, rest);
        if (mvad_dataset_keep_held_out(held, model, &count, &error)) fail_msg("%s", error.message);
        assert_int_equal(count, 4);
        assert_int_equal(mark(held, taken), 4);
        for (int c = 0; c < CLASSES; c++) {
            int held_out = 0;
            for (int n = 1; n <= GOOD; n++) {
                assert_true(left[c][n] != taken[c][n]);
                held_out += taken[c][n];
            }
            assert_int_equal(held_out, 2);
        }
        if (!seed) memcpy(first, taken, sizeof first);
        choices_differ |= memcmp(first, taken, sizeof first) != 0;
        /* Once is enough. */
        assert_int_equal(mvad_dataset_hold_out(rest, 0.4, seed, &count, NULL),
                         MVAD_ERROR_INVALID_ARGUMENT);
        mvad_dataset_close(rest);
        mvad_dataset_close(held);
    }
    assert_true(choices_differ);
    mvad_model_destroy(model);
}

static void shares_are_rounded_within_reason(void **state)
{
    (void)state;
    static const struct {
        double share;
        size_t count; /* in the two classes */
    } cases[] = {{0.01, 2}, {0.37, 2}, {0.38, 4}, {0.7, 6}, {0.99, 6}};
    size_t count;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mvad_dataset *dataset = train_open_data("data");
        assert_int_equal(mvad_dataset_hold_out(dataset, cases[i].share, 1, &count, NULL), MVAD_OK);
        assert_int_equal(count, cases[i].count);
        mvad_dataset_close(dataset);
    }
    mvad_dataset *dataset = train_open_data("data");
    assert_int_equal(mvad_dataset_hold_out(dataset, 0, 1, &count, NULL),
                     MVAD_ERROR_INVALID_ARGUMENT);
    assert_int_equal(mvad_dataset_hold_out(dataset, 1, 1, &count, NULL),
                     MVAD_ERROR_INVALID_ARGUMENT);
    mvad_dataset_close(dataset);
}

static void notes_that_tell_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *note, *what;
    } cases[] = {{"", "none was held out"},
                 {"0.4", "not a share"},
                 {"1.4 1 0123456789abcdef", "not a share"},
                 {"0.4 1 0123456789abcdef x", "not a share"},
                 {"0.4 1 0123456789abcdef", "its data have changed"}};
    mvad_model *model = train_make_model(1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mvad_dataset *dataset = train_open_data("data");
        size_t count;
        mvad_error error;
        assert_int_equal(mvad_model_set_note(model, HOLD_OUT_NOTE, cases[i].note, NULL), MVAD_OK);
        assert_int_equal(mvad_dataset_keep_held_out(dataset, model, &count, &error),
                         MVAD_ERROR_FORMAT);
        assert_non_null(strstr(error.message, cases[i].what));
        mvad_dataset_close(dataset);
    }
    mvad_model_destroy(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_parts_are_divided),
        cmocka_unit_test(shares_are_rounded_within_reason),
        cmocka_unit_test(notes_that_tell_nothing),
    };
    return cmocka_run_group_tests(tests, train_case_make, train_case_remove);
}
