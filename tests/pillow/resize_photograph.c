/* resize_photograph FILE SIDE..: the photograph's width and height as two 32-bit integers of this machine, its pixels, then the
 * photograph resized to each SIDE x SIDE; RGB bytes on the standard output. For check_photographs.py. */
#include <stdio.h>
#include <stdlib.h>

#include "core/data/resize.h"

static void put(const void *bytes, size_t count)
{
    if (fwrite(bytes, 1, count, stdout) != count) {
        perror("standard output");
        exit(1);
    }
}

static void stop(const mvad_error *error)
{
    fprintf(stderr, "%s\n", error->message);
    exit(1);
}

int main(int count, char **arguments)
{
    struct image image;
    mvad_error error = {0};
    if (count < 2 || image_load(arguments[1], &image, &error)) stop(&error);
    put(&image.width, sizeof image.width);
    put(&image.height, sizeof image.height);
    put(image.pixels, (size_t)image.width * (size_t)image.height * 3);
    for (int i = 2; i < count; i++) {
        int32_t side = atoi(arguments[i]);
        size_t bytes = (size_t)side * (size_t)side * 3;
        uint8_t *resized = malloc(bytes);
        if (!resized || resize_image(&image, side, side, resized, &error)) stop(&error);
        put(resized, bytes);
        free(resized);
    }
    image_free(&image);
    return 0;
}
