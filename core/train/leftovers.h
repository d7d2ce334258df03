/* What a killed process left in the folder of a run. */
#ifndef TRAIN_LEFTOVERS_H
#define TRAIN_LEFTOVERS_H

/* Removes the temporary files of file_replace whose process is gone: each is as large as a
 * checkpoint, and nobody else would ever remove them. What cannot be removed stays. */
void leftovers_remove(const char *folder);

#endif
