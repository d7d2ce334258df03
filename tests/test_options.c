/* Programs compiled against an older or a newer mvad.h: their structures are written out here. */
#include <math.h>
#include <string.h>

#include "data_images.h"
#include "mvad.h"

enum { CANARY = 0x5a };

static mvad_model *make_model(void)
{
    mvad_config config = mvad_config_default();
    config.backbone = MVAD_BACKBONE_RESNET18;
    config.image_size = 32;
    for (int s = 0; s < MVAD_SCALES; s++) {
        config.blocks[s] = 1;
        config.windows[s] = 1;
    }
    mvad_model *model;
    assert_int_equal(mvad_model_create(&config, 1, &model, NULL), MVAD_OK);
    return model;
}

static mvad_device *open_cpu(void)
{
    mvad_device *device;
    assert_int_equal(mvad_device_open("cpu", 1, &device, NULL), MVAD_OK);
    return device;
}

static void assert_zero(const void *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) assert_int_equal(((const char *)bytes)[i], 0);
}

/* The images that a data set would have; the work is stopped. */
static int take_total(int64_t done, int64_t total, void *user)
{
    (void)done;
    *(int64_t *)user = total;
    return 1;
}

static void what_an_older_caller_lacks_takes_its_default(void **state)
{
    (void)state;
    struct {
        size_t size;
        int32_t classes, samples_train;
        char behind[64];
    } old;
    const size_t size = offsetof(__typeof__(old), behind);
    memset(&old, CANARY, sizeof old);
    mvad_synth_options_init((mvad_synth_options *)(void *)&old, size);
    assert_int_equal(old.size, size);
    assert_int_equal(old.classes, MVAD_SYNTH_CLASSES);
    assert_int_equal(old.samples_train, 20);
    for (size_t i = 0; i < sizeof old.behind; i++) assert_int_equal(old.behind[i], CANARY);

    old.classes = 1;
    old.samples_train = 3;
    int64_t total = 0;
    mvad_error error;
    char *folder = tree_path("old");
    assert_int_equal(
        mvad_synth_write(folder, (mvad_synth_options *)(void *)&old, take_total, &total, &error),
        MVAD_OK);
    free(folder);
    assert_int_equal(total, (3 + 12) * MVAD_SYNTH_VIEWS); /* 12 test samples are the default */
}

static void what_a_newer_caller_leaves_alone_is_no_obstacle(void **state)
{
    (void)state;
    struct {
        mvad_synth_options known;
        double newer[3];
    } new;
    memset(&new, CANARY, sizeof new);
    mvad_synth_options_init((mvad_synth_options *)(void *)&new, sizeof new);
    assert_int_equal(new.known.size, sizeof new);
    assert_int_equal(new.known.samples_test, 12);
    assert_zero(new.newer, sizeof new.newer);

    new.known.samples_test = 2;
    int64_t total = 0;
    mvad_error error;
    char *folder = tree_path("new");
    assert_int_equal(mvad_synth_write(folder, &new.known, take_total, &total, &error), MVAD_OK);
    assert_int_equal(total, 4 * (20 + 2) * MVAD_SYNTH_VIEWS);
    ((char *)&new)[sizeof new - 1] = 1;
    assert_int_equal(mvad_synth_write(folder, &new.known, take_total, &total, &error),
                     MVAD_ERROR_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "mvad_synth_options of "));
    assert_non_null(strstr(error.message, "sets what version "));
    free(folder);
}

/* mvad_predict_options with session options of `session_size` bytes inside. An infinite threshold is refused
 * by name: it was found where the caller has it. */
