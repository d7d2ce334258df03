/* JSON on standard output, and from files. Builders return NULL when out of memory, and adding
 * NULL is harmless: json_print tells. */
#ifndef CLI_COMMON_JSON_H
#define CLI_COMMON_JSON_H

#include <cjson/cJSON.h>

#include "cli/common/command.h"

/* {"backbone": .., "projection": .., "views": .., ...} under the names of the options. */
cJSON *json_config(const mvad_config *config, int32_t views);

/* {"id": .., "name": .., "details": .., "threads": .., "memory_bytes": ..} */
cJSON *json_device(const mvad_device_info *info);

/* {"macs": .., "macs_executed": .., "traffic_bytes": .., "weights_bytes": .., "activations_bytes":
 * .., "nodes": ..} */
cJSON *json_cost(const mvad_cost *cost);

/* Prints and deletes the object; EXIT_DONE, or EXIT_FAILED after a message. */
int json_print(const struct caller *caller, cJSON *json);

/* Reads a JSON file of up to 256 MiB. OPTIONS_READ and *json, to be deleted; or an exit code
 * after a message that names the file, and NULL. */
int json_read(const struct caller *caller, const char *path, cJSON **json);

#endif
