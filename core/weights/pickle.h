/* An interpreter of the opcodes that Python's pickle module writes a state dict with. A pickle is a
 * program for a stack machine; this one builds values and has no other effect: objects are named by
 * the file and made, if at all, by the host's functions.
 *
 *     struct pickle pickle = {.path = path, .start = data, .host = &host, .user = user, .error = error};
 *     const uint8_t *next = data;
 *     status = pickle_run(&pickle, &next, data + size, &result);
 *     ... pickle.values[result] ...
 *     pickle_free(&pickle);
 *
 * Values live until pickle_free, over several runs. Nothing recurses, every opcode makes at most one
 * value, and the number of values, list entries, stack and memo places has a limit, so that time and
 * memory are bounded by the file's size and these limits. Errors are MVAD_ERROR_FORMAT and name the
 * file and the byte. */
#ifndef WEIGHTS_PICKLE_H
#define WEIGHTS_PICKLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mvad.h"

#define PICKLE_MAX_VALUES (1u << 20) /* and as many entries of lists, tuples and dictionaries */
#define PICKLE_MAX_STACK (1u << 16)
#define PICKLE_MAX_STRING (1u << 20) /* bytes */
#define PICKLE_END UINT32_MAX        /* no item, no value */

enum pickle_kind {
    PICKLE_NONE,
    PICKLE_BOOL,
    PICKLE_INT,
    PICKLE_FLOAT,
    PICKLE_STRING, /* of either kind; not checked to be UTF-8 */
    PICKLE_TUPLE,
    PICKLE_LIST, /* or set */
    PICKLE_DICT,
    PICKLE_GLOBAL, /* a name, as the host knows it */
    PICKLE_OBJECT  /* what the host made */
};

struct pickle_value {
    enum pickle_kind kind;
    union {
        int64_t integer; /* PICKLE_INT, PICKLE_BOOL */
        double number;
        struct {
            const char *text; /* in the file */
            size_t length;
        } string;
        struct {
            uint32_t first, last, count; /* items; first is PICKLE_END where there is none */
        } list;                          /* PICKLE_TUPLE, PICKLE_LIST, PICKLE_DICT */
        struct {
            uint32_t type; /* the host's */
            size_t index;
        } object; /* PICKLE_GLOBAL, PICKLE_OBJECT */
    };
};

struct pickle_item {
    uint32_t key; /* of dictionaries */
    uint32_t value, next;
};

/* What the host makes of names and objects; all get `user`, and indices into `values`. A value they
 * add may move the array. */
struct pickle_host {
    /* GLOBAL: fills *value for a name it knows, or fails. Neither text is NUL-terminated. */
    mvad_status (*name)(void *user, const char *module, size_t module_length, const char *name,
                        size_t name_length, struct pickle_value *value);
    /* REDUCE and NEWOBJ: the value of `callee`(`arguments`), a tuple. */
    mvad_status (*call)(void *user, bool creates, uint32_t callee, uint32_t arguments,
                        struct pickle_value *value);
    /* BUILD: gives `target` its state. */
    mvad_status (*build)(void *user, uint32_t target, uint32_t state);
    /* BINPERSID: what lies outside the pickle under this id. */
    mvad_status (*persistent)(void *user, uint32_t id, struct pickle_value *value);
};

struct pickle {
    const char *path;     /* for messages */
    const uint8_t *start; /* of the file: bytes are counted from here */
    const struct pickle_host *host;
    void *user;
    mvad_error *error;
    struct pickle_value *values;
    struct pickle_item *items;
    size_t value_count, value_capacity, item_count, item_capacity;
    uint32_t *stack, *memo; /* indices of values; of the run in progress */
    size_t stack_count, stack_capacity, memo_count, memo_capacity;
    const uint8_t *next, *end; /* the rest of it */
    const uint8_t *opcode;     /* being carried out */
};

/* Runs the pickle at *next, and leaves *next behind its end. *result: the value it left. */
mvad_status pickle_run(struct pickle *pickle, const uint8_t **next, const uint8_t *end,
                       uint32_t *result);

void pickle_free(struct pickle *pickle);

/* MVAD_ERROR_FORMAT: "PATH: pickle, byte N: .." with the byte of the opcode being carried out. */
mvad_status pickle_fail(const struct pickle *pickle, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Appends an entry to a tuple, list or dictionary, which need not be one of `values`. */
mvad_status pickle_append(struct pickle *pickle, struct pickle_value *list, uint32_t key,
                          uint32_t value);

/* Entry `position` of a tuple or list, NULL where there is none or it is neither. */
const struct pickle_value *pickle_entry(const struct pickle *pickle, uint32_t list,
                                        uint32_t position);

/* The value of a dictionary's last entry under this key; PICKLE_END where there is none. */
uint32_t pickle_find(const struct pickle *pickle, uint32_t dict, const char *key);

bool pickle_string_is(const struct pickle_value *value, const char *text);

/* The name of an opcode in Python's documentation; NULL where no protocol has it. */
const char *pickle_opcode_name(uint8_t opcode);

#endif
