/* Options in files: what --dump-config prints gives the same options by --config, for every verb of
 * the programs and every option they have; what a file may hold; who overrides whom; and one clear
 * line for what is wrong. */
#include <stdbool.h>
#include <sys/stat.h>

#include "small_model.h"

/* A value that needs every kind of quoting, for a shell, as it is printed, and in single quotes. */
#define HOSTILE_SHELL "' #a  \"b\" \\c\t='\\''d'\\'' \xc3\xbc\xe6\x97\xa5 #\n '"
#define HOSTILE_PRINTED "\" #a  \\\"b\\\" \\\\c\\t='d' \xc3\xbc\xe6\x97\xa5 #\\n \""

static void write_text(const char *name, const char *text)
{
    char *path = scratch_path(name);
    write_bytes(path, text, strlen(text));
    free(path);
}

/* What a command prints; nothing on standard error. To be freed by the caller. */
static char *printed(const char *command)
{
    struct output output = expect_run(0, "%s", command);
    assert_string_equal(output.err, "");
    free(output.err);
    return output.out;
}

/* The key of a dumped line, "key = value" or "# key =" or "# key = value"; false for other lines. */
static bool dumped_key(const char *line, char key[64])
{
    if (!strncmp(line, "# ", 2)) line += 2;
    size_t length = strcspn(line, " \n");
    if (!length || length >= 64 || strncmp(line + length, " =", 2)) return false;
    snprintf(key, 64, "%.*s", (int)length, line);
    return true;
}

/* What one option is set to: its argument for a shell, and the line dumped. */
static void choose_value(const char *verb, const char *key, const char *line, char argument[160],
                         char expected[160])
{
    char command[1024];
    const char *value = strstr(line, " =");
    if (!strncmp(value, " = false\n", 9)) {
        snprintf(argument, 160, " --%s", key);
        snprintf(expected, 160, "\n%s = true\n", key);
        return;
    }
    /* A number, which takes no text, or a text. */
    snprintf(command, sizeof command, "%s --%s=x --dump-config || echo number", verb, key);
    struct output output = expect_run(0, "%s", command);
    bool number = !strcmp(output.out, "number\n");
    if (number) assert_non_null(strstr(output.err, "=x: invalid numeric value"));
    output_free(&output);
    snprintf(argument, 160, " --%s=%s", key, number ? "-12" : HOSTILE_SHELL);
    snprintf(expected, 160, "\n%s = %s\n", key, number ? "-12" : HOSTILE_PRINTED);
}

/* A dump read back is the same dump. */
static void read_back(const char *verb, const char *dump)
{
    char command[1024];
    write_text("dump", dump);
    snprintf(command, sizeof command, "%s --dump-config --config @dump", verb);
    char *again = printed(command);
    assert_string_equal(again, dump);
    free(again);
}

/* Dumps a verb's options, none given and then all given. Returns how many there are. */
static int round_trip(const char *verb)
{
    static char script[65536], expected[128][160];
    char command[1024], key[64], argument[160];
    int count = 0;
    snprintf(command, sizeof command, "%s --dump-config", verb);
    char *defaults = printed(command);
    size_t used = (size_t)snprintf(script, sizeof script, "exec %s", verb);
    for (char *line = defaults; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        assert_non_null(strchr("#\n", *line)); /* nothing was given */
        if (!dumped_key(line, key)) continue;
        assert_in_range(count, 0, 127);
        choose_value(verb, key, line, argument, expected[count++]);
        used += (size_t)snprintf(script + used, sizeof script - used, "%s", argument);
        assert_in_range(used, 1, sizeof script - 32);
    }
    read_back(verb, defaults);
    free(defaults);
    snprintf(script + used, sizeof script - used, " --dump-config");
    write_text("script", script);
    char *all = printed("sh @script");
    for (int i = 0; i < count; i++) {
        if (!strstr(all, expected[i])) print_error("%s: no line %s in %s", verb, expected[i], all);
        assert_non_null(strstr(all, expected[i]));
    }
    read_back(verb, all);
    free(all);
    return count;
}

/* Every verb that the program's help lists. */
static int round_trips(const char *program, int *options)
{
    char command[1024], verb[512];
    int verbs = 0;
    snprintf(command, sizeof command, "%s --help", program);
    char *help = printed(command), *line = strstr(help, "Commands:\n");
    assert_non_null(line);
    while ((line = strchr(line, '\n')) && !strncmp(line, "\n  ", 3)) {
        line += 3;
        snprintf(verb, sizeof verb, "%s %.*s", program, (int)strcspn(line, " "), line);
        *options += round_trip(verb);
        verbs++;
    }
    free(help);
    return verbs;
}

