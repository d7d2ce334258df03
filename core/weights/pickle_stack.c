#include "core/weights/pickle_stack.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/memory.h"

mvad_status pickle_fail(const struct pickle *pickle, const char *format, ...)
{
    char text[sizeof pickle->error->message];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return file_bad_format(pickle->path, pickle->error, "pickle, byte %td: %s",
                           pickle->opcode - pickle->start, text);
}

mvad_status pickle_out_of_memory(const struct pickle *pickle, size_t bytes)
{
    return error_out_of_memory(pickle->error, file_label(pickle->path), bytes);
}

mvad_status pickle_push(struct pickle *pickle, uint32_t value)
{
    if (pickle->stack_count == PICKLE_MAX_STACK)
        return pickle_fail(pickle, "more than %u values on the stack", PICKLE_MAX_STACK);
    if (!memory_grow((void **)&pickle->stack, &pickle->stack_capacity, pickle->stack_count,
                     sizeof *pickle->stack))
        return pickle_out_of_memory(pickle, sizeof *pickle->stack);
    pickle->stack[pickle->stack_count++] = value;
    return MVAD_OK;
}

mvad_status pickle_add(struct pickle *pickle, const struct pickle_value *value, uint32_t *index)
{
    if (pickle->value_count == PICKLE_MAX_VALUES)
        return pickle_fail(pickle, "more than %u values", PICKLE_MAX_VALUES);
    if (!memory_grow((void **)&pickle->values, &pickle->value_capacity, pickle->value_count,
                     sizeof *value))
        return pickle_out_of_memory(pickle, sizeof *value);
    *index = (uint32_t)pickle->value_count++;
    pickle->values[*index] = *value;
    return MVAD_OK;
}

mvad_status pickle_push_new(struct pickle *pickle, const struct pickle_value *value)
{
    uint32_t index;
    mvad_status status = pickle_add(pickle, value, &index);
    return status ? status : pickle_push(pickle, index);
}

mvad_status pickle_push_empty(struct pickle *pickle, enum pickle_kind kind)
{
    return pickle_push_new(pickle, &(struct pickle_value){.kind = kind, .list = {PICKLE_END, 0, 0}});
}

mvad_status pickle_push_integer(struct pickle *pickle, enum pickle_kind kind, int64_t integer)
{
    return pickle_push_new(pickle, &(struct pickle_value){.kind = kind, .integer = integer});
}

mvad_status pickle_top(struct pickle *pickle, uint32_t *value)
{
    if (!pickle->stack_count || pickle->stack[pickle->stack_count - 1] == PICKLE_MARK)
        return pickle_fail(pickle, "%s without a value", pickle_opcode_name(*pickle->opcode));
    *value = pickle->stack[pickle->stack_count - 1];
    return MVAD_OK;
}

mvad_status pickle_pop(struct pickle *pickle, uint32_t *value)
{
    mvad_status status = pickle_top(pickle, value);
    if (!status) pickle->stack_count--;
    return status;
}

mvad_status pickle_pop_entries(struct pickle *pickle, bool to_mark, size_t *count, size_t *first)
{
    size_t place = pickle->stack_count;
    while (place > 0 && pickle->stack[place - 1] != PICKLE_MARK &&
           (to_mark || pickle->stack_count - place < *count))
        place--;
    if (to_mark ? !place : pickle->stack_count - place < *count)
        return pickle_fail(pickle, "%s without %s", pickle_opcode_name(*pickle->opcode),
                           to_mark ? "a mark" : "a value");
    *count = pickle->stack_count - place;
    *first = place;
    pickle->stack_count = place - to_mark;
    return MVAD_OK;
}

mvad_status pickle_top_list(struct pickle *pickle, enum pickle_kind kind, uint32_t *list)
{
    mvad_status status = pickle_top(pickle, list);
    if (!status && pickle->values[*list].kind != kind)
        status = pickle_fail(pickle, "%s on something that is no %s",
                             pickle_opcode_name(*pickle->opcode),
                             kind == PICKLE_DICT ? "dictionary" : "list");
    return status;
}

mvad_status pickle_append(struct pickle *pickle, struct pickle_value *list, uint32_t key,
                          uint32_t value)
{
    if (pickle->item_count == PICKLE_MAX_VALUES)
        return pickle_fail(pickle, "more than %u entries", PICKLE_MAX_VALUES);
    if (!memory_grow((void **)&pickle->items, &pickle->item_capacity, pickle->item_count,
                     sizeof *pickle->items))
        return pickle_out_of_memory(pickle, sizeof *pickle->items);
    const uint32_t added = (uint32_t)pickle->item_count++;
    pickle->items[added] = (struct pickle_item){key, value, PICKLE_END};
    if (list->list.first == PICKLE_END)
        list->list.first = added;
    else
        pickle->items[list->list.last].next = added;
    list->list.last = added;
    list->list.count++;
    return MVAD_OK;
}

const struct pickle_value *pickle_entry(const struct pickle *pickle, uint32_t list,
                                        uint32_t position)
{
    const struct pickle_value *value = &pickle->values[list];
    if ((value->kind != PICKLE_TUPLE && value->kind != PICKLE_LIST) || position >= value->list.count)
        return NULL;
    uint32_t item = value->list.first;
    while (position--) item = pickle->items[item].next;
    return &pickle->values[pickle->items[item].value];
}

uint32_t pickle_find(const struct pickle *pickle, uint32_t dict, const char *key)
{
    uint32_t found = PICKLE_END;
    if (pickle->values[dict].kind != PICKLE_DICT) return found;
    for (uint32_t i = pickle->values[dict].list.first; i != PICKLE_END; i = pickle->items[i].next)
        if (pickle_string_is(&pickle->values[pickle->items[i].key], key))
            found = pickle->items[i].value;
    return found;
}

bool pickle_string_is(const struct pickle_value *value, const char *text)
{
    return value->kind == PICKLE_STRING && value->string.length == strlen(text) &&
           memcmp(value->string.text, text, value->string.length) == 0;
}
