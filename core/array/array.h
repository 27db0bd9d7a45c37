// SPDX-License-Identifier: Apache-2.0
/*
 * array.h: columns in memory, the currency between all layers.
 *
 * A type says what the values are, a field gives a type its name, and an
 * array holds n_rows values in the layout of the Arrow columnar format:
 *
 *   fixed width     data: n_rows values, little-endian; bool: LSB-first bits
 *   string, binary  offsets: n_rows + 1 of int32 (large_*: int64), data: bytes
 *   list            offsets as above, child[0]: the items
 *   fixed_size_list child[0]: n_rows * list_size items
 *   struct          one child a member, each of n_rows
 *   map             a list whose child is a struct of key and value
 *   dictionary      data: n_rows indices of type->index_id, child[0]: the values
 *   null            nothing; every row is null
 *
 * validity, if present, has a bit a row (1 = valid); absent means that no row
 * is null.  Rows start at bit and byte 0: there is no slice offset, because
 * readers decode just the rows that were asked for.  Offsets start at 0.
 * Null slots hold zeros or empty values.
 *
 * Types, fields and arrays are reference counted and immutable once shared:
 * any thread may read them.
 *
 * Source: Arrow columnar format and C data interface specifications; type
 * names in Lance's file.proto (Field.logical_type).
 */
#ifndef LANCEFS_ARRAY_ARRAY_H
#define LANCEFS_ARRAY_ARRAY_H

#include "base/base.h"

#include <stdbool.h>

enum type_id {
	TYPE_NULL,
	TYPE_BOOL,
	TYPE_INT8,
	TYPE_INT16,
	TYPE_INT32,
	TYPE_INT64,
	TYPE_UINT8,
	TYPE_UINT16,
	TYPE_UINT32,
	TYPE_UINT64,
	TYPE_FLOAT16,
	TYPE_FLOAT32,
	TYPE_FLOAT64,
	TYPE_DECIMAL128,
	TYPE_DECIMAL256,
	TYPE_DATE32,
	TYPE_DATE64,
	TYPE_TIME32,
	TYPE_TIME64,
	TYPE_TIMESTAMP,
	TYPE_DURATION,
	TYPE_FIXED_BINARY,
	TYPE_STRING,
	TYPE_LARGE_STRING,
	TYPE_BINARY,
	TYPE_LARGE_BINARY,
	TYPE_DICTIONARY,
	TYPE_LIST,
	TYPE_LARGE_LIST,
	TYPE_FIXED_LIST,
	TYPE_STRUCT,
	TYPE_MAP,
	TYPE_N
};

enum time_unit { UNIT_S, UNIT_MS, UNIT_US, UNIT_NS };

struct field;

struct type {
	atomic_int refs;
	enum type_id id;
	enum time_unit unit;   /* time, timestamp, duration */
	int32_t byte_width;    /* fixed_binary: bytes a value */
	int32_t list_size;     /* fixed_size_list: items a row */
	int32_t precision;     /* decimals */
	int32_t scale;	       /* decimals */
	enum type_id index_id; /* dictionary: an integer type */
	char *timezone;	       /* timestamp: owned; NULL without a zone */
	size_t n_children;
	struct field **children; /* owned references */
};

struct metadata_entry {
	char *key;
	char *value;
	size_t value_len; /* value is NUL-terminated as well */
};

struct field {
	atomic_int refs;
	int32_t id; /* Lance field id; -1 unknown */
	bool nullable;
	char *name;	   /* owned; may hold any byte but NUL, may be empty */
	struct type *type; /* owned reference */
	size_t n_metadata;
	struct metadata_entry *metadata; /* owned */
};

struct array {
	atomic_int refs;
	struct type *type; /* owned reference */
	uint64_t n_rows;
	uint64_t n_nulls;	/* exact */
	struct bytes *validity; /* owned reference; NULL: no nulls */
	struct bytes *offsets;	/* owned reference or NULL */
	struct bytes *data;	/* owned reference or NULL */
	size_t n_children;
	struct array **children; /* owned references */
};

/* --- types --- */

/* A type without parameters or children. */
MUST_CHECK struct err *type_new(enum type_id id, struct type **ret);
/* A type with n_children empty child slots, for the caller to fill. */
MUST_CHECK struct err *type_new_nested(enum type_id id, size_t n_children,
				       struct type **ret);
/* fixed_size_list of a nullable item of the given type (borrowed). */
MUST_CHECK struct err *type_new_fixed_list(struct type *item, int32_t list_size,
					   struct type **ret);
struct type *type_ref(struct type *t);
void type_unref(struct type *t);
DEFINE_AUTO(type, type_unref)

/* Same ids, parameters and children.  Members of a struct need the same names;
 * the names of items and keys, nullability and metadata are not compared. */
bool type_equal(const struct type *a, const struct type *b);
/* Is it a dictionary, or does it hold one? */
bool type_has_dictionary(const struct type *t);
/* Bits a value for fixed-width types without children (bool 1); 0 for others. */
uint32_t type_bits(const struct type *t);
/* Like type_bits, but also a fixed_size_list of fixed-width items, to any
 * depth: its bits a row; 0 if not fixed or over 2^32. */
uint64_t type_row_bits(const struct type *t);
bool type_is_integer(enum type_id id);
bool type_is_float(enum type_id id);
bool type_is_string(enum type_id id); /* string, large_string */
bool type_is_binary(enum type_id id); /* binary, large_binary */
bool type_is_var(enum type_id id);    /* either of those */
bool type_is_large(enum type_id id);  /* 64-bit offsets */
bool type_is_nested(
	enum type_id id); /* list, large_list, struct, map, fixed_size_list */
