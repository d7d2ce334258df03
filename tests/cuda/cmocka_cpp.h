/* cmocka in C++. */
#ifndef CMOCKA_CPP_H
#define CMOCKA_CPP_H

#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>

extern "C" {
#include <cmocka.h>
}

#endif
