/* The cells of rows, put into columns. What does not fit its type is COLUMN_ODD. */
#ifndef CQL_COLUMNS_H
#define CQL_COLUMNS_H
#include "column.h"
#include "texts.h"
#include "wire.h"

/* Appends the text of a cell whose text is too much for C; set by the module. */
typedef int (*TextMaker)(Column *column, const char *p, int32_t size);
static TextMaker column_other_text = NULL;

static int put_cell(Column *column, const char *p, int32_t size);

static inline int put_bytes(Column *column, const char *p, int64_t size) {
    if (size > column->room - column->used) {
        int status = column_room(column, size);
        if (status) return status;
    }
    if (size) memcpy(column->data + column->used, p, (size_t)size);
    column->used += size;
    column->offsets[++column->length] = (int32_t)column->used;
    return COLUMN_OK;
}

/* --- times ----------------------------------------------------------------------------------- */

/* A variable-length integer; returns what follows it, or NULL where the bytes end before. */
static inline const char *get_vint(const char *p, const char *end, uint64_t *number) {
    uint8_t first;
    int extra = 0;
    if (p >= end) return NULL;
    first = (uint8_t)*p++;
    while (extra < 8 && (first & (0x80 >> extra))) extra++;
    if (end - p < extra) return NULL;
    *number = extra < 7 ? first & (0xff >> (extra + 1)) : 0;
    for (int i = 0; i < extra; i++) *number = *number << 8 | (uint8_t)p[i];
    return p + extra;
}

static int put_duration(Column *column, const char *p, int32_t size) {
    const char *end = p + size;
    int64_t parts[3];
    int64_t at = column->length;
    int32_t months, days;
    for (int i = 0; i < 3; i++) {
        uint64_t folded;
        p = get_vint(p, end, &folded);
        if (p == NULL) return COLUMN_ODD;
        parts[i] = (int64_t)(folded >> 1) ^ -(int64_t)(folded & 1);
    }
    months = (int32_t)parts[0];
    days = (int32_t)parts[1];
    if (p != end || months != parts[0] || days != parts[1]) return COLUMN_ODD;
    if ((months < 0 || days < 0 || parts[2] < 0) && (months > 0 || days > 0 || parts[2] > 0))
        return COLUMN_ODD; /* a duration has one sign */
    if (column->shape->kind == KIND_DURATION) {
        memcpy(column->data + 16 * at, &months, 4);
        memcpy(column->data + 16 * at + 4, &days, 4);
        memcpy(column->data + 16 * at + 8, &parts[2], 8);
    } else {
        for (int i = 0; i < 3; i++) {
            int status = column_grow(&column->children[i], 1);
            if (status) return status;
        }
        ((int32_t *)column->children[0].data)[column->children[0].length++] = months;
        ((int32_t *)column->children[1].data)[column->children[1].length++] = days;
        ((int64_t *)column->children[2].data)[column->children[2].length++] = parts[2];
    }
    column->length++;
    return COLUMN_OK;
}

static int put_made_text(Column *column, const char *p, int32_t size) {
    char text[LONGEST_TEXT];
    int length;
    switch (column->shape->kind) {
        case KIND_INET:
            if (size == 16 && is_mapped(p)) return column_other_text(column, p, size);
            if (size != 4 && size != 16) return COLUMN_ODD;
            length = size == 4 ? inet4_text(p, text) : inet6_text(p, text);
            break;
        case KIND_VARINT:
            if (size > LONGEST_NUMBER) return column_other_text(column, p, size);
            length = varint_text(p, size, text);
            break;
        default:
            if (size < 5) return COLUMN_ODD;
            if (size - 4 > LONGEST_NUMBER) return column_other_text(column, p, size);
            length = decimal_text(p + 4, size - 4, (int32_t)get32(p), text);
    }
    return put_bytes(column, text, length);
}

/* --- nested ---------------------------------------------------------------------------------- */

/* Put the [bytes] at `p`; returns what follows them, or NULL with the status. */
static inline const char *put_next(Column *column, const char *p, const char *end, int *status) {
    int32_t size;
    *status = COLUMN_ODD;
    if (end - p < 4) return NULL;
    size = (int32_t)get32(p);
    p += 4;
    if (size > end - p) return NULL;
    *status = put_cell(column, p, size);
    if (*status) return NULL;
    return size > 0 ? p + size : p;
}

/* Returns what follows the [bytes] at `p`, or NULL where they end too early. */
static inline const char *skip_cell(const char *p, const char *end) {
    int32_t size;
    if (end - p < 4) return NULL;
    size = (int32_t)get32(p);
    p += 4;
    if (size > end - p) return NULL;
    return size > 0 ? p + size : p;
}

