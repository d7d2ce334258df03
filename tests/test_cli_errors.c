/* What the programs do with options, files and places that are wrong: one clear line, and the exit
 * code of its kind. */
#include <math.h>

#include "small_model.h"

static void wrong_usage(void **state)
{
    (void)state;
    expect_error(2, MVAD "", "command is missing");
    expect_error(2, MVAD " frobnicate", "'frobnicate'");
    expect_error(2, MVAD " --frobnicate", "'--frobnicate'");
    expect_error(2, MVAD " info --bogus", "--bogus: unknown option");
    expect_error(2, MVAD " info --views", "--views: missing argument");
    expect_error(2, MVAD " info --views x", "--views");
    expect_error(2, MVAD " info --views ''", "--views");
    expect_error(2, MVAD " info --views 0x4", "--views: '0x4'");
    expect_error(2, MVAD " info --views 99999999999", "--views");
    expect_error(2, MVAD " info --views 0", "views is 0; it must be 1 to 16");
    expect_error(2, MVAD " info --views 17", "views is 17");
    expect_error(2, MVAD " info --size 100", "image size is 100; it must be a multiple of 32");
    expect_error(2, MVAD " info --windows 8,8", "--windows: '8,8'");
    expect_error(2, MVAD " info --windows 8,8,8,8", "--windows: '8,8,8,8'");
    expect_error(2, MVAD " info --windows 8,8,8,", "--windows: '8,8,8,'");
    expect_error(2, MVAD " info --topk 1,2,x", "--topk: '1,2,x'");
    expect_error(2, MVAD " info --topk 1,0,1", "top-K is 0");
    expect_error(2, MVAD " info --blocks 1,2,99", "blocks is 99");
    expect_error(2, MVAD " info --backbone vgg16", "'vgg16'; known: resnet18");
    expect_error(2, MVAD " info --projection q", "'q'; known: none, qkv");
    expect_error(2, MVAD " info --batch 0", "--batch is 0");
    expect_error(2, MVAD " info --threads -1", "-1 threads");
    expect_error(2, MVAD " data check --data x --threads -1", "--threads is -1");
    expect_error(2, MVAD " info extra", "unexpected argument 'extra'");
    expect_error(2, MVAD " init", "--out is missing");
    expect_error(2, MVAD " init --out @x --seed -1", "--seed: '-1'");
    expect_error(2, MVAD " selftest --precision f8", "--precision 'f8'");
    expect_error(2, MVAD " predict --tensor @in.safetensors", "--model is missing");
    expect_error(2, MVAD " predict --model @m.safetensors", "none of --data, --watch and --tensor");
    expect_error(2, BENCH " step --recompute", "--recompute needs --train");
    expect_error(2, BENCH " step --repeats 0", "--repeats is 0");
    expect_error(2, BENCH " step --warmup -1", "--warmup is -1");
    expect_error(2, BENCH " leap", "'leap'");
}

static void a_line_feed_stays_one_line(void **state)
{
    (void)state;
    expect_error(3, MVAD " info --model \"$(printf 'a\\nb')\"", "a?b");
}

static void device_not_available(void **state)
{
    (void)state;
    expect_error(4, MVAD " info --device cpu:3", "cpu:3");
    expect_error(4, MVAD " selftest --device foo", "foo");
    expect_error(4, MVAD " predict --model @m.safetensors --tensor @in.safetensors --device foo",
                 "foo");
    expect_error(4, BENCH " step --device cpu:x", "cpu:x");
    expect_error(4, MVAD " selftest --precision f16", "computes in f32 and f64 only");
    expect_error(4, BENCH " step --train --precision bf16", "computes in f32 and f64 only");
    expect_error(4, MVAD " selftest --precision tf32", "computes in f32 and f64 only");
    expect_error(2, MVAD " selftest --precision f8", "known: f32, tf32, f16, bf16, f64");
    expect_error(4, MVAD " tune --device cpu", "nothing to tune");
}

