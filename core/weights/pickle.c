#include "core/weights/pickle_stack.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/memory.h"
#include "core/base/little_endian.h"

#define MAX_NAME 256 /* bytes of a module's or an object's name */
#define MAX_GAP 256  /* places of the memo */

enum opcode {
    MARK = '(',
    STOP = '.',
    BININT = 'J',
    BININT1 = 'K',
    BININT2 = 'M',
    NONE = 'N',
    BINPERSID = 'Q',
    REDUCE = 'R',
    BINSTRING = 'T',
    SHORT_BINSTRING = 'U',
    BINUNICODE = 'X',
    APPEND = 'a',
    BUILD = 'b',
    GLOBAL = 'c',
    APPENDS = 'e',
    BINGET = 'h',
    LONG_BINGET = 'j',
    BINPUT = 'q',
    LONG_BINPUT = 'r',
    SETITEM = 's',
    TUPLE = 't',
    SETITEMS = 'u',
    EMPTY_TUPLE = ')',
    EMPTY_LIST = ']',
    EMPTY_DICT = '}',
    BINFLOAT = 'G',
    PROTO = 0x80,
    NEWOBJ = 0x81,
    TUPLE1 = 0x85,
    TUPLE2 = 0x86,
    TUPLE3 = 0x87,
    NEWTRUE = 0x88,
    NEWFALSE = 0x89,
    LONG1 = 0x8a,
    EMPTY_SET = 0x8f
};

/* ---- arguments of opcodes ---- */

/* The next `bytes` bytes. */
static mvad_status take(struct pickle *pickle, size_t bytes, const uint8_t **taken)
{
    if ((size_t)(pickle->end - pickle->next) < bytes)
        return pickle_fail(pickle, "%s is cut off", pickle_opcode_name(*pickle->opcode));
    *taken = pickle->next;
    pickle->next += bytes;
    return MVAD_OK;
}

/* A line, without its line feed. */
static mvad_status take_line(struct pickle *pickle, const char **line, size_t *length)
{
    const size_t left = (size_t)(pickle->end - pickle->next);
    const uint8_t *stop = left ? memchr(pickle->next, '\n', left) : NULL;
    if (!stop) return pickle_fail(pickle, "%s is cut off", pickle_opcode_name(*pickle->opcode));
    *line = (const char *)pickle->next;
    *length = (size_t)(stop - pickle->next);
    pickle->next = stop + 1;
    if (*length > MAX_NAME)
        return pickle_fail(pickle, "a name of %zu bytes, more than %d", *length, MAX_NAME);
    for (size_t i = 0; i < *length; i++)
        if ((*line)[i] <= ' ' || (*line)[i] > '~')
            return pickle_fail(pickle, "a name with other than printable ASCII characters");
    return MVAD_OK;
}

static mvad_status push_string(struct pickle *pickle, size_t length_bytes)
{
    const uint8_t *bytes = NULL;
    mvad_status status = take(pickle, length_bytes, &bytes);
    if (status) return status;
    const size_t length = length_bytes == 1 ? *bytes : little32(bytes);
    if (length > PICKLE_MAX_STRING)
        return pickle_fail(pickle, "a text of %zu bytes, more than %u", length, PICKLE_MAX_STRING);
    if ((status = take(pickle, length, &bytes))) return status;
    return pickle_push_new(pickle, &(struct pickle_value){.kind = PICKLE_STRING,
                                                          .string = {(const char *)bytes, length}});
}

/* Two's complement of up to 8 bytes: pointers and numbers of elements are no larger. */
static mvad_status push_long(struct pickle *pickle)
{
    const uint8_t *bytes = NULL;
    uint64_t bits = 0;
    mvad_status status = take(pickle, 1, &bytes);
    if (status) return status;
    const size_t length = *bytes;
    if (length > sizeof bits) return pickle_fail(pickle, "an integer of %zu bytes", length);
    if ((status = take(pickle, length, &bytes))) return status;
    if (length && bytes[length - 1] & 0x80) bits = UINT64_MAX;
    for (size_t i = length; i-- > 0;) bits = bits << 8 | bytes[i];
    return pickle_push_integer(pickle, PICKLE_INT, (int64_t)bits);
}

static mvad_status push_float(struct pickle *pickle)
{
    const uint8_t *bytes = NULL;
    uint64_t bits = 0;
    mvad_status status = take(pickle, sizeof bits, &bytes);
    if (status) return status;
    for (size_t i = 0; i < sizeof bits; i++) bits = bits << 8 | bytes[i]; /* big-endian */
    struct pickle_value value = {.kind = PICKLE_FLOAT};
    memcpy(&value.number, &bits, sizeof bits);
    return pickle_push_new(pickle, &value);
}