/* Put numbers of 4 or 8 bytes, each with its length before it, if all have that length. */
static int put_numbers(Column *child, const char *p, int64_t count) {
    int64_t width = child->shape->width, stride = 4 + width;
    int status = column_grow(child, count);
    if (status) return status;
    for (int64_t i = 0; i < count; i++, p += stride) {
        if ((int32_t)get32(p) != width) return COLUMN_ODD; /* as the others cannot have theirs then */
        if (width == 4)
            ((uint32_t *)child->data)[child->length + i] = get32(p + 4);
        else
            ((uint64_t *)child->data)[child->length + i] = get64(p + 4);
    }
    child->length += count;
    return COLUMN_OK;
}

static int put_list(Column *column, const char *p, int32_t size) {
    const char *end = p + size;
    Column *child = &column->children[0];
    int kind = child->shape->kind, status = COLUMN_OK;
    int64_t count;
    if (size < 4) return COLUMN_ODD;
    count = (int32_t)get32(p);
    p += 4;
    if (count < 0 || count > (end - p) / 4) return COLUMN_ODD;
    if ((kind == KIND_4 || kind == KIND_8) && count && (end - p) == count * (4 + child->shape->width) &&
        (int32_t)get32(p) == child->shape->width) {
        status = put_numbers(child, p, count);
        /* Sizes that make up for each other: nulls among numbers that are too long. */
        if (status) return status;
        p = end;
    }
    for (int64_t i = 0; p != end && i < count; i++)
        if ((p = put_next(child, p, end, &status)) == NULL) return status;
    if (p != end || (count && child->length - column->offsets[column->length] != count))
        return COLUMN_ODD;
    if (child->length > COLUMN_LARGEST) return COLUMN_TOO_LARGE;
    column->offsets[++column->length] = (int32_t)child->length;
    return COLUMN_OK;
}

static int put_map(Column *column, const char *p, int32_t size) {
    const char *end = p + size;
    Column *entries = &column->children[0];
    Column *key = &entries->children[0], *value = &entries->children[1];
    int status;
    int64_t count;
    if (size < 4) return COLUMN_ODD;
    count = (int32_t)get32(p);
    p += 4;
    if (count < 0 || count > (end - p) / 8) return COLUMN_ODD;
    for (int64_t i = 0; i < count; i++) {
        if ((p = put_next(key, p, end, &status)) == NULL) return status;
        if (key->nulls) return COLUMN_ODD; /* Arrow has no place for such a key */
        if ((p = put_next(value, p, end, &status)) == NULL) return status;
    }
    if (p != end) return COLUMN_ODD;
    if (key->length > COLUMN_LARGEST) return COLUMN_TOO_LARGE;
    entries->length = key->length;
    column->offsets[++column->length] = (int32_t)key->length;
    return COLUMN_OK;
}

static int put_struct(Column *column, const char *p, int32_t size) {
    const char *end = p + size;
    int64_t at = 0;
    int status;
    for (; at < column->shape->n_children && p != end; at++)
        if ((p = put_next(&column->children[at], p, end, &status)) == NULL) return status;
    for (; at < column->shape->n_children; at++)
        if ((status = column_nulls(&column->children[at], 1))) return status;
    while (p != end) /* fields that were added since the type was described */
        if ((p = skip_cell(p, end)) == NULL) return COLUMN_ODD;
    column->length++;
    return COLUMN_OK;
}

/* Turn the bytes of numbers, all at once. Compilers make the loop one over many of them where the
   machine has the instruction; what is built may not count on it, so it is asked for. */
static inline void swap_plain(uint32_t *to, const char *p, int64_t count) {
    for (int64_t i = 0; i < count; i++) to[i] = get32(p + 4 * i);
}

#if defined(__GNUC__) && defined(__x86_64__)
__attribute__((target("avx2"))) static void swap_wide(uint32_t *to, const char *p, int64_t count) {
    for (int64_t i = 0; i < count; i++) to[i] = get32(p + 4 * i);
}
#define HAS_WIDE() __builtin_cpu_supports("avx2")
#else
#define HAS_WIDE() 0
#define swap_wide swap_plain
#endif

static void swap_all(Column *child, const char *p, int64_t count) {
    if (child->shape->width == 4) {
        uint32_t *to = (uint32_t *)child->data + child->length;
        if (count >= 16 && HAS_WIDE())
            swap_wide(to, p, count);
        else
            swap_plain(to, p, count);
    } else {
        uint64_t *to = (uint64_t *)child->data + child->length;
        for (int64_t i = 0; i < count; i++) to[i] = get64(p + 8 * i);
    }
    child->length += count;
}

