/* The metadata of a model file: lines KEY=VALUE. A configuration that is accepted has parameters, and
 * is the same after it has been written and read; so is a calibration, and the notes about the data. */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "core/data/hold_out.h"
#include "core/data/part_hashes.h"
#include "core/model/config.h"
#include "core/model/model.h"
#include "core/model/network.h"
#include "core/score/calibration.h"
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

/* What is accepted is accepted again as it is written, and is then written the same. */
static void check_calibration(const char *note)
{
    struct calibration calibration, again;
    if (!note || !calibration_from_text(note, &calibration)) return;
    char *text = calibration_to_text(&calibration), *twice = NULL;
    if (!text || !calibration_from_text(text, &again)) abort();
    twice = calibration_to_text(&again);
    if (!twice || strcmp(text, twice) != 0) abort();
    cJSON_free(text);
    cJSON_free(twice);
    calibration_free(&again);
    calibration_free(&calibration);
}

static void check_class_thresholds(const char *note)
{
    struct calibration calibration;
    mvad_thresholds thresholds;
    if (!note || !class_thresholds_from_text(note, &calibration)) return;
    if (calibration.class_count &&
        calibration_thresholds(&calibration, calibration.classes->part.name, NULL, &thresholds,
                               NULL))
        abort();
    calibration_free(&calibration);
}

static void check_data_notes(const char *trained, const char *held_out)
{
    struct part_hashes set;
    struct hold_out told, again;
    char text[HOLD_OUT_BYTES];
    if (trained && part_hashes_from_text(trained, &set)) {
        for (size_t i = 0; i < set.count; i++)
            if (!part_hashes_have(&set, set.hashes[i])) abort();
        part_hashes_free(&set);
    }
    if (!held_out || !hold_out_from_text(held_out, &told)) return;
    hold_out_to_text(&told, text);
    if (!hold_out_from_text(text, &again) || again.share != told.share || again.seed != told.seed ||
        again.hash != told.hash)
        abort();
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
    check_calibration(mvad_model_note(&model, CALIBRATION_NOTE));
    check_class_thresholds(mvad_model_note(&model, CLASS_THRESHOLDS_NOTE));
    check_data_notes(mvad_model_note(&model, TRAINED_PARTS_NOTE),
                     mvad_model_note(&model, HOLD_OUT_NOTE));
    mvad_tensors_destroy(model.notes);
    mvad_tensors_destroy(tensors);
    return 0;
}
