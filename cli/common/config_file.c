#include "cli/common/config_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_BYTES ((size_t)1 << 20)
#define BLANKS " \t\r"

/* One file while it is read. */
struct config_file {
    const struct caller *caller;
    const struct config_request *request;
    struct poptOption *table;
    const char *path;
    int line;
    int *lines; /* where an entry was set, by its `val`; 0: not yet */
};

static bool is_end(const struct poptOption *entry)
{
    return !entry->longName && !entry->shortName && !entry->arg;
}

static bool is_group(const struct poptOption *entry)
{
    return (entry->argInfo & POPT_ARG_MASK) == POPT_ARG_INCLUDE_TABLE;
}

/* Has the entry no place in a file? A blank in the description of its argument means that it takes
 * several, which the verb picks out of argv itself. */
static bool command_line_only(const struct poptOption *entry)
{
    return !entry->longName || entry->val <= OPTION_LAST_VALUE ||
           (entry->argDescrip && strchr(entry->argDescrip, ' '));
}

static struct poptOption *find_key(struct poptOption *table, const char *key)
{
    for (struct poptOption *o = table; !is_end(o); o++) {
        struct poptOption *found = NULL;
        if (is_group(o))
            found = find_key(o->arg, key);
        else if (o->longName && !strcmp(o->longName, key))
            found = o;
        if (found) return found;
    }
    return NULL;
}

/* The file's text, to be freed by the caller; NULL after a message, with the exit code in *code. */
static char *read_text(const struct caller *caller, const char *path, int *code)
{
    *code = EXIT_UNREADABLE;
    FILE *file = fopen(path, "rb");
    if (!file) {
        command_fail(caller, EXIT_UNREADABLE, "--config %s: %s", path, strerror(errno));
        return NULL;
    }
    const char *fault = NULL;
    char *text = malloc(MAX_BYTES + 1);
    const size_t size = text ? fread(text, 1, MAX_BYTES + 1, file) : 0;
    if (!text) {
        fault = "out of memory";
        *code = EXIT_FAILED;
    } else if (ferror(file)) {
        fault = strerror(errno);
    } else if (size > MAX_BYTES) {
        fault = "has more than 1 MiB, which no configuration file has";
    } else if (memchr(text, 0, size)) {
        fault = "is not a text file";
    }
    fclose(file);
    if (!fault) {
        text[size] = 0;
        return text;
    }
    command_fail(caller, (enum exit_code) * code, "--config %s: %s", path, fault);
    free(text);
    return NULL;
}

/* Cuts the blanks off the end. */
static void trim(char *text)
{
    size_t length = strlen(text);
    while (length && strchr(BLANKS, text[length - 1])) length--;
    text[length] = 0;
}

/* Takes a value out of its quotes, in place. *end: behind the closing one; NULL without it. Returns
 * what is wrong, or NULL. */
static const char *unquote(char *text, char **end)
{
    static const char letters[] = "\"\\nrt", meanings[] = "\"\\\n\r\t";
    const char quote = *text;
    char *from = text + 1, *to = text;
    while (*from && *from != quote) {
        if (quote == '"' && *from == '\\') {
            const char *letter = from[1] ? strchr(letters, from[1]) : NULL;
            if (!letter) return "has an unknown escape; known in \"..\": \\\" \\\\ \\n \\r \\t";
            *to++ = meanings[letter - letters];
            from += 2;
        } else {
            *to++ = *from++;
        }
    }
    if (!*from) return "has no closing quote";
    *end = from + 1;
    *to = 0;
    return NULL;
}

/* Cuts comment and quotes off the text behind `=`, in place. Returns what is wrong, or NULL. */
static const char *cut_value(char *text, char **value)
{
    char *at = text + strspn(text, BLANKS), *end;
    *value = at;
    if (*at == '"' || *at == '\'') {
        const char *fault = unquote(at, &end);
        if (fault) return fault;
        const size_t blanks = strspn(end, BLANKS);
        return !end[blanks] || (blanks && end[blanks] == '#') ? NULL
                                                              : "has text behind its closing quote";
    }
    char *comment = strchr(at, '#');
    while (comment && (comment == text || !strchr(BLANKS, comment[-1])))
        comment = strchr(comment + 1, '#');
    if (comment) *comment = 0;
    trim(at);
    return *at ? NULL : "has no value; an empty one is written \"\"";
}

static int bad_line(const struct config_file *file, const char *key, const char *fault)
{
    return command_fail(file->caller, EXIT_USAGE, "%s:%d: %s%s%s", file->path, file->line, key,
                        *key ? " " : "", fault);
}

