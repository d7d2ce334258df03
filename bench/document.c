#include "bench/document.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bench/machine.h"
#include "cli/common/json.h"
#include "cli/common/result_file.h"

void output_options_init(struct output_options *output)
{
    *output = (struct output_options){.format = {.value = "text"}};
    const struct poptOption table[] = {
        {"format", 'f', POPT_ARG_STRING | POPT_ARGFLAG_SHOW_DEFAULT, &output->format, 0,
         "text, markdown, csv or json", "NAME"},
        {"json", 0, POPT_ARG_NONE, &output->json, 0, "The same as --format json", NULL},
        {"save", 0, POPT_ARG_STRING, &output->save, 0, "Write JSON into this file too", "FILE"},
        {"html", 0, POPT_ARG_STRING, &output->html, 0, "Write a page with tables and plots too",
         "FILE"},
        {"svg", 0, POPT_ARG_STRING, &output->svg, 0, "Write the plots into this folder too", "DIR"},
        POPT_TABLEEND};
    memcpy(output->table, table, sizeof table);
}

static const char *format_of(const struct output_options *output)
{
    return output->json ? "json" : output->format.value;
}

int output_options_check(const struct caller *caller, const struct output_options *output)
{
    static const char *const known[] = {"text", "markdown", "csv", "json"};
    struct stat folder;
    size_t f = 0;
    while (f < sizeof known / sizeof *known && strcmp(format_of(output), known[f]) != 0) f++;
    if (f == sizeof known / sizeof *known)
        return command_fail(caller, EXIT_USAGE, "--format '%s'; known: text, markdown, csv, json",
                            output->format.value);
    const char *const files[] = {output->save.value, output->html.value};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        const int code = files[i] ? result_file_check(caller, files[i]) : EXIT_DONE;
        if (code != EXIT_DONE) return code;
    }
    if (output->svg.value && mkdir(output->svg.value, 0777) && errno != EEXIST)
        return command_fail(caller, EXIT_FAILED, "%s: cannot make the folder: %s",
                            output->svg.value, strerror(errno));
    if (output->svg.value && (stat(output->svg.value, &folder) || !S_ISDIR(folder.st_mode)))
        return command_fail(caller, EXIT_FAILED, "%s: not a folder", output->svg.value);
    return OPTIONS_READ;
}

int document_begin(struct document *document, const struct caller *caller, const char *title)
{
    struct machine machine;
    machine_look(&machine);
    *document = (struct document){.caller = caller, .title = title};
    document->json = machine_json(&machine);
    document->plots = calloc(DOCUMENT_PLOTS, sizeof *document->plots);
    if (!document->json || !document->plots)
        return command_fail(caller, EXIT_FAILED, "out of memory");
    machine_text(&machine, document->lines[0], sizeof document->lines[0]);
    document->line_count = 1;
    return OPTIONS_READ;
}

void document_line(struct document *document, const char *format, ...)
{
    if (document->line_count == DOCUMENT_LINES) return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(document->lines[document->line_count++], sizeof *document->lines, format, arguments);
    va_end(arguments);
}

struct plot *document_plot(struct document *document, const char *key, const char *title,
                           const char *x_name)
{
    struct plot *plot = &document->plots[document->plot_count++];
    *plot = (struct plot){.x_name = x_name};
    snprintf(plot->key, sizeof plot->key, "%s", key);
    snprintf(plot->title, sizeof plot->title, "%s", title);
    return plot;
}

static void print_text(const struct document *document)
{
    printf("%s\n", document->title);
    for (size_t i = 0; i < document->line_count; i++) puts(document->lines[i]);
    for (size_t t = 0; t < document->table_count; t++) {
        putchar('\n');
        table_print(&document->tables[t], stdout);
    }
}

static void print_markdown(const struct document *document)
{
    printf("## %s\n\n", document->title);
    for (size_t i = 0; i < document->line_count; i++) printf("- %s\n", document->lines[i]);
    for (size_t t = 0; t < document->table_count; t++) {
        putchar('\n');
        table_markdown(&document->tables[t], stdout);
    }
}

static void print_csv(const struct document *document)
{
    for (size_t t = 0; t < document->table_count; t++) {
        if (t) putchar('\n');
        table_csv(&document->tables[t], stdout);
    }
}

static void add_tables(struct document *document)
{
    for (size_t t = 0; t < document->table_count; t++)
        cJSON_AddItemToObject(document->json, document->tables[t].key,
                              table_json(&document->tables[t]));
}

static int print_json(struct document *document)
{
    cJSON *json = document->json;
    document->json = NULL;
    return json_print(document->caller, json);
}

static int save_json(const struct document *document, const char *path)
{
    struct result_file file;
    char *text = cJSON_Print(document->json);
    if (!text) return command_fail(document->caller, EXIT_FAILED, "out of memory");
    int code = result_file_begin(document->caller, path, &file);
    if (code == EXIT_DONE) {
        fprintf(file.stream, "%s\n", text);
        code = result_file_end(document->caller, &file);
    }
    cJSON_free(text);
    return code;
}

static int write_page(const struct document *document, const char *path)
{
    struct result_file file;
    const int code = result_file_begin(document->caller, path, &file);
    if (code != EXIT_DONE) return code;
    document_page(document, file.stream);
    return result_file_end(document->caller, &file);
}

static int write_plot(const struct document *document, const char *folder, const struct plot *plot)
{
    char path[4096];
    struct result_file file;
    snprintf(path, sizeof path, "%s/%s.svg", folder, plot->key);
    const int code = result_file_begin(document->caller, path, &file);
    if (code != EXIT_DONE) return code;
    plot_svg(plot, file.stream);
    return result_file_end(document->caller, &file);
}

int document_write(struct document *document, const struct output_options *output)
{
    const char *format = format_of(output);
    add_tables(document);
    int code = output->save.value ? save_json(document, output->save.value) : EXIT_DONE;
    if (code == EXIT_DONE && output->html.value) code = write_page(document, output->html.value);
    for (size_t p = 0; output->svg.value && p < document->plot_count && code == EXIT_DONE; p++)
        code = write_plot(document, output->svg.value, &document->plots[p]);
    if (code != EXIT_DONE) return code;
    if (!strcmp(format, "json")) return print_json(document);
    if (!strcmp(format, "csv"))
        print_csv(document);
    else if (!strcmp(format, "markdown"))
        print_markdown(document);
    else
        print_text(document);
    return EXIT_DONE;
}

void document_free(struct document *document)
{
    for (size_t t = 0; t < document->table_count; t++) table_free(&document->tables[t]);
    cJSON_Delete(document->json);
    free(document->plots);
    *document = (struct document){0};
}
