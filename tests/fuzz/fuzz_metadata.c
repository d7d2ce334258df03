/* The metadata of a model file: lines KEY=VALUE. A configuration that is accepted has parameters, and
 * is the same after it has been written and read. */
#include <stdlib.h>
#include <string.h>

#include "core/model/config.h"
#include "core/model/model.h"
#include "core/model/network.h"
#include "tests/fuzz/fuzz_files.h"

static void add_line(mvad_tensors *tensors, const char *line, size_t length)
{
    char *text = strndup(line, length), *sign = strchr(text, '=');
    if (sign) {
        *sign = 0;
        mvad_tensors_set_metadata(tensors, text, sign + 1, NULL); /* what is not UTF-8 is refused */
    }
    free(text);
}

static void check(const mvad_tensors *tensors)
{
    mvad_config config = mvad_config_default(), again = mvad_config_default();
    mvad_tensors *written;
    struct parameter_table table = {0};
    mvad_error error;
    int missing;
    const char *first;
    if (config_from_metadata(tensors, &config, &missing, &first, &error)) return;
    if (mvad_config_check(&config, &error)) return;
    if (network_parameters(&config, &table, &error) || !table.count) abort();
    parameter_table_free(&table);
    if (mvad_tensors_create(&written, &error) || config_to_metadata(&config, written, &error) ||
        config_from_metadata(written, &again, &missing, &first, &error) || missing ||
        memcmp(&config, &again, sizeof config))
        abort();
    mvad_tensors_destroy(written);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mvad_tensors *tensors;
    struct mvad_model model = {.config = mvad_config_default()};
    mvad_score_scale scale;
    mvad_error error;
    const char *next = (const char *)data, *end = next + size;
    if (mvad_tensors_create(&tensors, &error)) abort();
    while (next < end) {
        const char *stop = memchr(next, '\n', (size_t)(end - next));
        if (!stop) stop = end;
        add_line(tensors, next, (size_t)(stop - next));
        next = stop + (stop < end);
    }
    check(tensors);
    if (!notes_from_metadata(&model, tensors, &error) && !mvad_model_scale(&model, &scale, &error))
        if (mvad_model_set_scale(&model, &scale, &error)) abort();
    mvad_tensors_destroy(model.notes);
    mvad_tensors_destroy(tensors);
    return 0;
}
