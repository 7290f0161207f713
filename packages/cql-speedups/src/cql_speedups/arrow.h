/* The C data interface of Arrow: the structs of its specification, and pages given away by them.

   Whatever is given away holds its page, or its shape, by a count of its own: consumers may move
   children out of their parents, and release them when and in which thread they like. */
#ifndef CQL_ARROW_H
#define CQL_ARROW_H
#include <errno.h>
#include "column.h"

#ifndef ARROW_C_DATA_INTERFACE
#define ARROW_C_DATA_INTERFACE
#define ARROW_FLAG_NULLABLE 2

struct ArrowSchema {
    const char *format;
    const char *name;
    const char *metadata;
    int64_t flags;
    int64_t n_children;
    struct ArrowSchema **children;
    struct ArrowSchema *dictionary;
    void (*release)(struct ArrowSchema *);
    void *private_data;
};

struct ArrowArray {
    int64_t length;
    int64_t null_count;
    int64_t offset;
    int64_t n_buffers;
    int64_t n_children;
    const void **buffers;
    struct ArrowArray **children;
    struct ArrowArray *dictionary;
    void (*release)(struct ArrowArray *);
    void *private_data;
};
#endif

#ifndef ARROW_C_STREAM_INTERFACE
#define ARROW_C_STREAM_INTERFACE
struct ArrowArrayStream {
    int (*get_schema)(struct ArrowArrayStream *, struct ArrowSchema *out);
    int (*get_next)(struct ArrowArrayStream *, struct ArrowArray *out);
    const char *(*get_last_error)(struct ArrowArrayStream *);
    void (*release)(struct ArrowArrayStream *);
    void *private_data;
};
#endif

/* --- schemas --------------------------------------------------------------------------------- */

typedef struct {
    Shape *root;
    struct ArrowSchema *children;
    struct ArrowSchema **pointers;
} SchemaOwner;

static void schema_release(struct ArrowSchema *schema) {
    SchemaOwner *owner = (SchemaOwner *)schema->private_data;
    for (int64_t i = 0; i < schema->n_children; i++)
        if (owner->children[i].release != NULL) owner->children[i].release(&owner->children[i]);
    free(owner->children);
    free(owner->pointers);
    shape_drop(owner->root);
    free(owner);
    schema->release = NULL;
}

/* Describe `shape`, a part of `root`. */
static int schema_export(Shape *root, const Shape *shape, struct ArrowSchema *out) {
    SchemaOwner *owner = (SchemaOwner *)calloc(1, sizeof(SchemaOwner));
    int64_t n = shape->n_children;
    memset(out, 0, sizeof(*out));
    if (owner == NULL) return COLUMN_NO_MEMORY;
    cql_count(&root->references, 1);
    owner->root = root;
    owner->children = (struct ArrowSchema *)calloc(n ? n : 1, sizeof(struct ArrowSchema));
    owner->pointers = (struct ArrowSchema **)calloc(n ? n : 1, sizeof(struct ArrowSchema *));
    out->format = shape->format;
    out->name = shape->name;
    out->metadata = shape->metadata;
    out->flags = shape->nullable ? ARROW_FLAG_NULLABLE : 0;
    out->release = schema_release;
    out->private_data = owner;
    if (owner->children == NULL || owner->pointers == NULL) {
        schema_release(out);
        return COLUMN_NO_MEMORY;
    }
    out->children = owner->pointers;
    out->n_children = n;
    for (int64_t i = 0; i < n; i++) {
        owner->pointers[i] = &owner->children[i];
        if (schema_export(root, shape->children[i], &owner->children[i])) {
            schema_release(out);
            return COLUMN_NO_MEMORY;
        }
    }
    return COLUMN_OK;
}

/* --- arrays ---------------------------------------------------------------------------------- */

/* Stands for buffers of no bytes, and of one offset: consumers refuse NULL for them. */
static const int64_t no_bytes[8] = {0};

typedef struct {
    Page *page;
    const void *buffers[3];
    struct ArrowArray *children;
    struct ArrowArray **pointers;
} ArrayOwner;

static void array_release(struct ArrowArray *array) {
    ArrayOwner *owner = (ArrayOwner *)array->private_data;
    for (int64_t i = 0; i < array->n_children; i++)
        if (owner->children[i].release != NULL) owner->children[i].release(&owner->children[i]);
    free(owner->children);
    free(owner->pointers);
    page_drop(owner->page);
    free(owner);
    array->release = NULL;
}

