#include "eval_data.h"

#include "run_program.h"

#define STB_IMAGE_WRITE_STATIC
#define STB_IMAGE_WRITE_IMPLEMENTATION
#pragma GCC diagnostic ignored "-Wunused-function" /* of the writers that are not used here */
#include <stb/stb_image_write.h>

const struct eval_part eval_parts[EVAL_PARTS] = {
    {"bolt", "t0", "nn", true},   {"bolt", "b0", "nn", false},  {"bolt", "b1", "nnn", false},
    {"bolt", "b2", "na", false},  {"bolt", "b3", "ann", false}, {"bolt", "b4", "nnm", false},
    {"bolt", "b5", "ua", false},  {"bolt", "b6", "nu", false},  {"bolt", "b7", "nn", false},
    {"bolt", "b8", "aan", false}, {"cap", "t0", "nn", true},    {"cap", "c0", "nn", false},
    {"cap", "c1", "nnn", false},  {"cap", "c2", "nn", false},   {"idle", "t0", "nn", true},
};

/* Noise that is the same everywhere. */
static uint8_t noise(uint32_t seed, uint32_t i)
{
    uint32_t x = seed * 2654435761u + i * 2246822519u;
    x = (x ^ x >> 15) * 2654435761u;
    x = (x ^ x >> 13) * 3266489917u;
    return (uint8_t)(x >> 24);
}

/* Two squares, and a pixel that touches the first at its corner only: it belongs to it. */
void eval_mask(size_t part, size_t view, uint8_t marks[EVAL_PIXELS])
{
    const int left = (int)(3 + 2 * part % 7), top = (int)(4 + 3 * view);
    memset(marks, 0, EVAL_PIXELS);
    for (int y = 0; y < 6; y++)
        for (int x = 0; x < 5; x++) marks[(top + y) * EVAL_SIZE + left + x] = 1;
    marks[(top + 6) * EVAL_SIZE + left + 5] = 1;
    for (int y = 0; y < 3; y++)
        for (int x = 0; x < 4; x++) marks[(25 + y) * EVAL_SIZE + 22 + x] = 1;
}

void eval_image(size_t part, size_t view, uint8_t pixels[3 * EVAL_PIXELS])
{
    const char kind = eval_parts[part].views[view];
    uint8_t marks[EVAL_PIXELS];
    eval_mask(part, view, marks);
    for (int i = 0; i < EVAL_PIXELS; i++)
        for (int c = 0; c < 3; c++) {
            int wave = (i % EVAL_SIZE) * (int)(view + 1) * (c + 2) % 64;
            int value = 60 + wave + noise((uint32_t)(part * 8 + view), (uint32_t)(3 * i + c)) / 4;
            if ((kind == 'a' || kind == 'm') && marks[i]) value = 255 - value / 2;
            pixels[3 * i + c] = (uint8_t)value;
        }
}

static void write_png(const char *name, int size, int channels, const uint8_t *pixels)
{
    tree_write_text(name, ""); /* makes the folders */
    char *path = tree_path(name);
    assert_true(stbi_write_png(path, size, size, channels, pixels, size * channels));
    free(path);
}

static void write_data(void)
{
    static const char *const labels[] = {['n'] = "good", ['a'] = "dent", ['m'] = "dent", ['u'] = ""};
    char manifest[8192] = "class,sample,view,split,label,image,mask\n";
    for (size_t p = 0; p < EVAL_PARTS; p++) {
        const struct eval_part *part = &eval_parts[p];
        for (size_t v = 0; part->views[v]; v++) {
            uint8_t pixels[3 * EVAL_PIXELS];
            char image[64], mask[64] = "";
            snprintf(image, sizeof image, "images/%s-%s-%zu.png", part->class_name, part->name, v);
            eval_image(p, v, pixels);
            write_png(image, EVAL_SIZE, 3, pixels);
            if (part->views[v] == 'a') {
                snprintf(mask, sizeof mask, "masks/%s-%s-%zu.png", part->class_name, part->name, v);
                eval_mask(p, v, pixels);
                for (int i = 0; i < EVAL_PIXELS; i++) pixels[i] = pixels[i] ? 255 : 0;
                write_png(mask, EVAL_SIZE, 1, pixels);
            }
            size_t used = strlen(manifest);
            snprintf(manifest + used, sizeof manifest - used, "%s,%s,%zu,%s,%s,%s,%s\n",
                     part->class_name, part->name, v, part->train ? "train" : "test",
                     labels[(unsigned char)part->views[v]], image, mask);
        }
    }
    assert_true(strlen(manifest) + 1 < sizeof manifest);
    tree_write_text("parts.csv", manifest);
}

int eval_make(void **state)
{
    if (scratch_make(state) || tree_make(state)) return -1;
    write_data();
    expect_run_quietly(0, MVAD_PROGRAM " init --out @m.safetensors --seed 7 --size 32 --views 2 "
                                       "--backbone resnet18 --windows 2,2,1 --topk 2,2,1 "
                                       "--blocks 1,1,1");
    return 0;
}

int eval_remove(void **state)
{
    return tree_remove(state) || scratch_remove(state) ? -1 : 0;
}
