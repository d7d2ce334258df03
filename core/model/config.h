/* Configurations as text: the metadata of a model file. */
#ifndef MODEL_CONFIG_H
#define MODEL_CONFIG_H

#include <stdbool.h>

#include "mvad.h"

/* Writes the configuration as "mvad.*" metadata. */
mvad_status config_to_metadata(const mvad_config *config, mvad_tensors *tensors, mvad_error *error);

/* Reads it back. Keys that are missing keep the value in *config and are counted in *missing, the
 * first of them in *first_missing (a static string); a value that does not parse is
 * MVAD_ERROR_FORMAT. */
mvad_status config_from_metadata(const mvad_tensors *tensors, mvad_config *config, int *missing,
                                 const char **first_missing, mvad_error *error);

/* Whether a metadata key belongs to the configuration. */
bool config_has_key(const char *key);

#endif
