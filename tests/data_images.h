/* Folders, image files and reference images for the tests of core/data. */
#ifndef TESTS_DATA_IMAGES_H
#define TESTS_DATA_IMAGES_H

#include <stdbool.h>

#include "make_safetensors.h"

/* A folder of the test's own in which folders may be made; removed with all that is in it. */
int tree_make(void **state);
int tree_remove(void **state);

/* Removes everything in the folder. */
void tree_empty(void);

/* The path of something in the folder, "" for the folder itself. To be freed by the caller. */
char *tree_path(const char *name);

/* Writes a text, or bytes, to a file in the folder; makes the folders on the way. */
void tree_write_text(const char *name, const char *text);
void tree_write_bytes(const char *name, const void *bytes, size_t size);

/* Writes an image of one colour to a file in the folder: .png or .bmp. */
void tree_write_image(const char *name, int width, int height, uint8_t red, uint8_t green,
                      uint8_t blue);

/* Writes a mask with a marked rectangle (not marked at all where columns is 0), as PNG. */
void tree_write_mask(const char *name, int width, int height, int columns, int rows);

/* An entry of golden/images.bin (see make_resize.py there). */
struct reference {
    char name[64];
    int width, height, channels;
    const uint8_t *data;
    size_t bytes;
};

/* The next entry whose name begins so, after *position (0 at first); false where there is none. */
bool reference_next(const char *begin, size_t *position, struct reference *reference);

/* The entry of this name, "PREFIX.REST"; it has to be there. */
struct reference reference_find(const char *prefix, const char *rest);

#endif
