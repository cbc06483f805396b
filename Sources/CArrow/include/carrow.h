// The Arrow C data and stream interfaces (https://arrow.apache.org/docs/format/CDataInterface.html),
// and the C ABI of the bridge library, which is loaded at run time.
#pragma once
#include <stdint.h>

// The guards are Arrow's own, so that the bridge may include both its headers and this one.
#ifndef ARROW_C_DATA_INTERFACE
#define ARROW_C_DATA_INTERFACE
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

// ---------------------------------------------------------------------------------------------
// The bridge (`Bridge/arrow_bridge.cpp`): readers and writers of Apache Arrow behind a C ABI.
// `dlopen` the library, `dlsym` HINDSIGHT_ARROW_SYMBOL, call it, check `abi`.
// Every function returns 0, or nonzero with `*error` set to a string for `free_error`.

#define HINDSIGHT_ARROW_ABI 1
#define HINDSIGHT_ARROW_SYMBOL "hindsight_arrow_v1"

enum hindsight_arrow_format {
    HINDSIGHT_ARROW_PARQUET = 1,
    HINDSIGHT_ARROW_IPC = 2,
    HINDSIGHT_ARROW_CSV = 3,
};

// A CSV row whose number of fields is not the header's. `number` counts data rows from 1, or is -1.
// Nonzero: skip the row and go on. 0: the read fails.
typedef int32_t (*hindsight_arrow_invalid_row)(
    void *context, int64_t number, int32_t expected, int32_t actual, const char *text, int64_t size);

struct hindsight_arrow_read {
    int32_t format;
    // CSV: one character between fields.
    char delimiter;
    // CSV: no line may be longer than this.
    int64_t block_bytes;
    // Rows a batch (Parquet).
    int64_t batch_rows;
    int32_t use_threads;
    // Columns to read. CSV columns come as text. NULL: all.
    const char *const *columns;
    int64_t n_columns;
    // Row groups (Parquet) that end at or before this row are not read.
    int64_t first_row;
    hindsight_arrow_invalid_row on_invalid_row;
    void *context;
};

struct hindsight_arrow {
    int32_t abi;
    const char *arrow_version;
    // The file's columns, and its rows where the file says (else -1).
    int32_t (*describe)(
        const char *path, const struct hindsight_arrow_read *options, struct ArrowSchema *schema, int64_t *rows,
        char **error);
    // Streams the wanted columns; `*first_row` is the number of the first row that comes.
    int32_t (*open)(
        const char *path, const struct hindsight_arrow_read *options, struct ArrowArrayStream *stream,
        int64_t *first_row, char **error);
    // A new Parquet or IPC file. Takes over `schema`.
    int32_t (*create)(
        const char *path, int32_t format, struct ArrowSchema *schema, void **writer, char **error);
    // Writes one batch (a struct array) as one row group. Takes over `batch`; done with it on return.
    int32_t (*write)(void *writer, struct ArrowArray *batch, char **error);
    // Finishes the file and frees the writer, also after an error.
    int32_t (*close)(void *writer, char **error);
    void (*free_error)(char *error);
};

typedef const struct hindsight_arrow *(*hindsight_arrow_entry)(void);
