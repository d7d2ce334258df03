/* Checksums of many bytes, against damage and change, not against malice. */
#ifndef BASE_CHECKSUM_H
#define BASE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* 64 bits of `data`, going on from `start` (0, or the checksum of what came before it). Reads 8 bytes
 * at a time in the machine's byte order, so it differs between machines of two byte orders. Data of
 * one length that differ in a single aligned word of 8 bytes always have different checksums. */
uint64_t checksum_bytes(uint64_t start, const void *data, size_t bytes);

/* The CRC-32 of PNG and zip files. */
uint32_t checksum_crc32(const uint8_t *data, size_t size);

#endif