static void models_that_cannot_be_read(void **state)
{
    (void)state;
    const float nan_value = NAN;
    expect_error(3, MVAD " info --model @none.safetensors", "none.safetensors");
    expect_error(3, MVAD " predict --model @none.safetensors --tensor @in.safetensors",
                 "none.safetensors");

    size_t size;
    char *model = scratch_path("m.safetensors"), *broken = scratch_path("short.safetensors");
    uint8_t *bytes = read_bytes(model, &size);
    write_bytes(broken, bytes, size - 4);
    free(bytes);
    free(model);
    free(broken);
    expect_error(3, MVAD " info --model @short.safetensors", "short.safetensors");
    expect_error(3, MVAD " predict --model @short.safetensors --tensor @in.safetensors",
                 "short.safetensors");

    copy_model("m.safetensors", "nan.safetensors", "mff_oce.conv1.weight", &nan_value);
    expect_error(3, MVAD " info --model @nan.safetensors " SMALL,
                 "'mff_oce.conv1.weight' has a NaN");
    expect_error(3, MVAD " info --model @in.safetensors " SMALL, "is missing");
}

static void expect_bad_input(const char *file, const char *what)
{
    char command[512];
    snprintf(command, sizeof command, MVAD " predict --model @m.safetensors --tensor @%s", file);
    expect_error(3, command, what);
    expect_error(3, command, file);
}

static void input_that_does_not_fit(void **state)
{
    (void)state;
    const float nan_value = NAN;
    expect_bad_input("no_such_file", "no_such_file");
    expect_bad_input("m.safetensors", "'input'");
    write_tensor("bad", "input", 3, (int64_t[]){3, SIZE, SIZE}, NULL);
    expect_bad_input("bad", "(samples * views, 3, S, S)");
    write_input("bad", VIEWS, 4, SIZE, SIZE);
    expect_bad_input("bad", "(samples * views, 3, S, S)");
    write_input("bad", VIEWS, 3, SIZE, 2 * SIZE);
    expect_bad_input("bad", "(samples * views, 3, S, S)");
    write_input("bad", VIEWS, 3, 48, 48);
    expect_bad_input("bad", "multiple of 32");
    write_input("bad", VIEWS, 3, 96, 96);
    expect_bad_input("bad", "the model takes 64");
    write_input("bad", VIEWS + 1, 3, SIZE, SIZE);
    expect_bad_input("bad", "not whole samples of 2 views");
    write_input("bad", 0, 3, SIZE, SIZE);
    expect_bad_input("bad", "not whole samples");
    write_tensor("bad", "input", 4, (int64_t[]){VIEWS, 3, SIZE, SIZE}, &nan_value);
    expect_bad_input("bad", "has a NaN or an infinity at element 24575");
}

static void results_that_cannot_be_written(void **state)
{
    (void)state;
    expect_error(1, MVAD " init --out @no/such/folder/m.safetensors " SMALL, "no/such/folder");
    struct output output = expect_run(
        1, MVAD " predict --model @m.safetensors --tensor @in.safetensors --dump @no/such/out");
    assert_one_line(&output, "mvad: ", "no/such/out");
    output_free(&output);

    struct output large = expect_run(1, "ulimit -f 8; " MVAD " init --out @large " SMALL);
    assert_one_line(&large, "mvad: ", "large: cannot write: File too large");
    output_free(&large);

    struct output full = expect_run(1, MVAD " info --model @m.safetensors >/dev/full");
    assert_one_line(&full, "mvad: ", "standard output: No space left");
    output_free(&full);

    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(dup2(ends[1], 9), 9); /* a number the shell can name */
    close(ends[0]);
    close(ends[1]);
    struct output closed = expect_run(1, MVAD " info --model @m.safetensors >&9");
    close(9);
    assert_one_line(&closed, "mvad: ", "standard output: Broken pipe");
    output_free(&closed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_usage),
        cmocka_unit_test(a_line_feed_stays_one_line),
        cmocka_unit_test(device_not_available),
        cmocka_unit_test(models_that_cannot_be_read),
        cmocka_unit_test(input_that_does_not_fit),
        cmocka_unit_test(results_that_cannot_be_written),
    };
    return cmocka_run_group_tests(tests, small_model_make, scratch_remove);
}
