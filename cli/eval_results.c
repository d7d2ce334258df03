/* The files that `mvad eval` leaves. */
#include "cli/eval.h"
#include "cli/common/result_file.h"

/* Deletes `json`. */
static int write_json(const struct caller *caller, const char *path, cJSON *json)
{
    struct result_file file;
    char *text = json ? cJSON_Print(json) : NULL;
    int code = EXIT_FAILED;
    cJSON_Delete(json);
    if (!text) return command_fail(caller, EXIT_FAILED, "out of memory");
    if ((code = result_file_begin(caller, path, &file)) == EXIT_DONE) {
        fprintf(file.stream, "%s\n", text);
        code = result_file_end(caller, &file);
    }
    cJSON_free(text);
    return code;
}

static int write_csv(const struct caller *caller, const char *path,
                     const struct metrics_table *table, const struct relative_table *relative)
{
    struct result_file file;
    int code = result_file_begin(caller, path, &file);
    if (code != EXIT_DONE) return code;
    metrics_table_csv(table, relative && relative->count ? relative : NULL, file.stream);
    return result_file_end(caller, &file);
}

static int write_markdown(const struct caller *caller, const char *path,
                          const struct metrics_table *table)
{
    struct result_file file;
    int code = result_file_begin(caller, path, &file);
    if (code != EXIT_DONE) return code;
    metrics_table_markdown(table, file.stream);
    return result_file_end(caller, &file);
}

int eval_give_results(const struct caller *caller, const struct eval_options *options,
                      const struct metrics_table *table, const struct relative_table *relative,
                      cJSON *json)
{
    int code = EXIT_DONE, csv = EXIT_DONE, markdown = EXIT_DONE;
    metrics_table_warn(table, caller);
    metrics_table_print(table, stdout);
    metrics_table_to_json(table, json);
    if (relative) relative_print(relative, stdout);
    if (relative) relative_to_json(relative, json);
    if (options->json.value)
        code = write_json(caller, options->json.value, json);
    else
        cJSON_Delete(json);
    if (options->csv.value) csv = write_csv(caller, options->csv.value, table, relative);
    if (options->markdown.value) markdown = write_markdown(caller, options->markdown.value, table);
    return code ? code : csv ? csv : markdown;
}

int eval_check_results(const struct caller *caller, const struct eval_options *options)
{
    const char *const paths[] = {options->json.value, options->csv.value, options->markdown.value};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        if (paths[i] && result_file_check(caller, paths[i])) return EXIT_FAILED;
    return OPTIONS_READ;
}
