/* The device that tests of numbers run on: MVAD_TEST_DEVICE, or cpu. */
#ifndef TESTS_DEVICE_H
#define TESTS_DEVICE_H

#include <stdbool.h>

#include "mvad.h"

/* Opens it. Where it is not the CPU and cannot be opened, says why and returns NULL: the test is then
 * to be skipped. A CPU that cannot be opened fails the test. */
mvad_device *test_device_open(int32_t threads);

bool test_device_is_cpu(void);

/* Whether this is the answer of a device, not the CPU, that lacks something a test needs, as double
 * precision: then the test is to be skipped. */
bool test_device_lacks(mvad_status status);

#endif
