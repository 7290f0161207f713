/* Columns in the layout of Arrow, which grow slot by slot; pages of them, counted by who holds them. */
#ifndef CQL_COLUMN_H
#define CQL_COLUMN_H
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#if defined(_MSC_VER)
#include <intrin.h>
#endif

/* What functions return that add to columns. After any but COLUMN_OK the page is thrown away. */
enum { COLUMN_OK = 0, COLUMN_ODD = -1, COLUMN_NO_MEMORY = -2, COLUMN_TOO_LARGE = -3 };

#define COLUMN_LARGEST 0x7fffffffLL /* bytes of a buffer: offsets have 32 bits */

enum {
    KIND_SKIPPED,  /* not wanted: only counted */
    KIND_NOTHING,  /* the type that has no values */
    KIND_FIXED,    /* `width` bytes as they are on the wire */
    KIND_1,
    KIND_2,
    KIND_4,
    KIND_8,
    KIND_BOOLEAN,
    KIND_DATE,
    KIND_TIME,
    KIND_DURATION, /* months, days and nanoseconds in 16 bytes */
    KIND_PARTS,    /* the same as a struct */
    KIND_BYTES,
    KIND_ASCII,
    KIND_TEXT,
    KIND_INET,     /* from here on text that is made of the cell */
    KIND_VARINT,
    KIND_DECIMAL,
    KIND_LIST,     /* from here on nested */
    KIND_MAP,      /* its only child is a struct of key and value */
    KIND_STRUCT,
    KIND_VECTOR
};

/* What a column is, whatever page it is of. Counted at the root; never changed once it is used. */
typedef struct Shape {
    int kind;
    int32_t width;        /* bytes of a slot in `data`; 0 where slots are bits, of any size, or none */
    int32_t dimension;    /* elements of a vector */
    int32_t element_size; /* bytes of each of them, or -1 where their length stands before them */
    int takes_empty;      /* whether zero bytes are a value, not null */
    int nullable;
    int64_t n_children;
    struct Shape **children;
    char *format, *name, *metadata;
    volatile long references;
} Shape;

typedef struct Column {
    const Shape *shape;
    struct Column *children;
    int64_t length, capacity, nulls;
    uint8_t *validity; /* made when the first null comes */
    uint8_t *data;
    int32_t *offsets;
    int64_t used, room; /* bytes of `data` where slots have any size */
} Column;

typedef struct Page {
    Shape *shape;
    Column root; /* a struct of the columns */
    volatile long references;
} Page;

static inline long cql_count(volatile long *references, long by) {
#if defined(_MSC_VER)
    return _InterlockedExchangeAdd(references, by) + by;
#else
    return __atomic_add_fetch(references, by, __ATOMIC_ACQ_REL);
#endif
}

/* --- blocks ---------------------------------------------------------------------------------- */

/* Large blocks that are free again are kept for the next page: to have one from the system, page by
   page, takes several times as long as to fill it. A few are kept, of bounded size; each place is
   taken and filled by one atomic step, as blocks are freed in any thread. */
#define BLOCK_HEAD 64 /* before the bytes: how many there are; 64 keeps them aligned as Arrow likes */
#define BLOCK_KEPT_LEAST 0x40000
#define BLOCK_KEPT_MOST 0x400000
#define BLOCKS_KEPT 3

static void *volatile blocks_kept[BLOCKS_KEPT];

static inline void *block_swap(void *volatile *place, void *block) {
#if defined(_MSC_VER)
    return _InterlockedExchangePointer(place, block);
#else
    return __atomic_exchange_n(place, block, __ATOMIC_ACQ_REL);
#endif
}

static inline int64_t *block_head(void *data) { return (int64_t *)((char *)data - BLOCK_HEAD); }

static inline void block_free(void *data) {
    if (data == NULL) return;
    if (*block_head(data) >= BLOCK_KEPT_LEAST && *block_head(data) <= BLOCK_KEPT_MOST)
        for (int i = 0; i < BLOCKS_KEPT && data != NULL; i++)
            if (blocks_kept[i] == NULL) data = block_swap(&blocks_kept[i], data);
    if (data != NULL) free(block_head(data)); /* perhaps another one, for which there is no place */
}

