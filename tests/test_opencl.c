/* What belongs to OpenCL devices alone: missing ones, kernels that do not build, the cache of programs,
 * tuning files, memory. Skipped where there is no device. */
#include "device.h"
#include "small_model.h"

#define PREDICT MVAD " predict --model @m.safetensors --tensor @in.safetensors --device opencl:0"

static void needs_device(void)
{
    mvad_device *device = test_device_open(0);
    if (!device) skip();
    mvad_device_close(device);
}

/* A shell command that has to succeed, whatever it prints. */
static void shell(const char *command)
{
    struct output output = expect_run(0, "%s", command);
    output_free(&output);
}

/* expect_error with a variable of the environment set; a value that begins with @ is in the scratch
 * folder. */
static void expect_error_with(const char *name, const char *value, int code, const char *command,
                              const char *what)
{
    char *path = *value == '@' ? scratch_path(value + 1) : NULL;
    setenv(name, path ? path : value, 1);
    expect_error(code, command, what);
    unsetenv(name);
    free(path);
}

static void no_driver(void **state)
{
    (void)state;
    needs_device();
    expect_error_with("OCL_ICD_VENDORS", "@nowhere", 4, MVAD " info --device opencl:0",
                      "no OpenCL driver is installed");
    struct output o = expect_run(0, "OCL_ICD_VENDORS=@nowhere " MVAD " devices");
    assert_non_null(strstr(o.out, "cpu"));
    assert_non_null(strstr(o.err, "mvad: opencl: no OpenCL driver is installed"));
    output_free(&o);
}

static void no_such_device(void **state)
{
    (void)state;
    needs_device();
    expect_error(4, MVAD " info --device opencl:63", "opencl:63: there ");
    expect_error(4, MVAD " info --device opencl:x", "opencl:x");
}

static void larger_than_the_device(void **state)
{
    (void)state;
    needs_device();
    expect_error(1,
                 BENCH " step --train --batch 4 --device opencl:0 --size 1024 --backbone "
                       "wide_resnet50_2",
                 "opencl:0: needs a buffer of ");
}

/* Drivers print what they like beside our line. */
static void broken_kernel(void **state)
{
    (void)state;
    needs_device();
    shell("mkdir @kernels && cp " MVAD_KERNELS
          "/*.* @kernels && echo 'nonsense;' >>@kernels/maps.cl");
    struct output o = expect_run(4, "MVAD_CACHE_DIR= MVAD_KERNEL_DIR=@kernels " PREDICT);
    assert_non_null(strstr(o.err, "mvad: opencl:0: kernel file maps.cl does not build: "));
    output_free(&o);
    shell("rm -r @kernels");
    expect_error_with("MVAD_KERNEL_DIR", "@nowhere", 3, PREDICT, "nowhere/");
}

/* Every byte of the results counts: a program of another kernel would show. */
static void damaged_cache(void **state)
{
    (void)state;
    needs_device();
    struct output first = expect_run(0, "MVAD_CACHE_DIR=@cache " PREDICT);
    shell("ls @cache/*.bin && for f in @cache/*.bin; do cp $f $f.good; "
          "printf '!!!!' | dd of=$f bs=1 seek=3000 conv=notrunc 2>@dd; "
          "cmp -s $f $f.good && exit 9; done; true");
    struct output second = expect_run(0, "MVAD_CACHE_DIR=@cache " PREDICT);
    assert_string_equal(first.out, second.out);
    /* What was damaged has been written anew. */
    shell("for f in @cache/*.bin; do : >$f; done; MVAD_CACHE_DIR=@cache " PREDICT
          " >@again; for f in @cache/*.bin; do test -s $f || exit 9; done");
    output_free(&first);
    output_free(&second);
    shell("rm -r @cache");
}

static void tuning_file(void **state)
{
    (void)state;
    needs_device();
    shell("echo 'conv some:shape direct' >@t.tuning; MVAD_OPENCL_TUNING=@t.tuning " PREDICT);
    shell("echo 'conv some:shape quickly' >@t.tuning");
    expect_error_with("MVAD_OPENCL_TUNING", "@t.tuning", 3, PREDICT,
                      "t.tuning: line 1: not a line of a tuning file");
    expect_error_with("MVAD_OPENCL_TUNING", "@nowhere.tuning", 3, PREDICT, "nowhere.tuning");
}

/* Maps of 16-bit values within a hundredth of their range (mvad selftest --precision f16 compares
 * them with double precision). */
static void half_precision(void **state)
{
    (void)state;
    needs_device();
    struct output o = expect_run(0, MVAD " selftest --device opencl:0 --precision f16 --verbose");
    assert_non_null(strstr(o.out, "checks, 0 failed"));
    assert_non_null(strstr(o.out, "resnet18 64x64, 2 views: map"));
    output_free(&o);
}

/* Closing one leaves the other as it was. */
static void two_devices_in_one_process(void **state)
{
    (void)state;
    needs_device();
    mvad_device *first = test_device_open(0), *second = test_device_open(0);
    mvad_error error = {0};
    mvad_device_close(first);
    double rate = 0;
    assert_int_equal(mvad_device_gemm_rate(second, MVAD_PRECISION_F32, 64, 1, &rate, &error),
                     MVAD_OK);
    assert_true(rate > 0);
    mvad_device_close(second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_driver),
        cmocka_unit_test(no_such_device),
        cmocka_unit_test(larger_than_the_device),
        cmocka_unit_test(broken_kernel),
        cmocka_unit_test(damaged_cache),
        cmocka_unit_test(tuning_file),
        cmocka_unit_test(half_precision),
        cmocka_unit_test(two_devices_in_one_process),
    };
    return cmocka_run_group_tests(tests, small_model_make, scratch_remove);
}
