/* The checksum of blocks: what it promises of damage, tried on every bit of short data. */
#include "core/base/checksum.h"
#include "make_safetensors.h"

enum { BYTES = 150 };

static int compare(const void *first, const void *second)
{
    const uint64_t a = *(const uint64_t *)first, b = *(const uint64_t *)second;
    return (a > b) - (a < b);
}

static void assert_all_different(uint64_t *sums, size_t count)
{
    qsort(sums, count, sizeof *sums, compare);
    for (size_t i = 1; i < count; i++) assert_true(sums[i - 1] != sums[i]);
}

/* For every length: the data, and the data with any one bit flipped. */
static void a_flipped_bit_shows(void **state)
{
    (void)state;
    uint8_t data[BYTES];
    uint64_t sums[8 * BYTES + 1];
    for (size_t i = 0; i < BYTES; i++) data[i] = (uint8_t)(i * 37);
    for (size_t length = 0; length <= BYTES; length++) {
        for (size_t i = 0; i < 8 * length; i++) {
            data[i / 8] ^= (uint8_t)(1u << i % 8);
            sums[i] = checksum_bytes(0, data, length);
            data[i / 8] ^= (uint8_t)(1u << i % 8);
        }
        sums[8 * length] = checksum_bytes(0, data, length);
        assert_all_different(sums, 8 * length + 1);
    }
}

/* Zeros of every length, words that changed places, and what came before. */
static void length_order_and_start_count(void **state)
{
    (void)state;
    uint8_t data[BYTES] = {0};
    uint64_t sums[BYTES + 1], words[16], text[2] = {1, 2};
    for (size_t length = 0; length <= BYTES; length++)
        sums[length] = checksum_bytes(0, data, length);
    assert_all_different(sums, BYTES + 1);

    size_t count = 0;
    for (size_t i = 0; i < 16; i++) words[i] = i;
    for (size_t i = 0; i + 1 < 16; i++) { /* every word against the four behind it */
        for (size_t j = i + 1; j < 16 && j < i + 5; j++) {
            words[i] = j;
            words[j] = i;
            sums[count++] = checksum_bytes(0, words, sizeof words);
            words[i] = i;
            words[j] = j;
        }
    }
    sums[count++] = checksum_bytes(0, words, sizeof words);
    sums[count++] = checksum_bytes(1, words, sizeof words);
    sums[count++] = checksum_bytes(checksum_bytes(0, text, 8), text + 1, 8);
    sums[count++] = checksum_bytes(checksum_bytes(0, text + 1, 8), text, 8);
    sums[count++] = checksum_bytes(0, text, 16);
    assert_true(count <= BYTES + 1);
    assert_all_different(sums, count);
}

/* The same wherever the data begins in memory. */
static void alignment_does_not_matter(void **state)
{
    (void)state;
    uint8_t data[BYTES + 8];
    uint64_t sum = 0;
    for (size_t shift = 0; shift < 8; shift++) {
        for (size_t i = 0; i < BYTES; i++) data[shift + i] = (uint8_t)(i * 11);
        const uint64_t found = checksum_bytes(7, data + shift, BYTES);
        if (shift == 0) sum = found;
        assert_true(found == sum);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flipped_bit_shows),
        cmocka_unit_test(length_order_and_start_count),
        cmocka_unit_test(alignment_does_not_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