static inline void *block_new(int64_t size) {
    int64_t *head;
    if (size >= BLOCK_KEPT_LEAST && size <= BLOCK_KEPT_MOST)
        for (int i = 0; i < BLOCKS_KEPT; i++) {
            void *data = blocks_kept[i] == NULL ? NULL : block_swap(&blocks_kept[i], NULL);
            if (data != NULL && *block_head(data) >= size && *block_head(data) / 2 <= size)
                return data;
            if (data != NULL) data = block_swap(&blocks_kept[i], data);
            if (data != NULL) free(block_head(data));
        }
    head = (int64_t *)malloc((size_t)(BLOCK_HEAD + size));
    if (head == NULL) return NULL;
    *head = size;
    return (char *)head + BLOCK_HEAD;
}

/* Have the block be of this size at least; NULL, and nothing changed, where there is no memory. */
static inline void *block_resize(void *data, int64_t size) {
    int64_t held = data == NULL ? 0 : *block_head(data);
    void *larger;
    if (data != NULL && held >= size) return data;
    if (data != NULL && size < BLOCK_KEPT_LEAST) {
        int64_t *head = (int64_t *)realloc(block_head(data), (size_t)(BLOCK_HEAD + size));
        if (head == NULL) return NULL;
        *head = size;
        return (char *)head + BLOCK_HEAD;
    }
    larger = block_new(size);
    if (larger == NULL || data == NULL) return larger;
    memcpy(larger, data, (size_t)held);
    block_free(data);
    return larger;
}

/* --- shapes ---------------------------------------------------------------------------------- */

static inline void shape_free(Shape *shape) {
    if (shape == NULL) return;
    for (int64_t i = 0; i < shape->n_children; i++) shape_free(shape->children[i]);
    free(shape->children);
    free(shape->format);
    free(shape->name);
    free(shape->metadata);
    free(shape);
}

static inline Shape *shape_new(int kind, int64_t n_children) {
    Shape *shape = (Shape *)calloc(1, sizeof(Shape));
    if (shape == NULL) return NULL;
    shape->kind = kind;
    shape->references = 1;
    shape->nullable = 1;
    shape->children = (Shape **)calloc(n_children ? n_children : 1, sizeof(Shape *));
    if (shape->children == NULL) {
        free(shape);
        return NULL;
    }
    shape->n_children = n_children;
    return shape;
}

static inline void shape_drop(Shape *shape) {
    if (shape != NULL && cql_count(&shape->references, -1) == 0) shape_free(shape);
}

/* --- pages ----------------------------------------------------------------------------------- */

static inline void column_free(Column *column) {
    if (column->children != NULL)
        for (int64_t i = 0; i < column->shape->n_children; i++) column_free(&column->children[i]);
    free(column->children);
    free(column->validity);
    block_free(column->data);
    free(column->offsets);
}

static inline int column_init(Column *column, const Shape *shape) {
    column->shape = shape;
    if (shape->n_children == 0) return COLUMN_OK;
    column->children = (Column *)calloc(shape->n_children, sizeof(Column));
    if (column->children == NULL) return COLUMN_NO_MEMORY;
    for (int64_t i = 0; i < shape->n_children; i++) column->children[i].shape = shape->children[i];
    for (int64_t i = 0; i < shape->n_children; i++)
        if (column_init(&column->children[i], shape->children[i])) return COLUMN_NO_MEMORY;
    return COLUMN_OK;
}

static inline void page_drop(Page *page) {
    if (page != NULL && cql_count(&page->references, -1) == 0) {
        column_free(&page->root);
        shape_drop(page->shape);
        free(page);
    }
}

static inline Page *page_new(Shape *shape) {
    Page *page = (Page *)calloc(1, sizeof(Page));
    if (page == NULL) return NULL;
    page->references = 1;
    page->shape = shape;
    cql_count(&shape->references, 1);
    if (column_init(&page->root, shape)) {
        page_drop(page);
        return NULL;
    }
    return page;
}

/* --- growing --------------------------------------------------------------------------------- */

static inline int has_offsets(int kind) {
    return (kind >= KIND_BYTES && kind <= KIND_DECIMAL) || kind == KIND_LIST || kind == KIND_MAP;
}

static inline int column_resize(void **buffer, int64_t size) {
    void *found = realloc(*buffer, (size_t)(size ? size : 1));
    if (found == NULL) return COLUMN_NO_MEMORY;
    *buffer = found;
    return COLUMN_OK;
}