static mvad_status push_small(struct pickle *pickle, uint8_t opcode)
{
    const uint8_t *bytes = NULL;
    const size_t size = opcode == BININT ? 4 : opcode == BININT2 ? 2 : 1;
    mvad_status status = take(pickle, size, &bytes);
    if (status) return status;
    return pickle_push_integer(pickle, PICKLE_INT,
                               size == 4   ? (int32_t)little32(bytes)
                               : size == 2 ? (int64_t)little16(bytes)
                                           : *bytes);
}

/* ---- opcodes ---- */

static mvad_status check_protocol(struct pickle *pickle)
{
    const uint8_t *protocol = NULL;
    mvad_status status = take(pickle, 1, &protocol);
    if (!status && (*protocol < 2 || *protocol > 5))
        status = pickle_fail(pickle, "protocol %d; known: 2 to 5", *protocol);
    return status;
}

static mvad_status make_tuple(struct pickle *pickle, size_t count, bool to_mark)
{
    size_t first;
    uint32_t tuple;
    mvad_status status = pickle_pop_entries(pickle, to_mark, &count, &first);
    if (status) return status;
    const struct pickle_value empty = {.kind = PICKLE_TUPLE, .list = {PICKLE_END, 0, 0}};
    status = pickle_add(pickle, &empty, &tuple);
    for (size_t i = first; i < first + count && !status; i++)
        status = pickle_append(pickle, &pickle->values[tuple], PICKLE_END, pickle->stack[i]);
    return status ? status : pickle_push(pickle, tuple);
}

static mvad_status append_items(struct pickle *pickle, uint8_t opcode)
{
    const bool is_dict = opcode == SETITEM || opcode == SETITEMS;
    const size_t step = is_dict ? 2 : 1;
    size_t count = step, first;
    uint32_t list;
    mvad_status status =
        pickle_pop_entries(pickle, opcode == SETITEMS || opcode == APPENDS, &count, &first);
    if (!status && count % step) status = pickle_fail(pickle, "SETITEMS of a key without a value");
    if (!status) status = pickle_top_list(pickle, is_dict ? PICKLE_DICT : PICKLE_LIST, &list);
    for (size_t i = first; !status && i < first + count; i += step)
        status =
            pickle_append(pickle, &pickle->values[list], is_dict ? pickle->stack[i] : PICKLE_END,
                          pickle->stack[i + step - 1]);
    return status;
}

static mvad_status remember(struct pickle *pickle, size_t index_bytes)
{
    const uint8_t *bytes = NULL;
    uint32_t value;
    mvad_status status = take(pickle, index_bytes, &bytes);
    if (!status) status = pickle_top(pickle, &value);
    if (status) return status;
    const uint32_t place = index_bytes == 1 ? *bytes : little32(bytes);
    /* Picklers number places as they come, from 0 or 1: nobody leaves large gaps. */
    if (place >= pickle->memo_count + MAX_GAP)
        return pickle_fail(pickle, "memo place %u behind %zu", place, pickle->memo_count);
    while (place >= pickle->memo_count) {
        if (!memory_grow((void **)&pickle->memo, &pickle->memo_capacity, pickle->memo_count,
                         sizeof *pickle->memo))
            return pickle_out_of_memory(pickle, sizeof *pickle->memo);
        pickle->memo[pickle->memo_count++] = PICKLE_END;
    }
    pickle->memo[place] = value;
    return MVAD_OK;
}

static mvad_status recall(struct pickle *pickle, size_t index_bytes)
{
    const uint8_t *bytes = NULL;
    mvad_status status = take(pickle, index_bytes, &bytes);
    if (status) return status;
    const uint32_t place = index_bytes == 1 ? *bytes : little32(bytes);
    if (place >= pickle->memo_count || pickle->memo[place] == PICKLE_END)
        return pickle_fail(pickle, "memo place %u is empty", place);
    return pickle_push(pickle, pickle->memo[place]);
}

static mvad_status push_global(struct pickle *pickle)
{
    const char *module, *name;
    size_t module_length, name_length;
    struct pickle_value value;
    mvad_status status = take_line(pickle, &module, &module_length);
    if (!status) status = take_line(pickle, &name, &name_length);
    if (!status)
        status = pickle->host->name(pickle->user, module, module_length, name, name_length, &value);
    return status ? status : pickle_push_new(pickle, &value);
}