static int read_line(struct config_file *file, char *line)
{
    char *key = line + strspn(line, BLANKS), *value;
    if (!*key || *key == '#') return OPTIONS_READ;
    char *equals = strchr(key, '=');
    if (!equals) return bad_line(file, "", "neither 'key = value' nor a comment");
    *equals = 0;
    trim(key);
    struct poptOption *entry = find_key(file->table, key);
    if (!entry)
        return command_fail(file->caller, EXIT_USAGE, "%s:%d: unknown key '%s'", file->path,
                            file->line, key);
    if (command_line_only(entry)) return bad_line(file, key, "is for the command line only");
    if (file->lines[entry->val])
        return command_fail(file->caller, EXIT_USAGE, "%s:%d: %s is on line %d already", file->path,
                            file->line, key, file->lines[entry->val]);
    file->lines[entry->val] = file->line;
    const char *fault = cut_value(equals + 1, &value);
    if (fault) return bad_line(file, key, fault);
    fault = options_set(entry, value, file->request->given[entry->val]);
    if (fault)
        return command_fail(file->caller, EXIT_USAGE, "%s:%d: %s: '%s' %s", file->path, file->line,
                            key, value, fault);
    return OPTIONS_READ;
}

static int read_file(struct config_file *file)
{
    int code;
    char *text = read_text(file->caller, file->path, &code);
    if (!text) return code;
    code = OPTIONS_READ;
    for (char *line = text; line && code == OPTIONS_READ;) {
        char *next = strchr(line, '\n');
        if (next) *next++ = 0;
        file->line++;
        code = read_line(file, line);
        line = next;
    }
    free(text);
    return code;
}

int config_file_read(const struct caller *caller, const struct config_request *request,
                     struct poptOption *table)
{
    int code = OPTIONS_READ;
    for (size_t i = 0; i < request->count && code == OPTIONS_READ; i++) {
        struct config_file file = {
            .caller = caller, .request = request, .table = table, .path = request->paths[i]};
        file.lines = calloc(request->entry_count, sizeof *file.lines);
        if (!file.lines) return command_fail(caller, EXIT_FAILED, "out of memory");
        code = read_file(&file);
        free(file.lines);
    }
    return code;
}

/* Is the value read back as it is without quotes? */
static bool is_plain(const char *text)
{
    static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                               "._-+/,:=@%~";
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c < 0x80 && !strchr(safe, *c)) return false;
    return *text != 0;
}

static void print_text(const char *text)
{
    static const char meanings[] = "\"\\\n\r\t", letters[] = "\"\\nrt";
    if (is_plain(text)) {
        fputs(text, stdout);
        return;
    }
    putchar('"');
    for (const char *c = text; *c; c++) {
        const char *special = strchr(meanings, *c);
        if (special) putchar('\\');
        putchar(special ? letters[special - meanings] : *c);
    }
    putchar('"');
}

/* `key = value`; as a comment where the option is not given, since verbs tell a default from a value
 * that was given. */
static void print_entry(const struct poptOption *entry)
{
    const bool has_default = entry->argInfo & POPT_ARGFLAG_SHOW_DEFAULT;
    printf("\n# %s\n", entry->descrip);
    switch (entry->argInfo & POPT_ARG_MASK) {
    case POPT_ARG_STRING: {
        const struct text_option *text = entry->arg;
        printf("%s%s =%s", text->owned ? "" : "# ", entry->longName, text->value ? " " : "");
        if (text->value) print_text(text->value);
        break;
    }
    case POPT_ARG_INT: {
        const struct number_option *number = entry->arg;
        printf("%s%s =", number->given ? "" : "# ", entry->longName);
        if (number->given || has_default) printf(" %d", number->value);
        break;
    }
    default: {
        const bool given = *(int *)entry->arg;
        printf("%s%s = %s", given ? "" : "# ", entry->longName, given ? "true" : "false");
    }
    }
    putchar('\n');
}

static void print_table(const struct poptOption *table)
{
    for (const struct poptOption *o = table; !is_end(o); o++) {
        if (is_group(o)) {
            printf("\n# %s\n", o->descrip);
            print_table(o->arg);
        } else if (!command_line_only(o)) {
            print_entry(o);
        }
    }
}

/* The first option given that a file cannot hold. */
static const struct poptOption *find_lost(const struct poptOption *table, const bool *given)
{
    for (const struct poptOption *o = table; !is_end(o); o++) {
        const struct poptOption *found = NULL;
        if (is_group(o))
            found = find_lost(o->arg, given);
        else if (o->val > OPTION_LAST_VALUE && command_line_only(o) && given[o->val])
            found = o;
        if (found) return found;
    }
    return NULL;
}

int config_file_print(const struct caller *caller, const struct config_request *request,
                      const struct poptOption *table)
{
    const struct poptOption *lost = find_lost(table, request->given);
    if (lost)
        return command_fail(caller, EXIT_USAGE, "--dump-config: --%s is for the command line only",
                            lost->longName);
    printf("# %s %s --config FILE: %s\n", caller->program, caller->command->name,
           caller->command->summary);
    print_table(table);
    return EXIT_DONE;
}
