/* The block format of LZ4 (github.com/lz4/lz4, doc/lz4_Block_format.md). */
#ifndef CQL_BLOCKS_H
#define CQL_BLOCKS_H
#include <stdint.h>
#include <string.h>

enum {
    LEAST_MATCH = 4,
    LAST_LITERALS = 5,  /* a block ends with so many literals at least */
    MATCH_LIMIT = 12,   /* and its last match begins so many bytes before its end at least */
    LEAST_BEHIND = 8,   /* what a block has behind the literals before a match, at least */
    MOST_SLOTS_LOG = 12,
    FARTHEST = 65535,
};

static inline uint32_t load32(const uint8_t *p) {
    uint32_t v;
    memcpy(&v, p, 4);
    return v;
}

/* Bytes that a block of `size` bytes takes at most. */
static inline Py_ssize_t block_bound(Py_ssize_t size) { return size + size / 255 + 16; }

static inline uint8_t *put_rest(uint8_t *op, size_t rest) {
    for (; rest >= 255; rest -= 255) *op++ = 255;
    *op++ = (uint8_t)rest;
    return op;
}

/* Write a sequence: literals, and a match behind them unless `match` is 0. NULL: no room. */
static inline uint8_t *put_sequence(uint8_t *op, const uint8_t *room_end, const uint8_t *literals,
                             size_t count, size_t distance, size_t match) {
    uint8_t *token = op;
    size_t rest = match ? match - LEAST_MATCH : 0;
    if ((size_t)(room_end - op) < count + count / 255 + rest / 255 + 5) {
        /* The bound above is for the longest form of both; see whether it fits exactly. */
        size_t need = 1 + count + (count >= 15 ? 1 + (count - 15) / 255 : 0);
        if (match) need += 2 + (rest >= 15 ? 1 + (rest - 15) / 255 : 0);
        if ((size_t)(room_end - op) < need) return NULL;
    }
    op++;
    if (count >= 15) op = put_rest(op, count - 15);
    memcpy(op, literals, count);
    op += count;
    *token = (uint8_t)((count < 15 ? count : 15) << 4);
    if (!match) return op;
    *op++ = (uint8_t)distance;
    *op++ = (uint8_t)(distance >> 8);
    *token |= (uint8_t)(rest < 15 ? rest : 15);
    return rest >= 15 ? put_rest(op, rest - 15) : op;
}

static inline size_t count_equal(const uint8_t *p, const uint8_t *q, const uint8_t *end) {
    const uint8_t *start = p;
    uint64_t a, b;
    for (; end - p >= 8; p += 8, q += 8) {
        memcpy(&a, p, 8);
        memcpy(&b, q, 8);
        if (a != b) break;
    }
    while (p < end && *p == *q) p++, q++;
    return (size_t)(p - start);
}

static inline uint32_t slot_of(const uint8_t *p, int log) {
    return (load32(p) * 2654435761U) >> (32 - log);
}

/* Compress into at most `room` bytes; return how many they are, 0 when they are too few. */
static inline Py_ssize_t pack_block(const char *source, Py_ssize_t size, char *target,
                                    Py_ssize_t room) {
    const uint8_t *src = (const uint8_t *)source, *end = src + size;
    const uint8_t *anchor = src, *ip = src, *ref;
    uint8_t *op = (uint8_t *)target, *room_end = op + room;
    uint32_t slots[1 << MOST_SLOTS_LOG];
    int log = 6;
    if (size > MATCH_LIMIT) {
        const uint8_t *last_start = end - MATCH_LIMIT;
        while (log < MOST_SLOTS_LOG && (Py_ssize_t)2 << log < size) log++;
        memset(slots, 0, sizeof(uint32_t) << log);
        for (ip++; ip <= last_start;) {
            size_t match;
            unsigned tries = 1 << 6;
            for (;;) {
                uint32_t slot = slot_of(ip, log);
                ref = src + slots[slot];
                slots[slot] = (uint32_t)(ip - src);
                if (ip - ref <= FARTHEST && load32(ref) == load32(ip)) break;
                ip += tries++ >> 6;
                if (ip > last_start) goto rest;
            }
            while (ip > anchor && ref > src && ip[-1] == ref[-1]) ip--, ref--;
            match = LEAST_MATCH + count_equal(ip + LEAST_MATCH, ref + LEAST_MATCH,
                                              end - LAST_LITERALS);
            op = put_sequence(op, room_end, anchor, (size_t)(ip - anchor), (size_t)(ip - ref),
                              match);
            if (op == NULL) return 0;
            ip += match;
            anchor = ip;
            if (ip <= last_start) slots[slot_of(ip - 2, log)] = (uint32_t)(ip - 2 - src);
        }
    }
rest:
    op = put_sequence(op, room_end, anchor, (size_t)(end - anchor), 0, 0);
    return op == NULL ? 0 : (char *)op - target;
}

/* Read what a length of 15 goes on with; return 0 at the end of the block. */
static inline int take_rest(const uint8_t **ip, const uint8_t *end, size_t *length) {
    uint8_t more;
    do {
        if (*ip == end) return 0;
        more = *(*ip)++;
        *length += more;
    } while (more == 255);
    return 1;
}

/* Decompress a block of exactly `plain` bytes; return 0 for anything that is not one. */
static inline int unpack_block(const char *source, Py_ssize_t size, char *target,
                               Py_ssize_t plain) {
    const uint8_t *ip = (const uint8_t *)source, *end = ip + size;
    uint8_t *op = (uint8_t *)target, *op_end = op + plain;
    if (size < 0 || plain < 0) return 0;
    if (plain == 0) return size == 1 && *ip == 0;
    while (ip < end) {
        unsigned token = *ip++;
        size_t count = token >> 4, match = token & 15, distance;
        const uint8_t *ref;
        if (count == 15 && !take_rest(&ip, end, &count)) return 0;
        if (count > (size_t)(end - ip) || count > (size_t)(op_end - op)) return 0;
        memcpy(op, ip, count);
        op += count;
        ip += count;
        if (ip == end) return op == op_end;
        if (end - ip < LEAST_BEHIND || op_end - op < MATCH_LIMIT) return 0;
        distance = (size_t)ip[0] | (size_t)ip[1] << 8;
        ip += 2;
        if (distance == 0 || distance > (size_t)(op - (uint8_t *)target)) return 0;
        if (match == 15 && !take_rest(&ip, end, &match)) return 0;
        match += LEAST_MATCH;
        if (match > (size_t)(op_end - op - LAST_LITERALS)) return 0;
        ref = op - distance;
        while (match) { /* what was written is the source of more */
            size_t piece = (size_t)(op - ref) < match ? (size_t)(op - ref) : match;
            memcpy(op, ref, piece);
            op += piece;
            match -= piece;
        }
    }
    return 0;
}
#endif