static void a_dump_gives_the_same_options(void **state)
{
    (void)state;
    int options = 0;
    assert_in_range(round_trips(MVAD, &options), 9, 99);
    assert_in_range(options, 80, 999);
    options = 0;
    assert_in_range(round_trips(BENCH, &options), 1, 99);
    assert_in_range(options, 18, 999);
}

static void a_dump_tells_what_was_given(void **state)
{
    (void)state;
    char *none = printed(MVAD " predict --dump-config");
    assert_non_null(strstr(none, "\n# Model file, or the folder of a run (required)\n# model =\n"));
    assert_non_null(strstr(none, "\n# batch = 1\n"));
    assert_non_null(strstr(none, "\n# route-projection = false\n"));
    /* The model file says these; a dump that gave them would contradict it. */
    assert_non_null(strstr(none, "\n# size = 256\n"));
    assert_non_null(strstr(none, "\n# backbone = resnet34\n"));
    assert_null(strstr(none, "config ="));
    assert_null(strstr(none, "help ="));
    free(none);
    /* Its default depends on --train. */
    char *bench = printed(BENCH " step --dump-config");
    assert_non_null(strstr(bench, "\n# batch =\n"));
    free(bench);
    char *given = printed(MVAD " predict -m a/b-c_1.x --size 64 --dump-config");
    assert_non_null(strstr(given, "\nmodel = a/b-c_1.x\n"));
    assert_non_null(strstr(given, "\nsize = 64\n"));
    free(given);
}

/* Each value on its own, so that no other one's quotes save it. */
static void values_that_need_quotes(void **state)
{
    (void)state;
    static const char *const values[][2] = {
        {"\"\"", "''"},         {"\" a\"", "' a'"},         {"\"a \"", "'a '"},
        {"\"a b\"", "'a b'"},   {"\"#\"", "'#'"},           {"\"a #\"", "'a #'"},
        {"\"'a'\"", "\"'a'\""}, {"\"\\\"\"", "'\"'"},       {"\"a\\t\"", "'a\t'"},
        {"\"a\\r\"", "'a\r'"},  {"\"\\n\"", "'\n'"},        {"\"\\\\\"", "'\\'"},
        {"plain", "plain"},     {"\xc3\xbc", "'\xc3\xbc'"}, {"a=-b/c.1", "a=-b/c.1"}};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        char command[256], line[64];
        snprintf(command, sizeof command, MVAD " data --data=%s --dump-config", values[i][1]);
        snprintf(line, sizeof line, "\ndata = %s\n", values[i][0]);
        char *dump = printed(command);
        assert_non_null(strstr(dump, line));
        read_back(MVAD " data", dump);
        free(dump);
    }
}

static void a_dump_does_nothing_else(void **state)
{
    (void)state;
    struct stat status;
    free(printed(MVAD " init --out @never.safetensors --dump-config"));
    char *path = scratch_path("never.safetensors");
    assert_int_not_equal(stat(path, &status), 0);
    free(path);
    struct output full = expect_run(1, "%s", MVAD " init --dump-config >/dev/full");
    assert_one_line(&full, "mvad: ", "standard output: No space left");
    output_free(&full);
}

