/* The verbs of `mvad`, one file each. */
#ifndef CLI_VERBS_H
#define CLI_VERBS_H

#include "cli/common/command.h"

int verb_calibrate(const char *program, const struct command *command, int argc, char **argv);
int verb_convert(const char *program, const struct command *command, int argc, char **argv);
int verb_data(const char *program, const struct command *command, int argc, char **argv);
int verb_devices(const char *program, const struct command *command, int argc, char **argv);
int verb_eval(const char *program, const struct command *command, int argc, char **argv);
int verb_tune(const char *program, const struct command *command, int argc, char **argv);
int verb_synth(const char *program, const struct command *command, int argc, char **argv);
int verb_train(const char *program, const struct command *command, int argc, char **argv);
int verb_selftest(const char *program, const struct command *command, int argc, char **argv);
int verb_init(const char *program, const struct command *command, int argc, char **argv);
int verb_info(const char *program, const struct command *command, int argc, char **argv);
int verb_predict(const char *program, const struct command *command, int argc, char **argv);
int verb_report(const char *program, const struct command *command, int argc, char **argv);

#endif
