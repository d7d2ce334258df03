/* A minimal inspection station: a camera's frames in, a verdict for each part out.
 *
 *     station [-t THRESHOLD] MODEL [FRAME.ppm...]
 *
 * Frames are binary PPM files, those of a part one after the other, as many as the model has views.
 * Without any, a camera that draws its frames takes three parts. With an installed mvad:
 *
 *     cc station.c -o station $(pkg-config --cflags --libs mvad)
 *
 * Exit codes: 0 all parts are good, 10 a part was rejected or is unsure, 1 something went wrong. */
#include <mvad.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DRAWN_PARTS = 3, DRAWN_WIDTH = 640, DRAWN_HEIGHT = 480, ALIGNMENT = 64 };

struct station {
    mvad_device *device;
    mvad_model *model;
    mvad_session *session;
    int views;
    mvad_thresholds thresholds;
    mvad_image_view images[MVAD_MAX_VIEWS]; /* what the camera wrote last, in buffers of its own */
};

/* Room for a frame whose rows begin at multiples of ALIGNMENT bytes, as those of many cameras do. */
static uint8_t *make_frame(mvad_image_view *image, int width, int height)
{
    const size_t stride = ((size_t)width * 3 + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    uint8_t *pixels = malloc(stride * (size_t)height);
    *image = (mvad_image_view){.size = sizeof *image,
                               .pixels = pixels,
                               .width = width,
                               .height = height,
                               .stride = (ptrdiff_t)stride,
                               .format = MVAD_PIXELS_RGB};
    return pixels;
}

/* A disc with a bright rim on a dark table. */
static int draw_frame(mvad_image_view *image, int part, int view)
{
    uint8_t *pixels = make_frame(image, DRAWN_WIDTH, DRAWN_HEIGHT);
    if (!pixels) return -1;
    for (int y = 0; y < DRAWN_HEIGHT; y++) {
        uint8_t *row = pixels + y * image->stride;
        for (int x = 0; x < DRAWN_WIDTH; x++) {
            const int dx = x - DRAWN_WIDTH / 2 - 5 * part, dy = y - DRAWN_HEIGHT / 2 - 3 * view;
            const int squared = dx * dx + dy * dy;
            memset(row + 3 * x, squared > 200 * 200 ? 20 : squared > 180 * 180 ? 230 : 120, 3);
        }
    }
    return 0;
}

static int read_frame(mvad_image_view *image, const char *path)
{
    int width, height, good = 0;
    FILE *file = fopen(path, "rb");
    if (file && fscanf(file, "P6 %d %d 255", &width, &height) == 2 && fgetc(file) != EOF &&
        width > 0 && height > 0 && width <= 16384 && height <= 16384) {
        uint8_t *pixels = make_frame(image, width, height);
        const size_t row = (size_t)width * 3;
        good = pixels != NULL;
        for (int y = 0; y < height && good; y++)
            good = fread(pixels + y * image->stride, 1, row, file) == row;
    }
    if (file) fclose(file);
    if (!good) fprintf(stderr, "station: %s: not a binary PPM file of 8 bits\n", path);
    return good ? 0 : -1;
}

/* What the library did another way than asked, where results are the same. */
static void print_message(mvad_log_level level, const char *line, void *user)
{
    (void)level;
    (void)user;
    fprintf(stderr, "station: %s\n", line);
}

/* Opens everything once; the frames of days then go through the same session. */
static mvad_status station_open(struct station *station, const char *path, const char *threshold,
                                mvad_error *error)
{
    const mvad_session_options options = mvad_session_options_default();
    const float given = threshold ? strtof(threshold, NULL) : 0;
    mvad_log_set(MVAD_LOG_WARNING, print_message, NULL);
    mvad_status status = mvad_device_open("cpu", 0, &station->device, error);
    if (!status) status = mvad_model_load(path, NULL, &station->model, error);
    station->thresholds = (mvad_thresholds){given, given, given};
    if (!status && !threshold) /* those of the calibration, or else of the end of training */
        status = mvad_model_thresholds(station->model, NULL, NULL, &station->thresholds, error);
    if (!status)
        status = mvad_session_create(station->model, station->device, &options, &station->session,
                                     error);
    if (status) return status;
    station->views = mvad_model_config(station->model).views;
    return MVAD_OK;
}

static void station_close(struct station *station)
{
    mvad_session_destroy(station->session);
    mvad_model_destroy(station->model);
    mvad_device_close(station->device);
}

/* Prints the verdict; *rejected is set where it is a bad one. */
static mvad_status judge(struct station *station, int part, int *rejected, mvad_error *error)
{
    float score, views[MVAD_MAX_VIEWS];
    const size_t count = (size_t)station->views;
    mvad_session *session = station->session;
    mvad_status status = mvad_session_run_images(session, station->images, count, error);
    if (!status) status = mvad_session_read(session, MVAD_OUTPUT_SAMPLE_SCORE, &score, 1, error);
    if (!status) status = mvad_session_read(session, MVAD_OUTPUT_IMAGE_SCORE, views, count, error);
    if (status) return status;
    int worst = 0;
    for (int v = 1; v < station->views; v++)
        if (views[v] > views[worst]) worst = v;
    /* A score that is no number never passes: MVAD_VERDICT_ERROR. */
    const mvad_verdict verdict = mvad_thresholds_judge(&station->thresholds, score);
    printf("part %d: %s, score %.6f, view %d\n", part + 1, mvad_verdict_name(verdict), score,
           worst + 1);
    if (verdict != MVAD_VERDICT_OK) *rejected = 1;
    return MVAD_OK;
}

static int inspect(struct station *station, char **files, int count)
{
    const int parts = count ? count / station->views : DRAWN_PARTS;
    int rejected = 0, failed = 0;
    mvad_error error;
    if (count % station->views) {
        fprintf(stderr, "station: %d frames; a part has %d\n", count, station->views);
        return 1;
    }
    for (int part = 0; part < parts && !failed; part++) {
        for (int v = 0; v < station->views && !failed; v++)
            failed = count ? read_frame(&station->images[v], files[part * station->views + v])
                           : draw_frame(&station->images[v], part, v);
        if (!failed && judge(station, part, &rejected, &error)) {
            fprintf(stderr, "station: %s\n", error.message);
            failed = 1;
        }
        for (int v = 0; v < station->views; v++) {
            free((void *)(uintptr_t)station->images[v].pixels);
            station->images[v].pixels = NULL;
        }
    }
    return failed ? 1 : rejected ? 10 : 0;
}

int main(int argc, char **argv)
{
    struct station station = {0};
    const char *threshold = NULL;
    mvad_error error;
    int option, code = 1;
    while ((option = getopt(argc, argv, "t:")) != -1)
        if (option == 't') threshold = optarg;
    if (optind >= argc) {
        fprintf(stderr, "usage: station [-t THRESHOLD] MODEL [FRAME.ppm...]\n");
        return 1;
    }
    if (station_open(&station, argv[optind], threshold, &error))
        fprintf(stderr, "station: %s\n", error.message);
    else
        code = inspect(&station, argv + optind + 1, argc - optind - 1);
    station_close(&station);
    return code;
}