static int64_t array_buffers(const Column *column, const void **buffers) {
    int kind = column->shape->kind;
    const void *data = column->data != NULL ? (const void *)column->data : no_bytes;
    if (kind <= KIND_NOTHING) return 0;
    buffers[0] = column->validity;
    if (kind == KIND_STRUCT || kind == KIND_PARTS || kind == KIND_VECTOR) return 1;
    if (!has_offsets(kind)) {
        buffers[1] = data;
        return 2;
    }
    buffers[1] = column->offsets != NULL ? (const void *)column->offsets : no_bytes;
    buffers[2] = data;
    return kind == KIND_LIST || kind == KIND_MAP ? 2 : 3;
}

/* Give away `column`, a part of `page`. */
static int array_export(Page *page, const Column *column, struct ArrowArray *out) {
    ArrayOwner *owner = (ArrayOwner *)calloc(1, sizeof(ArrayOwner));
    int64_t n = column->shape->n_children;
    memset(out, 0, sizeof(*out));
    if (owner == NULL) return COLUMN_NO_MEMORY;
    cql_count(&page->references, 1);
    owner->page = page;
    owner->children = (struct ArrowArray *)calloc(n ? n : 1, sizeof(struct ArrowArray));
    owner->pointers = (struct ArrowArray **)calloc(n ? n : 1, sizeof(struct ArrowArray *));
    out->length = column->length;
    out->null_count = column->nulls;
    out->n_buffers = array_buffers(column, owner->buffers);
    out->buffers = owner->buffers;
    out->release = array_release;
    out->private_data = owner;
    if (owner->children == NULL || owner->pointers == NULL) {
        array_release(out);
        return COLUMN_NO_MEMORY;
    }
    out->children = owner->pointers;
    out->n_children = n;
    for (int64_t i = 0; i < n; i++) {
        owner->pointers[i] = &owner->children[i];
        if (array_export(page, &column->children[i], &owner->children[i])) {
            array_release(out);
            return COLUMN_NO_MEMORY;
        }
    }
    return COLUMN_OK;
}

/* --- streams --------------------------------------------------------------------------------- */

typedef struct {
    Shape *shape;
    Page **pages;
    int64_t count, at;
} StreamOwner;

static int stream_schema(struct ArrowArrayStream *stream, struct ArrowSchema *out) {
    Shape *shape = ((StreamOwner *)stream->private_data)->shape;
    return schema_export(shape, shape, out) ? ENOMEM : 0;
}

static int stream_next(struct ArrowArrayStream *stream, struct ArrowArray *out) {
    StreamOwner *owner = (StreamOwner *)stream->private_data;
    Page *page;
    memset(out, 0, sizeof(*out));
    if (owner->at == owner->count) return 0; /* an array without `release` is the end */
    page = owner->pages[owner->at];
    if (array_export(page, &page->root, out)) return ENOMEM;
    owner->at++;
    return 0;
}

static const char *stream_error(struct ArrowArrayStream *stream) {
    (void)stream;
    return "out of memory";
}

static void stream_release(struct ArrowArrayStream *stream) {
    StreamOwner *owner = (StreamOwner *)stream->private_data;
    for (int64_t i = 0; i < owner->count; i++) page_drop(owner->pages[i]);
    free(owner->pages);
    shape_drop(owner->shape);
    free(owner);
    stream->release = NULL;
}

/* Begin a stream of so many pages; `stream_add` gives it each. */
static int stream_export(Shape *shape, int64_t room, struct ArrowArrayStream *out) {
    StreamOwner *owner = (StreamOwner *)calloc(1, sizeof(StreamOwner));
    memset(out, 0, sizeof(*out));
    if (owner == NULL) return COLUMN_NO_MEMORY;
    owner->pages = (Page **)calloc(room ? room : 1, sizeof(Page *));
    if (owner->pages == NULL) {
        free(owner);
        return COLUMN_NO_MEMORY;
    }
    cql_count(&shape->references, 1);
    owner->shape = shape;
    out->get_schema = stream_schema;
    out->get_next = stream_next;
    out->get_last_error = stream_error;
    out->release = stream_release;
    out->private_data = owner;
    return COLUMN_OK;
}

static void stream_add(struct ArrowArrayStream *stream, Page *page) {
    StreamOwner *owner = (StreamOwner *)stream->private_data;
    cql_count(&page->references, 1);
    owner->pages[owner->count++] = page;
}
#endif
