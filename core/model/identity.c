/* A number that tells models apart. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/model/model.h"

static uint64_t hash_config(uint64_t hash, const mvad_config *config)
{
    hash = hash_word(hash, (uint64_t)config->backbone);
    hash = hash_word(hash, (uint64_t)config->projection);
    hash = hash_word(hash, (uint64_t)config->route_projection);
    hash = hash_word(hash, (uint64_t)config->views);
    hash = hash_word(hash, (uint64_t)config->image_size);
    for (int s = 0; s < MVAD_SCALES; s++) {
        hash = hash_word(hash, (uint64_t)config->windows[s]);
        hash = hash_word(hash, (uint64_t)config->topk[s]);
        hash = hash_word(hash, (uint64_t)config->blocks[s]);
    }
    return hash;
}

mvad_status mvad_model_identity(const mvad_model *model, char identity[MVAD_IDENTITY],
                                mvad_error *error)
{
    if (!model || !identity)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "model or identity is NULL");
    uint64_t hash = hash_config(HASH_START, &model->config);
    for (size_t i = 0; i < model->table.count; i++) {
        const struct parameter *parameter = &model->table.items[i];
        for (size_t k = 0; k < parameter->count; k++) {
            uint32_t bits;
            memcpy(&bits, &model->values[parameter->offset + k], sizeof bits);
            hash = hash_word(hash, bits);
        }
    }
    snprintf(identity, MVAD_IDENTITY, "%016" PRIx64, hash);
    return error_clear(error);
}
