#include "tests/device.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *device_id(void)
{
    const char *id = getenv("MVAD_TEST_DEVICE");
    return id && *id ? id : "cpu";
}

bool test_device_is_cpu(void)
{
    return !strcmp(device_id(), "cpu");
}

mvad_device *test_device_open(int32_t threads)
{
    mvad_device *device = NULL;
    mvad_error error = {0};
    if (!mvad_device_open(device_id(), threads, &device, &error)) return device;
    print_message("%s\n", error.message);
    if (test_device_is_cpu()) fail_msg("the CPU cannot be opened");
    return NULL;
}

bool test_device_lacks(mvad_status status)
{
    return status == MVAD_ERROR_UNSUPPORTED && !test_device_is_cpu();
}
