#include "train_case.h"

/* Nine training samples of two classes, one of them with a defect, and one test sample. */
void train_write_data(const char *folder)
{
    static const char *const samples[] = {
        "bolt/train/good/s1",    "bolt/train/good/s2", "bolt/train/good/s3", "bolt/train/good/s4",
        "bolt/train/scratch/s1", "nut/train/good/s1",  "nut/train/good/s2",  "nut/train/good/s3",
        "nut/train/good/s4",     "nut/test/good/s9"};
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++)
        for (int view = 1; view <= VIEWS; view++) {
            char name[128];
            snprintf(name, sizeof name, "%s/%s/C%d.png", folder, samples[i], view);
            tree_write_image(name, SIZE + 8, SIZE, (uint8_t)(20 * i), (uint8_t)(120 * view),
                             (uint8_t)(i % 3 * 90));
        }
}

mvad_dataset *train_open_data(const char *folder)
{
    mvad_dataset *dataset;
    mvad_error error;
    const mvad_dataset_options options = mvad_dataset_options_default();
    char *path = tree_path(folder);
    if (mvad_dataset_open(path, &options, &dataset, &error)) fail_msg("%s", error.message);
    free(path);
    return dataset;
}

mvad_model *train_make_model(uint64_t seed)
{
    mvad_config config = mvad_config_default();
    config.backbone = MVAD_BACKBONE_RESNET18;
    config.views = VIEWS;
    config.image_size = SIZE;
    for (int i = 0; i < MVAD_SCALES; i++) {
        config.windows[i] = config.topk[i] = 2;
        config.blocks[i] = 1;
    }
    mvad_model *model;
    assert_int_equal(mvad_model_create(&config, seed, &model, NULL), MVAD_OK);
    return model;
}

mvad_train_options train_make_options(void)
{
    mvad_train_options options = mvad_train_options_default();
    options.step.samples = BATCH;
    options.step.seed = 5;
    options.step.learning_rate = 1e-3;
    options.epochs = EPOCHS;
    options.decay_at = 0.5;
    return options;
}

/* A run on the data in the folder "data", into another folder of the tree. */
mvad_status train_run(const char *folder, const mvad_train_options *given, uint64_t model_seed,
                      int32_t *finished, mvad_error *error)
{
    mvad_dataset *dataset = train_open_data("data");
    mvad_model *model = train_make_model(model_seed);
    mvad_device *device;
    mvad_train_options options = *given;
    char *path = tree_path(folder);
    options.folder = path;
    assert_int_equal(mvad_device_open("cpu", 2, &device, NULL), MVAD_OK);
    mvad_status status = mvad_train(model, device, dataset, &options, finished, error);
    mvad_device_close(device);
    mvad_model_destroy(model);
    mvad_dataset_close(dataset);
    free(path);
    return status;
}

void train_whole(const char *folder, const mvad_train_options *options)
{
    mvad_error error;
    int32_t finished = 0;
    if (train_run(folder, options, 1, &finished, &error)) fail_msg("%s", error.message);
    assert_int_equal(finished, 1);
}

void train_fails(const char *folder, const mvad_train_options *options, mvad_status status,
                 const char *what)
{
    mvad_error error;
    int32_t finished = 1;
    assert_int_equal(train_run(folder, options, 1, &finished, &error), status);
    if (!strstr(error.message, what)) fail_msg("'%s' lacks '%s'", error.message, what);
    assert_int_equal(finished, 0);
}

uint8_t *train_read_file(const char *folder, const char *file, size_t *size)
{
    char name[128];
    snprintf(name, sizeof name, "%s/%s", folder, file);
    char *path = tree_path(name);
    uint8_t *bytes = read_bytes(path, size);
    free(path);
    return bytes;
}

static void assert_same_file(const char *a, const char *b, const char *file)
{
    size_t sizes[2];
    uint8_t *bytes[2] = {train_read_file(a, file, &sizes[0]), train_read_file(b, file, &sizes[1])};
    assert_int_equal(sizes[0], sizes[1]);
    assert_true(sizes[0] > 1000);
    assert_true(memcmp(bytes[0], bytes[1], sizes[0]) == 0);
    free(bytes[0]);
    free(bytes[1]);
}

void assert_same_run(const char *a, const char *b)
{
    assert_same_file(a, b, "model.safetensors");
    assert_same_file(a, b, "checkpoint.safetensors");
}

/* The lines of a log; entry i is of step i + 1, or the test fails. Freed by the caller. */
cJSON *train_read_log(const char *folder, int count)
{
    size_t size;
    char *text = (char *)train_read_file(folder, "log.jsonl", &size), *next = text;
    cJSON *lines = cJSON_CreateArray();
    assert_true(size > 0 && text[size - 1] == '\n');
    for (int step = 1; next < text + size; step++) {
        char *end = memchr(next, '\n', (size_t)(text + size - next));
        cJSON *line = cJSON_ParseWithLength(next, (size_t)(end - next));
        assert_non_null(line);
        assert_int_equal(cJSON_GetObjectItem(line, "step")->valueint, step);
        cJSON_AddItemToArray(lines, line);
        next = end + 1;
    }
    free(text);
    assert_int_equal(cJSON_GetArraySize(lines), count);
    return lines;
}

double train_log_value(const cJSON *lines, int step, const char *name)
{
    const cJSON *value = cJSON_GetObjectItem(cJSON_GetArrayItem(lines, step - 1), name);
    if (!cJSON_IsNumber(value)) fail_msg("step %d: no %s", step, name);
    return value->valuedouble;
}

int train_case_make(void **state)
{
    if (scratch_make(state) || tree_make(state)) return -1;
    train_write_data("data");
    return 0;
}

int train_case_remove(void **state)
{
    return tree_remove(state) | scratch_remove(state);
}
