/* FNV-1a with 64 bits (Fowler, Noll, Vo): tells apart what is named and stored, not what is forged. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define HASH_START 0xcbf29ce484222325u
#define HASH_PRIME 0x100000001b3u
#define HASH_TEXT 17 /* bytes of a hash as 16 hexadecimal digits */

/* Goes on from `hash`, HASH_START at first. */
static inline uint64_t hash_bytes(uint64_t hash, const void *data, size_t bytes)
{
    const uint8_t *next = data;
    for (size_t i = 0; i < bytes; i++) hash = (hash ^ next[i]) * HASH_PRIME;
    return hash;
}

/* With the zero behind it, so that "ab" "c" is not "a" "bc". */
static inline uint64_t hash_text(uint64_t hash, const char *text)
{
    return hash_bytes(hash, text, strlen(text) + 1);
}

/* A word at a time, rotated so that every bit of it reaches the others: for many of them. */
static inline uint64_t hash_word(uint64_t hash, uint64_t word)
{
    hash ^= word;
    return (hash << 29 | hash >> 35) * HASH_PRIME;
}

#endif
