/* Texts of numbers and addresses, and what is text at all. */
#ifndef CQL_TEXTS_H
#define CQL_TEXTS_H
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include "wire.h"

#define LONGEST_NUMBER 256 /* bytes of numbers whose text is made here: time goes by the square */
#define LONGEST_TEXT 704   /* 617 digits, zeros before them, signs, an exponent */

static inline int is_ascii_text(const char *p, int64_t size) {
    uint64_t all = 0, word;
    int64_t at = 0;
    for (; at + 8 <= size; at += 8) {
        memcpy(&word, p + at, 8);
        all |= word;
    }
    for (; at < size; at++) all |= (uint64_t)(uint8_t)p[at];
    return !(all & 0x8080808080808080ULL);
}

static inline int is_tail(uint8_t c) { return (c & 0xC0) == 0x80; }

/* Whether bytes are UTF-8: the shortest form of each character, no surrogates, none above 10FFFF. */
static inline int is_utf8(const char *text, int64_t size) {
    const uint8_t *p = (const uint8_t *)text, *end = p + size;
    if (is_ascii_text(text, size)) return 1;
    while (p < end) {
        uint8_t c = p[0];
        int64_t left = end - p;
        if (c < 0x80) {
            p += 1;
        } else if (c >= 0xC2 && c <= 0xDF) {
            if (left < 2 || !is_tail(p[1])) return 0;
            p += 2;
        } else if ((c & 0xF0) == 0xE0) {
            if (left < 3 || !is_tail(p[1]) || !is_tail(p[2])) return 0;
            if ((c == 0xE0 && p[1] < 0xA0) || (c == 0xED && p[1] > 0x9F)) return 0;
            p += 3;
        } else if (c >= 0xF0 && c <= 0xF4) {
            if (left < 4 || !is_tail(p[1]) || !is_tail(p[2]) || !is_tail(p[3])) return 0;
            if ((c == 0xF0 && p[1] < 0x90) || (c == 0xF4 && p[1] > 0x8F)) return 0;
            p += 4;
        } else {
            return 0;
        }
    }
    return 1;
}

/* Write the decimal digits of a number and return how many there are. */
static inline int digits_of(uint64_t number, char *out) {
    char turned[20];
    int count = 0;
    do {
        turned[count++] = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    for (int i = 0; i < count; i++) out[i] = turned[count - 1 - i];
    return count;
}

/* Write the digits of a two's complement number of at most LONGEST_NUMBER bytes, without its sign. */
static inline int digits_of_bytes(const char *p, int size, int *negative, char *out) {
    uint32_t limbs[LONGEST_NUMBER / 4 + 1], parts[LONGEST_NUMBER];
    int n_limbs = 0, n_parts = 0, count;
    *negative = size > 0 && (p[0] & 0x80);
    if (size <= 8) {
        uint64_t number = *negative ? ~(uint64_t)0 : 0;
        for (int i = 0; i < size; i++) number = number << 8 | (uint8_t)p[i];
        return digits_of(*negative ? 0 - number : number, out);
    }
    /* Limbs of 32 bits, the lowest first; negative numbers turned over, and one added. */
    for (int end = size; end > 0; end -= 4) {
        uint32_t limb = 0;
        for (int i = end > 4 ? end - 4 : 0; i < end; i++) limb = limb << 8 | (uint8_t)p[i];
        if (*negative && end < 4) limb |= 0xffffffffu << (8 * end);
        limbs[n_limbs++] = *negative ? ~limb : limb;
    }
    if (*negative)
        for (int i = 0; i < n_limbs && ++limbs[i] == 0; i++) {
        }
    while (n_limbs > 0) {
        uint64_t rest = 0;
        for (int i = n_limbs - 1; i >= 0; i--) {
            rest = rest << 32 | limbs[i];
            limbs[i] = (uint32_t)(rest / 1000000000u);
            rest %= 1000000000u;
        }
        parts[n_parts++] = (uint32_t)rest;
        while (n_limbs > 0 && limbs[n_limbs - 1] == 0) n_limbs--;
    }
    while (n_parts > 1 && parts[n_parts - 1] == 0) n_parts--;
    count = digits_of(parts[n_parts - 1], out);
    for (int i = n_parts - 2; i >= 0; i--) {
        uint32_t part = parts[i];
        for (int j = 8; j >= 0; j--, part /= 10) out[count + j] = (char)('0' + part % 10);
        count += 9;
    }
    return count;
}

/* Write an integer of any of those sizes. */
static inline int varint_text(const char *p, int size, char *out) {
    int negative, count = digits_of_bytes(p, size, &negative, out + 1);
    if (negative) {
        out[0] = '-';
        return count + 1;
    }
    memmove(out, out + 1, (size_t)count);
    return count;
}

/* Write a decimal as `str` of Python's class does ("to-scientific-string" of the specification). */
static inline int decimal_text(const char *p, int size, int64_t scale, char *out) {
    char digits[LONGEST_TEXT];
    int negative, at = 0, count = digits_of_bytes(p, size, &negative, digits);
    int64_t left = count - scale; /* digits before the point */
    int64_t point = scale >= 0 && left > -6 ? left : 1;
    if (negative) out[at++] = '-';
    if (point <= 0) {
        out[at++] = '0';
        out[at++] = '.';
        for (int64_t i = point; i < 0; i++) out[at++] = '0';
        memcpy(out + at, digits, (size_t)count);
        at += count;
    } else if (point >= count) {
        memcpy(out + at, digits, (size_t)count); /* `point` is `count` here, or both are 1 */
        at += count;
    } else {
        memcpy(out + at, digits, (size_t)point);
        at += (int)point;
        out[at++] = '.';
        memcpy(out + at, digits + point, (size_t)(count - point));
        at += (int)(count - point);
    }
    if (left != point) at += snprintf(out + at, 24, "E%+lld", (long long)(left - point));
    return at;
}

/* Write an IPv4 address. */
static inline int inet4_text(const char *p, char *out) {
    int at = 0;
    for (int i = 0; i < 4; i++) {
        if (i) out[at++] = '.';
        at += digits_of((uint8_t)p[i], out + at);
    }
    return at;
}

/* Whether an IPv6 address stands for an IPv4 one: how those are written differs. */
static inline int is_mapped(const char *p) {
    static const char prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, (char)0xff, (char)0xff};
    return memcmp(p, prefix, 12) == 0;
}

/* Write an IPv6 address in the form of RFC 5952. */
static inline int inet6_text(const char *p, char *out) {
    int at = 0, run = -1, length = 1;
    for (int i = 0; i < 8; i++) {
        int j = i;
        while (j < 8 && get16(p + 2 * j) == 0) j++;
        if (j - i > length) {
            run = i;
            length = j - i;
        }
    }
    for (int i = 0; i < 8; i++) {
        if (i == run) {
            out[at++] = ':';
            if (i + length == 8) out[at++] = ':';
            i += length - 1;
        } else {
            if (i) out[at++] = ':';
            at += snprintf(out + at, 8, "%x", get16(p + 2 * i));
        }
    }
    return at;
}
#endif