static int put_vector(Column *column, const char *p, int32_t size) {
    const Shape *shape = column->shape;
    const char *end = p + size;
    Column *child = &column->children[0];
    int kind = child->shape->kind;
    int64_t each = shape->element_size;
    int status;
    if (each >= 0 && size != each * shape->dimension) return COLUMN_ODD;
    if ((kind == KIND_4 || kind == KIND_8) && each == child->shape->width) {
        if ((status = column_grow(child, shape->dimension))) return status;
        swap_all(child, p, shape->dimension);
        column->length++;
        return COLUMN_OK;
    }
    for (int32_t i = 0; i < shape->dimension; i++) {
        if (shape->element_size < 0) {
            uint64_t length;
            p = get_vint(p, end, &length);
            if (p == NULL || length > (uint64_t)(end - p)) return COLUMN_ODD;
            each = (int64_t)length;
        }
        if ((status = put_cell(child, p, (int32_t)each))) return status;
        p += each;
    }
    if (p != end) return COLUMN_ODD;
    column->length++;
    return COLUMN_OK;
}

/* --- cells and rows -------------------------------------------------------------------------- */

static int put_fixed(Column *column, const char *p, int32_t size) {
    const Shape *shape = column->shape;
    int64_t at = column->length, time;
    if (shape->kind == KIND_BOOLEAN) {
        if (size != 1) return COLUMN_ODD;
        if (p[0]) column->data[at >> 3] |= (uint8_t)(1u << (at & 7));
    } else {
        if (size != shape->width) return COLUMN_ODD;
        switch (shape->kind) {
            case KIND_2:
                ((uint16_t *)column->data)[at] = get16(p);
                break;
            case KIND_DATE:
                ((uint32_t *)column->data)[at] = get32(p) ^ 0x80000000u; /* days from the epoch */
                break;
            case KIND_TIME:
                time = (int64_t)get64(p);
                if (time < 0 || time >= 86400000000000LL) return COLUMN_ODD;
                ((int64_t *)column->data)[at] = time;
                break;
            default: /* KIND_1 and KIND_FIXED */
                memcpy(column->data + at * size, p, (size_t)size);
        }
    }
    column->length++;
    return COLUMN_OK;
}

static int put_cell(Column *column, const char *p, int32_t size) {
    const Shape *shape = column->shape;
    int status;
    if (column->length == column->capacity && (status = column_grow(column, 1))) return status;
    if (size <= 0 && (size < 0 || !shape->takes_empty)) return column_nulls(column, 1);
    switch (shape->kind) {
        case KIND_4:
            if (size != 4) return COLUMN_ODD;
            ((uint32_t *)column->data)[column->length++] = get32(p);
            return COLUMN_OK;
        case KIND_8:
            if (size != 8) return COLUMN_ODD;
            ((uint64_t *)column->data)[column->length++] = get64(p);
            return COLUMN_OK;
        case KIND_TEXT:
            return is_utf8(p, size) ? put_bytes(column, p, size) : COLUMN_ODD;
        case KIND_BYTES:
            return put_bytes(column, p, size);
        case KIND_ASCII:
            return is_ascii_text(p, size) ? put_bytes(column, p, size) : COLUMN_ODD;
        case KIND_LIST:
            return put_list(column, p, size);
        case KIND_MAP:
            return put_map(column, p, size);
        case KIND_STRUCT:
            return put_struct(column, p, size);
        case KIND_VECTOR:
            return put_vector(column, p, size);
        case KIND_DURATION:
        case KIND_PARTS:
            return put_duration(column, p, size);
        case KIND_INET:
        case KIND_VARINT:
        case KIND_DECIMAL:
            return put_made_text(column, p, size);
        case KIND_SKIPPED:
            column->length++;
            return COLUMN_OK;
        case KIND_NOTHING:
            return COLUMN_ODD;
        default:
            return put_fixed(column, p, size);
    }
}

/* Make room for what the rows at least have, and for no more than their bytes can hold. */
static int reserve_rows(Column *root, int64_t left, int32_t count) {
    int status;
    for (int64_t at = 0; at < root->shape->n_children; at++) {
        Column *column = &root->children[at];
        if ((status = column_grow(column, count))) return status;
        if (column->shape->kind == KIND_VECTOR && column->shape->element_size > 0) {
            int64_t fits = left / column->shape->element_size;
            int64_t all = (int64_t)count * column->shape->dimension;
            status = column_grow(&column->children[0], all < fits ? all : fits);
            if (status) return status;
        }
    }
    return COLUMN_OK;
}

/* Put `count` rows that begin at `p` and reach to `end`. */
static int put_rows(Column *root, const char *p, const char *end, int32_t count) {
    int64_t width = root->shape->n_children;
    int status;
    if (count < 0 || count * width > (end - p) / 4 || (count && !width)) return COLUMN_ODD;
    if ((status = reserve_rows(root, end - p, count))) return status;
    for (int32_t row = 0; row < count; row++)
        for (int64_t at = 0; at < width; at++)
            if ((p = put_next(&root->children[at], p, end, &status)) == NULL) return status;
    root->length = count;
    return p == end ? COLUMN_OK : COLUMN_ODD;
}
#endif