static mvad_status call(struct pickle *pickle, bool creates)
{
    uint32_t arguments, callee;
    struct pickle_value value;
    mvad_status status = pickle_pop(pickle, &arguments);
    if (!status) status = pickle_pop(pickle, &callee);
    if (status) return status;
    if (pickle->values[arguments].kind != PICKLE_TUPLE)
        return pickle_fail(pickle, "%s with arguments that are no tuple",
                           pickle_opcode_name(*pickle->opcode));
    status = pickle->host->call(pickle->user, creates, callee, arguments, &value);
    return status ? status : pickle_push_new(pickle, &value);
}

static mvad_status build(struct pickle *pickle)
{
    uint32_t state, target;
    mvad_status status = pickle_pop(pickle, &state);
    if (!status) status = pickle_top(pickle, &target);
    return status ? status : pickle->host->build(pickle->user, target, state);
}

static mvad_status push_persistent(struct pickle *pickle)
{
    uint32_t id;
    struct pickle_value value;
    mvad_status status = pickle_pop(pickle, &id);
    if (!status) status = pickle->host->persistent(pickle->user, id, &value);
    return status ? status : pickle_push_new(pickle, &value);
}

/* Everything but STOP. */
static mvad_status carry_out(struct pickle *pickle, uint8_t opcode)
{
    switch (opcode) {
    case PROTO: return check_protocol(pickle);
    case MARK: return pickle_push(pickle, PICKLE_MARK);
    case NONE: return pickle_push_new(pickle, &(struct pickle_value){.kind = PICKLE_NONE});
    case NEWTRUE:
    case NEWFALSE: return pickle_push_integer(pickle, PICKLE_BOOL, opcode == NEWTRUE);
    case BININT:
    case BININT1:
    case BININT2: return push_small(pickle, opcode);
    case LONG1: return push_long(pickle);
    case BINFLOAT: return push_float(pickle);
    case SHORT_BINSTRING: return push_string(pickle, 1);
    case BINSTRING:
    case BINUNICODE: return push_string(pickle, 4);
    case EMPTY_TUPLE: return pickle_push_empty(pickle, PICKLE_TUPLE);
    case EMPTY_LIST:
    case EMPTY_SET: return pickle_push_empty(pickle, PICKLE_LIST);
    case EMPTY_DICT: return pickle_push_empty(pickle, PICKLE_DICT);
    case TUPLE: return make_tuple(pickle, 0, true);
    case TUPLE1:
    case TUPLE2:
    case TUPLE3: return make_tuple(pickle, (size_t)(opcode - TUPLE1 + 1), false);
    case APPEND:
    case APPENDS:
    case SETITEM:
    case SETITEMS: return append_items(pickle, opcode);
    case BINPUT: return remember(pickle, 1);
    case LONG_BINPUT: return remember(pickle, 4);
    case BINGET: return recall(pickle, 1);
    case LONG_BINGET: return recall(pickle, 4);
    case GLOBAL: return push_global(pickle);
    case REDUCE: return call(pickle, false);
    case NEWOBJ: return call(pickle, true);
    case BUILD: return build(pickle);
    case BINPERSID: return push_persistent(pickle);
    default: break;
    }
    const char *name = pickle_opcode_name(opcode);
    return name ? pickle_fail(pickle, "opcode %s, which no state dict needs", name)
                : pickle_fail(pickle, "0x%02x is no opcode", opcode);
}

mvad_status pickle_run(struct pickle *pickle, const uint8_t **next, const uint8_t *end,
                       uint32_t *result)
{
    mvad_status status = MVAD_OK;
    pickle->next = *next;
    pickle->end = end;
    pickle->stack_count = 0;
    pickle->memo_count = 0;
    for (;;) {
        pickle->opcode = pickle->next;
        if (pickle->next == end) return pickle_fail(pickle, "the pickle is cut off");
        if (*pickle->next++ == STOP) break;
        if ((status = carry_out(pickle, *pickle->opcode))) return status;
    }
    status = pickle_pop(pickle, result);
    if (!status && pickle->stack_count)
        status = pickle_fail(pickle, "STOP with more than one value");
    *next = pickle->next;
    return status;
}

void pickle_free(struct pickle *pickle)
{
    free(pickle->values);
    free(pickle->items);
    free(pickle->stack);
    free(pickle->memo);
}
