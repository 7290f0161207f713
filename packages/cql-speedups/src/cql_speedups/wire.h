/* Big-endian numbers at any address. */
#ifndef CQL_WIRE_H
#define CQL_WIRE_H
#include <stdint.h>
#include <string.h>

static inline uint32_t cql_swap32(uint32_t v) {
#if defined(_MSC_VER)
    return _byteswap_ulong(v);
#else
    return __builtin_bswap32(v);
#endif
}

static inline uint64_t cql_swap64(uint64_t v) {
#if defined(_MSC_VER)
    return _byteswap_uint64(v);
#else
    return __builtin_bswap64(v);
#endif
}

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define cql_swap32(v) (v)
#define cql_swap64(v) (v)
#endif

static inline uint16_t get16(const char *p) {
    return (uint16_t)(((uint8_t)p[0] << 8) | (uint8_t)p[1]);
}
static inline uint32_t get32(const char *p) {
    uint32_t v;
    memcpy(&v, p, 4);
    return cql_swap32(v);
}
static inline uint64_t get64(const char *p) {
    uint64_t v;
    memcpy(&v, p, 8);
    return cql_swap64(v);
}
static inline void put16(char *p, uint16_t v) {
    p[0] = (char)(v >> 8);
    p[1] = (char)v;
}
static inline void put32(char *p, uint32_t v) {
    v = cql_swap32(v);
    memcpy(p, &v, 4);
}
static inline void put64(char *p, uint64_t v) {
    v = cql_swap64(v);
    memcpy(p, &v, 8);
}
static inline void put_double(char *p, double v) {
    uint64_t bits;
    memcpy(&bits, &v, 8);
    put64(p, bits);
}
#endif
