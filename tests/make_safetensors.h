/* A temporary folder for a test program, and small safetensors files built by hand, right and wrong
 * ones. */
#ifndef TESTS_MAKE_SAFETENSORS_H
#define TESTS_MAKE_SAFETENSORS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mvad.h"

/* Setup and teardown of a group: makes the folder, removes it with what is left in it. */
int scratch_make(void **state);
int scratch_remove(void **state);

/* The path of a file in the folder, to be freed by the caller; of the folder itself where `name` is
 * NULL. */
char *scratch_path(const char *name);

/* Removes the files in the folder, hidden ones too, and returns how many there were. */
int scratch_empty(void);

/* Replaces a file by these bytes. */
void write_bytes(const char *path, const void *bytes, size_t size);

/* The bytes of a file, to be freed by the caller. */
uint8_t *read_bytes(const char *path, size_t *size);

/* Writes a file with this header, unpadded, of a length that may be a lie, and this data (zeros
 * where NULL). */
void write_safetensors(const char *path, const char *header, size_t header_bytes, uint64_t declared,
                       const void *data, size_t data_bytes);

/* The error has this status and is one line that holds both texts. */
void assert_error(const mvad_error *error, mvad_status status, const char *file, const char *what);

/* Loading the file fails so, and gives no set. */
void assert_load_fails(const char *path, mvad_status status, const char *what);

#endif
