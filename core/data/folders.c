/* One's own folders: ROOT/CLASS/{train,test}/{good,DEFECT}/SAMPLE/VIEW.png. */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/data/records.h"

#define IMAGE_ENDINGS "png,jpg,jpeg,bmp"
#define GOOD "good"

/* Where a sample lies. */
struct place {
    struct record_set *set;
    const char *class_name;
    enum dataset_split split;
    const char *defect; /* GOOD or the name of a defect */
    const char *folder; /* of the defect: its samples are inside */
};

/* A copy in the set's strings of a name that came from a folder, checked. */
static const char *checked_copy(struct record_set *set, const char *folder, const char *name,
                                mvad_status *status)
{
    const char *fault = records_name_fault(name), *copy = NULL;
    if (fault)
        *status = error_set(set->error, MVAD_ERROR_FORMAT, "%s: a name in this folder %s",
                            file_label(folder), fault);
    else if (!(copy = records_copy(set, name, strlen(name))))
        *status = records_out_of_memory(set);
    return copy;
}

/* The path of a view's mask, VIEW.png, VIEW_mask.png (MVTec's way) or VIEW.bmp; NULL where there is
 * none, or no memory, which sets *status. */
static const char *find_mask(struct record_set *set, const char *folder, const char *view,
                             mvad_status *status)
{
    static const char *const endings[] = {".png", "_mask.png", ".bmp"};
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        size_t length = strlen(folder) + 1 + strlen(view), rest = strlen(endings[i]);
        const char *base = records_join(set, folder, view, NULL);
        char path[4096];
        if (!base) {
            *status = records_out_of_memory(set);
            return NULL;
        }
        if (length + rest >= sizeof path) continue;
        memcpy(path, base, length);
        memcpy(path + length, endings[i], rest + 1);
        if (access(path, F_OK)) continue;
        const char *copy = records_copy(set, path, length + rest);
        if (!copy) *status = records_out_of_memory(set);
        return copy;
    }
    return NULL;
}

static mvad_status read_sample(const struct place *place, const char *sample)
{
    struct record_set *set = place->set;
    mvad_status status = MVAD_OK;
    struct stat info;
    char **names;
    size_t count;
    bool good = strcmp(place->defect, GOOD) == 0;
    /* Two defects may count their parts alike, so the defect belongs to the name. */
    const char *full_name = records_join(set, place->defect, sample, NULL);
    const char *folder = records_join(set, place->folder, sample, NULL);
    const char *masks = records_join(set, set->options->root, place->class_name, "ground_truth",
                                     place->defect, sample, NULL);
    if (!full_name || !folder || !masks) return records_out_of_memory(set);
    /* Where a part has masks, a view without one does not show the defect; where it has none, its
     * defect may show in any view. */
    bool has_masks = !good && stat(masks, &info) == 0 && S_ISDIR(info.st_mode);

    if ((status = names_list(folder, NAME_FILE, false, &names, &count, set->error))) return status;
    for (size_t i = 0; i < count && !status; i++) {
        if (!name_has_ending(names[i], IMAGE_ENDINGS)) continue;
        struct record record = {.class_name = place->class_name,
                                .sample = full_name,
                                .defect = place->defect,
                                .split = place->split,
                                .label = good ? DATASET_NORMAL : DATASET_ANOMALOUS};
        const char *name = checked_copy(set, folder, names[i], &status);
        if (status) break;
        record.image = records_join(set, folder, name, NULL);
        record.view = records_copy(set, name, (size_t)(strrchr(name, '.') - name));
        if (!record.image || !record.view) {
            status = records_out_of_memory(set);
            break;
        }
        if (has_masks) record.mask = find_mask(set, masks, record.view, &status);
        if (has_masks && !record.mask) record.label = DATASET_NORMAL;
        if (!status) status = records_add(set, &record);
    }
    names_free(names, count);
    return status;
}

/* All samples of ROOT/CLASS/SPLIT/DEFECT. */
static mvad_status read_defect(const struct place *place)
{
    struct record_set *set = place->set;
    char **names;
    size_t count;
    mvad_status status = names_list(place->folder, NAME_FILE, false, &names, &count, set->error);
    for (size_t i = 0; i < count && !status; i++)
        if (name_has_ending(names[i], IMAGE_ENDINGS))
            status = error_set(set->error, MVAD_ERROR_FORMAT,
                               "%s: images lie directly in this folder; the views of each part "
                               "need a folder of their own inside it",
                               file_label(place->folder));
    names_free(names, count);
    if (status) return status;

    status = names_list(place->folder, NAME_FOLDER, false, &names, &count, set->error);
    for (size_t i = 0; i < count && !status; i++) {
        const char *sample = checked_copy(set, place->folder, names[i], &status);
        if (!status) status = read_sample(place, sample);
    }
    names_free(names, count);
    return status;
}

/* Both splits of a class; sets *found where there is one. */
static mvad_status read_class(struct record_set *set, const char *class_name, bool *found)
{
    static const char *const splits[] = {"train", "test"};
    mvad_status status = MVAD_OK;
    for (int i = 0; i < 2 && !status; i++) {
        char **defects;
        size_t count;
        struct stat info;
        const char *folder = records_join(set, set->options->root, class_name, splits[i], NULL);
        if (!folder) return records_out_of_memory(set);
        if (stat(folder, &info) || !S_ISDIR(info.st_mode)) continue;
        *found = true;
        if (!records_wants_class(set, class_name)) break;

        status = names_list(folder, NAME_FOLDER, false, &defects, &count, set->error);
        for (size_t k = 0; k < count && !status; k++) {
            struct place place = {.set = set,
                                  .class_name = class_name,
                                  .split = i == 0 ? DATASET_TRAIN : DATASET_TEST};
            place.defect = checked_copy(set, folder, defects[k], &status);
            if (status) break;
            if (!(place.folder = records_join(set, folder, place.defect, NULL)))
                status = records_out_of_memory(set);
            else
                status = read_defect(&place);
        }
        names_free(defects, count);
    }
    return status;
}

mvad_status folders_read(struct record_set *set, bool *found)
{
    char **names;
    size_t count;
    const char *root = set->options->root;
    mvad_status status = names_list(root, NAME_FOLDER, false, &names, &count, set->error);
    for (size_t i = 0; i < count && !status; i++) {
        const char *class_name = checked_copy(set, root, names[i], &status);
        if (!status) status = read_class(set, class_name, found);
    }
    names_free(names, count);
    return status;
}