static inline int column_resize_data(Column *column, int64_t size) {
    void *found = block_resize(column->data, size ? size : 1);
    if (found == NULL) return COLUMN_NO_MEMORY;
    column->data = (uint8_t *)found;
    return COLUMN_OK;
}

/* Bits in whole bytes, all set from the old size on. */
static inline int column_resize_bits(uint8_t **bits, int64_t old, int64_t size) {
    old = (old + 7) / 8;
    size = (size + 7) / 8;
    if (column_resize((void **)bits, size)) return COLUMN_NO_MEMORY;
    memset(*bits + old, 0xff, (size_t)(size - old));
    return COLUMN_OK;
}

/* Make room for so many slots behind those that are there. */
static int column_grow(Column *column, int64_t more) {
    const Shape *shape = column->shape;
    int64_t wanted = column->length + more, capacity = column->capacity * 2;
    int64_t slot = has_offsets(shape->kind) ? 4 : shape->width;
    int64_t most = COLUMN_LARGEST / (slot > 1 ? slot : 1);
    int first = column->offsets == NULL;
    if (wanted <= column->capacity) return COLUMN_OK;
    if (wanted > most) return COLUMN_TOO_LARGE;
    if (capacity < 16) capacity = 16;
    if (capacity < wanted) capacity = wanted;
    if (capacity > most) capacity = most;
    if (shape->width && column_resize_data(column, capacity * shape->width))
        return COLUMN_NO_MEMORY;
    if (shape->kind == KIND_BOOLEAN) {
        int64_t old = (column->capacity + 7) / 8, size = (capacity + 7) / 8;
        if (column_resize_data(column, size)) return COLUMN_NO_MEMORY;
        memset(column->data + old, 0, (size_t)(size - old));
    }
    if (has_offsets(shape->kind)) {
        if (column_resize((void **)&column->offsets, (capacity + 1) * 4)) return COLUMN_NO_MEMORY;
        if (first) column->offsets[0] = 0;
    }
    if (column->validity != NULL &&
        column_resize_bits(&column->validity, column->capacity, capacity))
        return COLUMN_NO_MEMORY;
    column->capacity = capacity;
    return COLUMN_OK;
}

/* Make room for so many bytes in `data`. */
static int column_room(Column *column, int64_t more) {
    int64_t wanted = column->used + more, room = column->room * 2;
    if (wanted <= column->room) return COLUMN_OK;
    if (wanted > COLUMN_LARGEST) return COLUMN_TOO_LARGE;
    if (room < wanted) room = wanted + 64;
    if (room > COLUMN_LARGEST) room = COLUMN_LARGEST;
    if (column_resize_data(column, room)) return COLUMN_NO_MEMORY;
    column->room = room;
    return COLUMN_OK;
}

/* --- slots without a value ------------------------------------------------------------------- */

static int column_nulls(Column *column, int64_t count);

/* Add slots that nobody looks at, as those above them are null. */
static int column_blank(Column *column, int64_t count) {
    const Shape *shape = column->shape;
    int64_t length = column->length;
    int status = column_grow(column, count);
    if (status) return status;
    if (shape->width) memset(column->data + length * shape->width, 0, (size_t)(count * shape->width));
    if (has_offsets(shape->kind))
        for (int64_t i = 0; i < count; i++) column->offsets[length + 1 + i] = column->offsets[length];
    if (shape->kind == KIND_VECTOR) {
        status = column_blank(&column->children[0], count * shape->dimension);
        if (status) return status;
    } else if (shape->kind == KIND_STRUCT || shape->kind == KIND_PARTS) {
        for (int64_t i = 0; i < shape->n_children; i++)
            if ((status = column_nulls(&column->children[i], count))) return status;
    }
    column->length += count;
    return COLUMN_OK;
}

static int column_nulls(Column *column, int64_t count) {
    int64_t length = column->length;
    int status = column_grow(column, count);
    if (status) return status;
    if (column->shape->kind > KIND_NOTHING && count) {
        if (column->validity == NULL &&
            column_resize_bits(&column->validity, 0, column->capacity))
            return COLUMN_NO_MEMORY;
        for (int64_t i = length; i < length + count; i++)
            column->validity[i >> 3] &= (uint8_t)~(1u << (i & 7));
    }
    column->nulls += count;
    return column_blank(column, count);
}
#endif