bool type_is_signed(enum type_id id);

/* The user's name for a type ("int64", "float32[768]", "timestamp[us, UTC]",
 * "list<string>"); parse also takes SQL's names.  parse: EINVAL. */
MUST_CHECK struct err *type_format(const struct type *t, char **ret);
MUST_CHECK struct err *type_parse(const char *text, struct type **ret);

/* --- fields --- */

/* Takes nothing; name is copied, type referenced. */
MUST_CHECK struct err *field_new(const char *name, struct type *type, bool nullable,
				 struct field **ret);
struct field *field_ref(struct field *f);
void field_unref(struct field *f);
DEFINE_AUTO(field, field_unref)
/* Value of a metadata key, NULL if absent; borrowed from the field. */
const char *field_metadata(const struct field *f, const char *key);
/* Only before the field is shared. */
MUST_CHECK struct err *field_set_metadata(struct field *f, const char *key,
					  const void *value, size_t value_len);

/* --- arrays --- */

/* An array of n_rows with empty buffers and type->n_children child slots. */
MUST_CHECK struct err *array_new(struct type *type, uint64_t n_rows,
				 struct array **ret);
/* All null: zeroed buffers of the right size. */
MUST_CHECK struct err *array_new_null(struct type *type, uint64_t n_rows,
				      struct array **ret);
struct array *array_ref(struct array *a);
void array_unref(struct array *a);
DEFINE_AUTO(array, array_unref)

static inline bool array_is_null(const struct array *a, uint64_t row)
{
	return a->type->id == TYPE_NULL ||
	       (a->validity && !bit_get(a->validity->data, row));
}

/* The bytes of a string or binary value; borrowed from the array. */
const uint8_t *array_var(const struct array *a, uint64_t row, uint64_t *ret_len);
/* Byte offset `i` (0 .. n_rows) of a list, string or binary array. */
uint64_t array_offset(const struct array *a, uint64_t i);

/* Rows [first, end) as a new array. */
MUST_CHECK struct err *array_slice(const struct array *a, uint64_t first, uint64_t end,
				   struct array **ret);
/* The array with each dictionary, at any depth, replaced by the values of its rows;
 * buffers of what holds none are shared.  EIO if an index points to no value. */
MUST_CHECK struct err *array_expand(const struct array *a, struct array **ret);
/* Member i of a struct array, null where the struct is. */
MUST_CHECK struct err *array_member(const struct array *a, size_t i,
				    struct array **ret);
/* Rows at the given indices (each < n_rows), in that order. */
MUST_CHECK struct err *array_take(const struct array *a, const uint64_t *rows,
				  uint64_t n, struct array **ret);
struct array_rows {
	const struct array *a;
	uint64_t first, end;
};
/* Row ranges of n >= 1 arrays of one type, one after the other; EOVERFLOW as below. */
MUST_CHECK struct err *array_gather(const struct array_rows *from, size_t n,
				    struct array **ret);
/* All rows of n >= 1 arrays of one type, one after the other.  EOVERFLOW if
 * 32-bit offsets do not reach. */
MUST_CHECK struct err *array_concat(struct array *const *arrays, size_t n,
				    struct array **ret);

/* Arrays of one type that are to be one. */
struct array_parts {
	struct array **items; /* owned, each a reference */
	size_t n, cap;
};
/* Room for one more: *ret is where it goes; .n counts it once it is there. */
MUST_CHECK struct err *array_parts_room(struct array_parts *p, struct array ***ret);
/* n >= 1 of them as one; as array_concat. */
MUST_CHECK struct err *array_parts_join(const struct array_parts *p,
					struct array **ret);
void array_parts_fini(struct array_parts *p); /* accepts zeroed */
#define AUTO_ARRAY_PARTS __attribute__((cleanup(array_parts_fini)))
/* Strings or bytes as those of another width or kind: bytes and nulls are shared, and
 * not looked at.  EOVERFLOW if 32-bit offsets do not reach. */
MUST_CHECK struct err *array_as_var(const struct array *a, struct type *to,
				    struct array **ret);
/* Same type, rows, nulls and values; NaNs are equal, null slots not compared. */
bool array_equal(const struct array *a, const struct array *b);
/* Bytes held by its buffers. */
uint64_t array_bytes(const struct array *a);
/* A check of all invariants above, for tests and for arrays from outside: EIO. */
MUST_CHECK struct err *array_validate(const struct array *a);

/* --- Arrow IPC --- */

/* How the buffers of a message's body are compressed. */
#define IPC_CODEC_NONE (-1)
#define IPC_CODEC_LZ4_FRAME 0
#define IPC_CODEC_ZSTD 1
/* The bytes of a buffer of a body that is compressed; EIO if it is broken, or would be
 * longer than max_len. */
MUST_CHECK struct err *ipc_decompress(struct cursor in, int64_t codec, uint64_t max_len,
				      struct bytes **ret);

/* --- the Arrow C data interface --- */

#ifndef ARROW_C_DATA_INTERFACE
#define ARROW_C_DATA_INTERFACE
#define ARROW_FLAG_DICTIONARY_ORDERED 1
#define ARROW_FLAG_NULLABLE 2
#define ARROW_FLAG_MAP_KEYS_SORTED 4

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

/* Export without copying; the result holds references until released. */
MUST_CHECK struct err *array_export(struct array *a, struct ArrowArray *ret);
MUST_CHECK struct err *field_export(const struct field *f, struct ArrowSchema *ret);

#endif