static void what_a_file_may_hold(void **state)
{
    (void)state;
    write_text("forms", "\n"
                        "   \t\n"
                        "# a comment = no option\n"
                        "  #another\r\n"
                        "data=plain#text with \"quotes\" and \\ in = it  \t# comment\r\n"
                        "\tvariant  =  \"a # b \\\\ \\\" \\n\"# x\" # comment\n"
                        "");
    expect_error(2, MVAD " data --config @forms", "forms:6: variant has text behind its closing");
    write_text("forms", "\n"
                        "   \t\n"
                        "# a comment = no option\n"
                        "  #another\r\n"
                        "data=plain#text with \"quotes\" and \\ in = it  \t# comment\r\n"
                        "\tvariant  =  \"a # b \\\\ \\\" \\n\" # \"comment\n"
                        "classes=#'x\\n\"\n"
                        "json = yes\n"
                        "threads = -3");
    char *out = printed(MVAD " data --config @forms --dump-config");
    assert_non_null(strstr(out, "\ndata = \"plain#text with \\\"quotes\\\" and \\\\ in = it\"\n"));
    assert_non_null(strstr(out, "\nvariant = \"a # b \\\\ \\\" \\n\"\n"));
    assert_non_null(strstr(out, "\nclasses = \"#'x\\\\n\\\"\"\n"));
    assert_non_null(strstr(out, "\njson = true\n"));
    assert_non_null(strstr(out, "\nthreads = -3\n"));
    free(out);
    write_text("single", "classes = 'x\\n\"#'\n");
    out = printed(MVAD " data --config @single --dump-config");
    assert_non_null(strstr(out, "\nclasses = \"x\\\\n\\\"#\"\n"));
    free(out);
    static const char *const flags[][2] = {
        {"true", "\njson = true\n"},  {"yes", "\njson = true\n"},      {"1", "\njson = true\n"},
        {"no", "\n# json = false\n"}, {"false", "\n# json = false\n"}, {"0", "\n# json = false\n"}};
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        char text[64];
        snprintf(text, sizeof text, "json = %s # \n", flags[i][0]);
        write_text("flag", text);
        out = printed(MVAD " info --config @flag --dump-config");
        assert_non_null(strstr(out, flags[i][1]));
        free(out);
    }
    write_text("nothing", "");
    write_text("empty", "out = \"\"\n");
    expect_error(2, MVAD " init --config @nothing", "--out is missing");
    expect_error(2, MVAD " init --config @empty", "--out is missing");
}

/* Two commands print the same, and more than nothing. */
static void expect_same(const char *a, const char *b)
{
    char *first = printed(a), *second = printed(b);
    assert_string_not_equal(first, "");
    assert_string_equal(first, second);
    free(first);
    free(second);
}

#define INFO MVAD " info --json"

static void the_command_line_overrides(void **state)
{
    (void)state;
    write_text("a",
               "views = 3\nsize = 64\nwindows = 4,4,2\ntopk = 4,4,2\nroute-projection = yes\n");
    write_text("b", "views = 4\nblocks = 2,1,1\nroute-projection = no\n");
#define A "--size 64 --windows 4,4,2 --topk 4,4,2"
    expect_same(INFO " --config @a", INFO " --views 3 --route-projection " A);
    expect_same(INFO " --config @a --config=@b", INFO " --views 4 --blocks 2,1,1 " A);
    expect_same(INFO " --config @b --config @a",
                INFO " --views 3 --blocks 2,1,1 --route-projection " A);
    expect_same(INFO " --views 2 --config @a --config @b --blocks 1,1,2 --route-projection",
                INFO " --views 2 --blocks 1,1,2 --route-projection " A);
    expect_same(INFO " --config @a --views 2 --views 1 --config @b --blocks 1,1,2",
                INFO " --views 1 --blocks 1,1,2 " A);
}

/* A file's options are given: against a model file they are held like those of the command line. */
static void a_file_gives_options(void **state)
{
    (void)state;
    write_text("batch", "batch = 0\n");
    write_text("size", "size = 96\n");
    write_text("backbone", "backbone = resnet50\n");
    write_text("same", "size = 64\nbackbone = resnet18\nmodel = 'm'\n");
    expect_error(2, BENCH " step --config @batch", "--batch is 0");
    expect_error(2, MVAD " info --model @m.safetensors --config @size", "--size contradicts");
    expect_error(2, MVAD " info --model @m.safetensors --config @backbone",
                 "--backbone contradicts");
    expect_same(INFO " --model @m.safetensors --config @same", INFO " --model @m.safetensors");
    expect_run_quietly(0, MVAD " init " SMALL " --seed 5 --out @given.safetensors");
    free(printed(MVAD " init " SMALL " --seed 5 --out @given.safetensors --dump-config >@init"));
    expect_run_quietly(0, MVAD " init --config @init --out @read.safetensors");
    expect_run_quietly(0, "cmp @given.safetensors @read.safetensors");
    expect_run_quietly(0, MVAD " init --config @init --out @read.safetensors --seed 6");
    expect_run_quietly(1, "cmp @given.safetensors @read.safetensors >@differs");
}