static void check_predict(const mvad_model *model, mvad_device *device, size_t session_size)
{
    const size_t session = offsetof(mvad_predict_options, session);
    const size_t behind = sizeof(mvad_predict_options) - session - sizeof(mvad_session_options);
    const size_t size = session + session_size + behind;
    const size_t threshold = session + session_size + offsetof(mvad_predict_options, threshold) -
                             offsetof(mvad_predict_options, split);
    _Alignas(mvad_predict_options) char bytes[256];
    mvad_predict_options *options = (mvad_predict_options *)(void *)bytes;
    mvad_predictor *predictor;
    mvad_error error;
    float value;
    size_t inner;
    assert_true(size <= sizeof bytes);
    memset(bytes, CANARY, sizeof bytes);
    mvad_predict_options_init(options, size, session_size);
    for (size_t i = size; i < sizeof bytes; i++) assert_int_equal(bytes[i], CANARY);
    memcpy(&value, bytes + threshold, sizeof value);
    assert_true(isnan(value));
    memcpy(&inner, bytes + session, sizeof inner);
    assert_int_equal(inner, session_size);
    assert_int_equal(mvad_predictor_create(model, device, options, &predictor, &error),
                     MVAD_ERROR_FORMAT); /* neither given nor the model's */
    value = INFINITY;
    memcpy(bytes + threshold, &value, sizeof value);
    assert_int_equal(mvad_predictor_create(model, device, options, &predictor, &error),
                     MVAD_ERROR_INVALID_ARGUMENT);
    assert_string_equal(error.message, "threshold is infinite");
    value = 0.5F;
    memcpy(bytes + threshold, &value, sizeof value);
    assert_int_equal(mvad_predictor_create(model, device, options, &predictor, &error), MVAD_OK);
    mvad_predictor_destroy(predictor);
    if (session_size <= sizeof(mvad_session_options)) return;
    bytes[session + session_size - 1] = 1;
    assert_int_equal(mvad_predictor_create(model, device, options, &predictor, &error),
                     MVAD_ERROR_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "sets what version "));
}

static void options_inside_others_have_a_version_of_their_own(void **state)
{
    (void)state;
    mvad_model *model = make_model();
    mvad_device *device = open_cpu();
    check_predict(model, device, 2 * sizeof(size_t));
    check_predict(model, device, sizeof(mvad_session_options));
    check_predict(model, device, sizeof(mvad_session_options) + 4 * sizeof(size_t));
    mvad_device_close(device);
    mvad_model_destroy(model);
}

static void defaults_have_the_callers_sizes(void **state)
{
    (void)state;
    assert_int_equal(mvad_session_options_default().size, sizeof(mvad_session_options));
    assert_int_equal(mvad_trainer_options_default().size, sizeof(mvad_trainer_options));
    assert_int_equal(mvad_synth_options_default().size, sizeof(mvad_synth_options));
    assert_int_equal(mvad_dataset_options_default().size, sizeof(mvad_dataset_options));
    assert_int_equal(mvad_dataset_check_options_default().size, sizeof(mvad_dataset_check_options));
    assert_int_equal(mvad_cache_options_default().size, sizeof(mvad_cache_options));
    assert_int_equal(mvad_picture_options_default().size, sizeof(mvad_picture_options));
    const mvad_evaluate_options evaluate = mvad_evaluate_options_default();
    assert_int_equal(evaluate.size, sizeof evaluate);
    assert_int_equal(evaluate.session.size, sizeof evaluate.session);
    assert_int_equal(evaluate.session.samples, 1);
    const mvad_calibrate_options calibrate = mvad_calibrate_options_default();
    assert_int_equal(calibrate.size, sizeof calibrate);
    assert_int_equal(calibrate.session.size, sizeof calibrate.session);
    assert_true(calibrate.confidence == 0.95);
    const mvad_train_options train = mvad_train_options_default();
    assert_int_equal(train.size, sizeof train);
    assert_int_equal(train.step.size, sizeof train.step);
    assert_int_equal(train.step.samples, 8);
    assert_int_equal(train.checkpoint_seconds, 60);
}

/* A field added where an older version has padding would be read from what an older caller left there. */
#define ENDS_WITH(type, member) \
    assert_int_equal(sizeof(type), offsetof(type, member) + sizeof(((type *)0)->member))

static void no_structure_ends_in_padding(void **state)
{
    (void)state;
    ENDS_WITH(mvad_session_options, reserved);
    ENDS_WITH(mvad_trainer_options, seed);
    ENDS_WITH(mvad_synth_options, seed);
    ENDS_WITH(mvad_dataset_options, reserved);
    ENDS_WITH(mvad_dataset_check_options, user);
    ENDS_WITH(mvad_cache_options, user);
    ENDS_WITH(mvad_evaluate_options, user);
    ENDS_WITH(mvad_calibrate_options, user);
    ENDS_WITH(mvad_train_options, reading);
    ENDS_WITH(mvad_predict_options, user);
    ENDS_WITH(mvad_picture_options, jpeg);
    ENDS_WITH(mvad_image_view, reserved);
}

