/* The checksums of segments (spec v5 section 2): a CRC24 of the header, a CRC32 of the payload. */
#ifndef CQL_CHECKSUMS_H
#define CQL_CHECKSUMS_H
#include <stdint.h>

enum { CRC24_START = 0x875060, CRC24_POLYNOMIAL = 0x1974F0B };
static const uint32_t CRC32_POLYNOMIAL = 0xEDB88320U; /* zlib's, its bits in reverse */

static uint32_t crc24_table[16];    /* of four bits: what fits in one line of the cache */
static uint32_t crc32_table[8][256]; /* [n][b]: byte b with n zeros behind it */

static void fill_tables(void) {
    int at, bit, n;
    for (at = 0; at < 16; at++) {
        uint32_t value = (uint32_t)at << 20;
        for (bit = 0; bit < 4; bit++) {
            value <<= 1;
            if (value & 0x1000000) value ^= CRC24_POLYNOMIAL;
        }
        crc24_table[at] = value;
    }
    for (at = 0; at < 256; at++) {
        uint32_t value = (uint32_t)at;
        for (bit = 0; bit < 8; bit++) value = value >> 1 ^ (value & 1 ? CRC32_POLYNOMIAL : 0);
        crc32_table[0][at] = value;
    }
    for (n = 1; n < 8; n++)
        for (at = 0; at < 256; at++) {
            uint32_t before = crc32_table[n - 1][at];
            crc32_table[n][at] = before >> 8 ^ crc32_table[0][before & 0xFF];
        }
}

static inline uint32_t crc24_of(const char *data, Py_ssize_t size) {
    uint32_t value = CRC24_START;
    for (; size > 0; size--) {
        value ^= (uint32_t)(uint8_t)*data++ << 16;
        value = (value << 4 & 0xFFFFFF) ^ crc24_table[value >> 20];
        value = (value << 4 & 0xFFFFFF) ^ crc24_table[value >> 20];
    }
    return value;
}

static inline uint32_t little32(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* As zlib has it: `seed` is the checksum of what came before. Eight bytes at a time. */
static uint32_t crc32_of(uint32_t seed, const char *data, Py_ssize_t size) {
    const uint8_t *p = (const uint8_t *)data;
    uint32_t value = ~seed;
    for (; size >= 8; size -= 8, p += 8) {
        uint32_t low = value ^ little32(p), high = little32(p + 4);
        value = crc32_table[7][low & 0xFF] ^ crc32_table[6][low >> 8 & 0xFF] ^
                crc32_table[5][low >> 16 & 0xFF] ^ crc32_table[4][low >> 24] ^
                crc32_table[3][high & 0xFF] ^ crc32_table[2][high >> 8 & 0xFF] ^
                crc32_table[1][high >> 16 & 0xFF] ^ crc32_table[0][high >> 24];
    }
    for (; size > 0; size--) value = value >> 8 ^ crc32_table[0][(value ^ *p++) & 0xFF];
    return ~value;
}
#endif