/* A file of this text is no file of options for `mvad eval`: this is said of it. */
static void expect_wrong(const char *text, const char *what)
{
    char wanted[256];
    snprintf(wanted, sizeof wanted, "/wrong:%s", what);
    write_text("wrong", text);
    expect_error(2, MVAD " eval --dump-config --config @wrong", wanted);
    expect_error(2, MVAD " eval --config @wrong", wanted);
}

static void lines_that_are_wrong(void **state)
{
    (void)state;
    expect_wrong("# x\n\nbogus = 1\nviews = x\n", "3: unknown key 'bogus'");
    expect_wrong("--views = 1\n", "1: unknown key '--views'");
    expect_wrong("Views = 1\n", "1: unknown key 'Views'");
    expect_wrong("= 1\n", "1: unknown key ''");
    expect_wrong("m = x\n", "1: unknown key 'm'");
    expect_wrong("views 3\n", "1: neither 'key = value' nor a comment");
    expect_wrong("strips\n", "1: neither 'key = value' nor a comment");
    expect_wrong("views = 3\nsize = 64\n views=3\n", "3: views is on line 1 already");
    expect_wrong("views = x\n", "1: views: 'x' is not a whole number");
    expect_wrong("views = 1.5\n", "1: views: '1.5' is not a whole number");
    expect_wrong("views = 99999999999\n", "1: views: '99999999999' is not a whole number");
    expect_wrong("views = \"\"\n", "1: views: '' is not a whole number");
    expect_wrong("strips = on\n", "1: strips: 'on' is neither true nor false");
    expect_wrong("strips = True\n", "1: strips: 'True' is neither true nor false");
    expect_wrong("\nmodel =\n", "2: model has no value");
    expect_wrong("model = # none\n", "1: model has no value");
    expect_wrong("model = \"a\n\"\n", "1: model has no closing quote");
    expect_wrong("model = 'a\n", "1: model has no closing quote");
    expect_wrong("model = \"a\\\"\n", "1: model has no closing quote");
    expect_wrong("model = \"a\\\n", "1: model has an unknown escape");
    expect_wrong("model = \"a\\x\"\n", "1: model has an unknown escape");
    expect_wrong("model = 'a'b\n", "1: model has text behind its closing quote");
    expect_wrong("model = 'a'# b\n", "1: model has text behind its closing quote");
    expect_wrong("config = @b\n", "1: config is for the command line only");
    expect_wrong("dump-config = true\n", "1: dump-config is for the command line only");
    expect_wrong("help = true\n", "1: help is for the command line only");
    expect_wrong("combine = a\n", "1: combine is for the command line only");
    /* Whether or not the command line overrides it. */
    write_text("wrong", "views = x\n");
    expect_error(2, MVAD " eval --views 3 --config @wrong", "wrong:1: views: 'x' is not");
    expect_error(2, MVAD " eval --dump-config --combine @a @b", "--combine is for the command line");
    expect_error(2, MVAD " info --config", "--config: missing argument");
}

static void files_that_cannot_be_read(void **state)
{
    (void)state;
    expect_error(3, MVAD " info --config @no/such/file", "no/such/file: No such file");
    expect_error(3, MVAD " info --config ''", "--config : No such file");
    expect_error(3, MVAD " info --config /", "--config /: Is a directory");
    expect_error(3, MVAD " info --config /dev/zero", "/dev/zero: has more than 1 MiB");
    expect_error(3, MVAD " info --config @m.safetensors", "m.safetensors: ");
    char *path = scratch_path("zero");
    write_bytes(path, "size = 64\n\0\n", 12);
    free(path);
    expect_error(3, MVAD " info --config @zero", "zero: is not a text file");
}

static void help_shows_the_options(void **state)
{
    (void)state;
    char *help = printed(MVAD " devices --help");
    assert_non_null(strstr(help, "--config=FILE"));
    assert_non_null(strstr(help, "--dump-config "));
    free(help);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dump_gives_the_same_options),
        cmocka_unit_test(a_dump_tells_what_was_given),
        cmocka_unit_test(values_that_need_quotes),
        cmocka_unit_test(a_dump_does_nothing_else),
        cmocka_unit_test(what_a_file_may_hold),
        cmocka_unit_test(the_command_line_overrides),
        cmocka_unit_test(a_file_gives_options),
        cmocka_unit_test(lines_that_are_wrong),
        cmocka_unit_test(files_that_cannot_be_read),
        cmocka_unit_test(help_shows_the_options),
    };
    return cmocka_run_group_tests(tests, small_model_make, scratch_remove);
}