/* The smallest of a library's wrong uses: a structure nobody initialised. */
static void options_without_a_size_are_refused(void **state)
{
    (void)state;
    mvad_model *model = make_model();
    mvad_device *device = open_cpu();
    const mvad_config config = mvad_model_config(model);
    mvad_session *session;
    mvad_trainer *trainer;
    mvad_dataset *dataset;
    mvad_cost cost;
    mvad_error error;
    const size_t sizes[] = {0, sizeof(size_t), sizeof(mvad_session_options) + 1};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        mvad_session_options options = mvad_session_options_default();
        mvad_trainer_options step = mvad_trainer_options_default();
        mvad_dataset_options open = mvad_dataset_options_default();
        options.size = step.size = open.size = sizes[i];
        assert_int_equal(mvad_session_create(model, device, &options, &session, &error),
                         MVAD_ERROR_INVALID_ARGUMENT);
        assert_non_null(strstr(error.message, "not initialised (mvad_session_options)"));
        assert_int_equal(mvad_cost_inference(&config, device, &options, &cost, &error),
                         MVAD_ERROR_INVALID_ARGUMENT);
        assert_non_null(strstr(error.message, "not initialised (mvad_session_options)"));
        assert_int_equal(mvad_trainer_create(model, device, &step, &trainer, &error),
                         MVAD_ERROR_INVALID_ARGUMENT);
        assert_int_equal(mvad_cost_training(&config, device, &step, &cost, &error),
                         MVAD_ERROR_INVALID_ARGUMENT);
        assert_non_null(strstr(error.message, "not initialised (mvad_trainer_options)"));
        assert_int_equal(mvad_dataset_open("nowhere", &open, &dataset, &error),
                         MVAD_ERROR_INVALID_ARGUMENT);
        assert_non_null(strstr(error.message, "not initialised (mvad_dataset_options)"));
    }
    /* Options inside that would be longer than what they lie in. */
    mvad_train_options train = mvad_train_options_default();
    int32_t finished;
    train.folder = "nowhere";
    train.step.size = sizeof train;
    assert_int_equal(
        mvad_dataset_from_images("a", (const char *const[]){"a.png"}, 1, &dataset, NULL), MVAD_OK);
    assert_int_equal(mvad_train(model, device, dataset, &train, &finished, &error),
                     MVAD_ERROR_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "not initialised (mvad_train_options)"));
    mvad_dataset_close(dataset);
    mvad_device_close(device);
    mvad_model_destroy(model);
}

#define RESERVED_IS_ZERO(result) assert_zero((result).reserved, sizeof(result).reserved)

static void reserved_fields_of_results_are_zero(void **state)
{
    (void)state;
    mvad_model *model = make_model();
    mvad_device *device = open_cpu();
    const mvad_config config = mvad_model_config(model);
    const mvad_session_options options = mvad_session_options_default();
    mvad_device_info info;
    mvad_parameter parameter;
    mvad_dataset_class class;
    mvad_cost cost;
    mvad_dataset *dataset;
    memset(&info, CANARY, sizeof info);
    memset(&parameter, CANARY, sizeof parameter);
    memset(&class, CANARY, sizeof class);
    memset(&cost, CANARY, sizeof cost);
    assert_int_equal(mvad_device_describe(device, &info, NULL), MVAD_OK);
    RESERVED_IS_ZERO(info);
    assert_int_equal(mvad_model_parameter_at(model, 0, &parameter, NULL), MVAD_OK);
    RESERVED_IS_ZERO(parameter);
    assert_int_equal(mvad_cost_inference(&config, device, &options, &cost, NULL), MVAD_OK);
    RESERVED_IS_ZERO(cost);
    assert_int_equal(
        mvad_dataset_from_images("a", (const char *const[]){"a.png"}, 1, &dataset, NULL), MVAD_OK);
    assert_int_equal(mvad_dataset_class_at(dataset, 0, &class, NULL), MVAD_OK);
    RESERVED_IS_ZERO(class);
    mvad_dataset_close(dataset);
    mvad_device_close(device);
    mvad_model_destroy(model);
}

static void a_configuration_of_a_later_version_is_refused(void **state)
{
    (void)state;
    mvad_config config = mvad_config_default();
    mvad_error error;
    assert_int_equal(mvad_config_check(&config, &error), MVAD_OK);
    config.reserved[7] = 1;
    assert_int_equal(mvad_config_check(&config, &error), MVAD_ERROR_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "does not know"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_an_older_caller_lacks_takes_its_default),
        cmocka_unit_test(what_a_newer_caller_leaves_alone_is_no_obstacle),
        cmocka_unit_test(options_inside_others_have_a_version_of_their_own),
        cmocka_unit_test(defaults_have_the_callers_sizes),
        cmocka_unit_test(no_structure_ends_in_padding),
        cmocka_unit_test(options_without_a_size_are_refused),
        cmocka_unit_test(reserved_fields_of_results_are_zero),
        cmocka_unit_test(a_configuration_of_a_later_version_is_refused),
    };
    return cmocka_run_group_tests_name("options", tests, tree_make, tree_remove);
}
