/* mvad: multi-view anomaly detection. The public C API, by subjects in mvad/.
 *
 * Score one part photographed from five sides:
 *
 *     mvad_error error;
 *     mvad_device *device = NULL;
 *     mvad_model *model = NULL;
 *     mvad_session *session = NULL;
 *     mvad_session_options options = mvad_session_options_default();
 *     float score = 0;
 *
 *     if (mvad_device_open("cpu", 0, &device, &error) ||
 *         mvad_model_load("model.safetensors", NULL, &model, &error) ||
 *         mvad_session_create(model, device, &options, &session, &error) ||
 *         mvad_session_run(session, images, &error) ||            // float (5, 3, 256, 256)
 *         mvad_session_read(session, MVAD_OUTPUT_SAMPLE_SCORE, &score, 1, &error))
 *         fprintf(stderr, "%s\n", error.message);
 *
 *     mvad_session_destroy(session);
 *     mvad_model_destroy(model);
 *     mvad_device_close(device);
 *
 * Conventions
 *   - Every function that can fail returns an mvad_status (MVAD_OK is 0) and, where `error` is not
 *     NULL, writes one line there that names what was wrong. The library never prints, exits or
 *     aborts, and keeps no global state, but for the function that mvad_log_set gives messages to,
 *     and one thing that is not its own: opening a CPU device sets OpenBLAS, which has one setting a
 *     process, to one thread.
 *   - `destroy` and `close` accept NULL. Output pointers are set to NULL on failure.
 *   - Images and features are NCHW, float32, images outermost: samples * views, views of a sample
 *     consecutive. Images are normalised: (pixel / 255 - mean) / std, mean (0.485, 0.456, 0.406),
 *     std (0.229, 0.224, 0.225).
 *   - Structures grow from version to version without programs being compiled anew. Options begin with
 *     their size. mvad_X_options_default() gives the defaults in the size that the program was compiled
 *     with; it is made of mvad_X_options_init(), which other languages call: it writes that many bytes,
 *     and takes the size of options inside separately. What options lack that an older mvad.h did not
 *     have yet takes its default; what a newer one has and the library does not know must be zero, else
 *     MVAD_ERROR_INVALID_ARGUMENT. What the library fills has a fixed size and keeps `reserved` fields
 *     for later, set to zero; what it only shows to a callback may grow at its end. The numbers of
 *     MVAD_SCALES, MVAD_METRIC_COUNT and MVAD_IDENTITY, and mvad_error, mvad_score_scale and
 *     mvad_thresholds stay as they are.
 *   - Threads: a model and a data set may be read by any number of threads at a time, and a CPU device
 *     serves as many; a session, a trainer and what else is made belong to one thread at a time, and so
 *     does an OpenCL device with all that is made on it. Results have the same bits for every number of
 *     threads.
 */
#ifndef MVAD_H
#define MVAD_H

#define MVAD_VERSION_MAJOR 0
#define MVAD_VERSION_MINOR 1
#define MVAD_VERSION_PATCH 0

#include <mvad/base.h>
#include <mvad/calibrate.h>
#include <mvad/check.h>
#include <mvad/config.h>
#include <mvad/cost.h>
#include <mvad/dataset.h>
#include <mvad/device.h>
#include <mvad/evaluate.h>
#include <mvad/model.h>
#include <mvad/predict.h>
#include <mvad/session.h>
#include <mvad/synth.h>
#include <mvad/tensors.h>
#include <mvad/train.h>
#include <mvad/trainer.h>

#endif
