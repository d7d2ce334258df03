#include <math.h>
#include <string.h>

#include "bench/compare.h"
#include "cli/common/json.h"
#include "cli/common/options.h"

/* The first key whose value is another in the file; NULL where all agree. */
static const char *differing_key(const cJSON *theirs, const cJSON *ours)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, ours)
    {
        if (!cJSON_Compare(item, cJSON_GetObjectItem(theirs, item->string), true))
            return item->string;
    }
    return NULL;
}

static double number(const cJSON *object, const char *key)
{
    const cJSON *item = cJSON_GetObjectItem(object, key);
    return cJSON_IsNumber(item) ? item->valuedouble : NAN;
}

static const char *text(const cJSON *object, const char *key)
{
    const char *value = cJSON_GetStringValue(cJSON_GetObjectItem(object, key));
    return value ? value : "";
}

/* Every result has its work and three times above 0. */
static bool are_results(const cJSON *results)
{
    const cJSON *result;
    cJSON_ArrayForEach(result, results)
    {
        if (!*text(result, "work") || !(number(result, "seconds_median") > 0) ||
            !(number(result, "seconds_min") > 0) || !(number(result, "seconds_max") > 0))
            return false;
    }
    return cJSON_IsArray(results);
}

int compare_torch_read(const struct caller *caller, const char *path, const mvad_config *config,
                       int batch, cJSON **json)
{
    int code = json_read(caller, path, json);
    if (code != OPTIONS_READ) return code;
    cJSON *ours = json_config(config, config->views);
    const char *key = differing_key(cJSON_GetObjectItem(*json, "config"), ours);
    if (!are_results(cJSON_GetObjectItem(*json, "results")) || !*text(*json, "framework"))
        code =
            command_fail(caller, EXIT_UNREADABLE, "%s: is not what compare_torch.py writes", path);
    else if (key)
        code =
            command_fail(caller, EXIT_UNREADABLE, "%s: was measured with another %.32s", path, key);
    else if (number(*json, "batch") != batch)
        code = command_fail(caller, EXIT_UNREADABLE, "%s: was measured with another batch", path);
    cJSON_Delete(ours);
    if (code == OPTIONS_READ) return code;
    cJSON_Delete(*json);
    *json = NULL;
    return code;
}

bool compare_torch_row(const cJSON *json, const char *work, double macs, struct table *table)
{
    const cJSON *result;
    cJSON_ArrayForEach(result, cJSON_GetObjectItem(json, "results"))
    {
        if (strcmp(text(result, "work"), work) != 0) continue;
        struct table_cell *cells = table_add_row(table);
        if (!cells) return false;
        snprintf(cells[COMPARE_WORK].text, sizeof cells[0].text, "%s", work);
        snprintf(cells[COMPARE_WHERE].text, sizeof cells[0].text, "%.60s, %.30s",
                 text(json, "framework"), text(json, "device"));
        cells[COMPARE_SECONDS].number = number(result, "seconds_median");
        cells[COMPARE_LOW].number = number(result, "seconds_min");
        cells[COMPARE_HIGH].number = number(result, "seconds_max");
        cells[COMPARE_RATE].number = macs / number(result, "seconds_median") / 1e9;
        cells[COMPARE_GEMM].number = number(json, "gemm_macs_per_second") / 1e9;
        cells[COMPARE_SHARE].number = cells[COMPARE_RATE].number / cells[COMPARE_GEMM].number;
        cells[COMPARE_DEVICE_MEMORY].number = number(result, "device_peak_bytes") / 1e6;
        cells[COMPARE_HOST_MEMORY].number = number(result, "host_peak_bytes") / 1e6;
        snprintf(cells[COMPARE_REMARK].text, sizeof cells[0].text, "%.0f threads, %.90s",
                 number(json, "threads"), text(json, "date"));
    }
    return true;
}
