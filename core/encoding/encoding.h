// SPDX-License-Identifier: Apache-2.0
/*
 * encoding.h: pages, from bytes to values and back.
 *
 * A page of a file from 2.1 on lays the values of one leaf column out in one of
 * a few layouts (page_*.c), each of which hands buffers to compressive
 * encodings (enc_*.c, listed in registry.c).  Nesting is told by levels or, in
 * 2.3, by the places of what is not the rule (sparse.c); either way it is handed
 * up as slots, which do not depend on the page.  A 2.0 page is a tree of array
 * encodings (v20.c).
 *
 * This layer does no I/O: whoever owns the bytes passes a page_source.  Bytes
 * and descriptors are hostile: EIO if they contradict themselves, EOPNOTSUPP
 * if they name something unknown.  Pages are immutable once open: any thread.
 *
 * To add a compressive encoding: write enc_<name>.c with a struct
 * encoding_ops, and give it a row in registry.c.
 * Source: encodings_v2_0.proto, encodings_v2_1.proto, encodings_v2_3.proto; Lance's
 * docs, "Encoding".
 */
#ifndef LANCEFS_ENCODING_ENCODING_H
#define LANCEFS_ENCODING_ENCODING_H

#include "array/array.h"
#include "proto/proto.h"

#define VALUE_MAX_DIMS 8

/* --- values: what a leaf column holds, without its nulls --- */

enum value_kind { VALUE_FIXED, VALUE_VAR, VALUE_STRUCT };

/* How values lie in memory, from the column's type. */
struct value_type {
	enum value_kind kind;
	uint64_t bits;	 /* fixed: a value with all items of its lists */
	unsigned n_dims; /* fixed-size lists, outermost first */
	uint32_t dims[VALUE_MAX_DIMS];
	unsigned offset_bytes;	     /* variable: 4 or 8 */
	size_t n_children;	     /* packed struct */
	struct value_type *children; /* owned */
};

/*
 * The value type of a leaf of type t: fixed width, variable, fixed-size list
 * of fixed width, dictionary (its values' type), or a packed struct.
 * EOPNOTSUPP for types that cannot be a leaf.  ret must be released.
 */
MUST_CHECK struct err *value_type_of(const struct type *t, struct value_type *ret);
void value_type_fini(struct value_type *t);

/* Shared bytes that grow; the first growth is exact. */
struct grow {
	struct bytes *bytes; /* owned; NULL while empty */
	size_t len, cap;
};
void grow_fini(struct grow *g);
/* Room for n more bytes at *ret, len unchanged.  EFBIG over LIMIT_BUFFER_BYTES. */
MUST_CHECK struct err *grow_room(struct grow *g, size_t n, uint8_t **ret);
/* The bytes, trimmed; empty afterwards. */
MUST_CHECK struct err *grow_take(struct grow *g, struct bytes **ret);

/* Values appended by decoders; one thread at a time. */
struct values {
	const struct value_type *type; /* borrowed */
	uint64_t n;
	struct grow data;    /* fixed: n * bits bits; variable: the bytes */
	struct grow offsets; /* variable: n + 1 of offset_bytes, once n > 0 */
	/* Validity of the items of each fixed-size list; empty: all valid. */
	struct grow items[VALUE_MAX_DIMS];
	struct values *children; /* type->n_children, owned */
};

/* type is borrowed as long as v lives. */
MUST_CHECK struct err *values_init(struct values *v, const struct value_type *type);
void values_fini(struct values *v); /* accepts zeroed */
/* Make the next n fixed-width values fit without moving; a hint for others. */
MUST_CHECK struct err *values_reserve(struct values *v, uint64_t n);
/* n zero or empty values. */
MUST_CHECK struct err *values_append_zero(struct values *v, uint64_t n);
/*
 * The values as an array of type t (whose value type is v's), nulls cleared.
 * validity is referenced; NULL: none is null.  v is empty afterwards.
 */
MUST_CHECK struct err *values_take_array(struct values *v, struct type *t,
					 struct bytes *validity, struct array **ret);

/* --- slots: values with their levels --- */

/*
 * A slot is a value, or the place where nesting stops.  rep counts list
 * layers from the inside: the outermost list that starts afresh, 0 for the
 * next item of the innermost.  stop says where the value ends: 0 nowhere,
 * SLOT_NULL(k) null at layer k, SLOT_EMPTY(k) an empty list at layer k; layers
 * are counted from the inside, the leaf is 0.
 */
#define SLOT_NULL(layer) ((uint16_t)(2 * (layer) + 1))
#define SLOT_EMPTY(layer) ((uint16_t)(2 * (layer) + 2))
#define SLOT_LAYER(stop) (((unsigned)(stop)-1) / 2)

struct slots {
	uint64_t n;
	struct grow rep;      /* n of uint16; empty without list layers */
	struct grow stop;     /* n of uint16; empty while no slot stops */
	struct values values; /* one a visible slot */
};
MUST_CHECK struct err *slots_init(struct slots *s, const struct value_type *type);
void slots_fini(struct slots *s);		  /* accepts zeroed */
void slots_clear(struct slots *s);		  /* empty, with the room that it had */
const uint16_t *slots_rep(const struct slots *s); /* NULL: none */
const uint16_t *slots_stop(const struct slots *s); /* NULL: none */

/* --- pages --- */

struct page_source {
	void *ctx;
	unsigned n_buffers;
	const uint64_t *sizes; /* bytes of each buffer */
	/* Exactly len bytes at off of a buffer; the caller has checked the bounds. */
	struct err *(*read)(void *ctx, unsigned buffer, uint64_t off, size_t len,
			    void *dst);
};

/* The layers of a leaf column, as its schema says: innermost first. */
struct leaf_shape {
	unsigned n_layers;
	bool is_list[LIMIT_NESTING];
	uint64_t list_size[LIMIT_NESTING]; /* of a list of a fixed size; else 0 */
	struct value_type type;
};

struct page;

/*
 * Open a 2.1 or 2.2 page: parses its descriptor, reads its chunk words,
 * repetition index and dictionary.
 *
 * descriptor  a packed PageLayout
 * shape       borrowed while the page lives
 * source      borrowed for the call
 */
MUST_CHECK struct err *page_open(const void *descriptor, size_t descriptor_len,
				 uint64_t n_rows, const struct leaf_shape *shape,
				 const struct page_source *source, struct page **ret);
/* Open a 2.3 page: descriptor is a packed PlanarLayout. */
MUST_CHECK struct err *page_open_planar(const void *descriptor, size_t descriptor_len,
					uint64_t n_rows, const struct leaf_shape *shape,
					const struct page_source *source,
					struct page **ret);
struct page *page_ref(struct page *p);
void page_unref(struct page *p);
DEFINE_AUTO(page, page_unref)
/* Bytes of memory held. */
uint64_t page_bytes(const struct page *p);

/*
 * Append rows [first, end) of the page to slots, which were made for the
 * shape's type.  Reads the chunks or rows of the range and no others.
 */
MUST_CHECK struct err *page_read(const struct page *p, const struct page_source *source,
				 uint64_t first, uint64_t end, struct slots *slots);

/*
 * Which of rows [first, end) are null: is_null receives a byte a row, 1 for
 * null.  Only for columns without lists.  *ret_known is false if the layout
 * cannot tell without the values; large values are never read.
 */
MUST_CHECK struct err *page_nulls(const struct page *p,
				  const struct page_source *source, uint64_t first,
				  uint64_t end, uint8_t *is_null, bool *ret_known);

/* --- making pages --- */

/* Append rows [first, end) of an array of the values' type; its nulls are as zeros.
 * A dictionary's values are expanded. */
MUST_CHECK struct err *values_append_array(struct values *v, const struct array *a,
					   uint64_t first, uint64_t end);
/* Append one slot; its value, if it is visible, is the caller's to append. */
MUST_CHECK struct err *slots_push(struct slots *s, bool has_rep, uint16_t rep,
				  uint16_t stop);

enum page_dialect { PAGE_2_1, PAGE_2_2 };

#define PAGE_MAX_BUFFERS 4

struct encoded_page {
	struct buf descriptor; /* a packed PageLayout */
	unsigned n_buffers;
	struct buf buffers[PAGE_MAX_BUFFERS];
	bool borrows; /* buffer 0 is the slots' own memory, used before they change */
};
void encoded_page_fini(struct encoded_page *p);

/*
 * A page of all slots, which are n_rows > 0 whole rows.  Chooses the layout by
 * the data: constant if all values are one or none, mini-block for values
 * under 256 bytes, else full-zip.  EOPNOTSUPP for packed structs.
 */
MUST_CHECK struct err *page_encode(const struct slots *slots,
				   const struct leaf_shape *shape, uint64_t n_rows,
				   enum page_dialect dialect, struct encoded_page *ret);

/* --- cutting pages --- */

/* Where the rows of a page lie in its first buffer, one after the other. */
struct page_cut {
	uint64_t n_rows;
	uint64_t stride;  /* bytes of each, if .starts is NULL */
	uint64_t *starts; /* owned; n_rows + 1 */
};
/*
 * Find the rows of a 2.1 or 2.2 page that is nothing but its rows' bytes, and an index.
 * *ret_can is false if it is not: a mini-block, a constant, rows of lists.  EIO if the
 * index is damaged.
 */
MUST_CHECK struct err *page_cut_open(const void *descriptor, size_t descriptor_len,
				     uint64_t n_rows, const struct page_source *source,
				     struct page_cut *ret, bool *ret_can);
void page_cut_fini(struct page_cut *c); /* accepts zeroed */
/* Append the descriptor of a page with n_rows of the rows. */
MUST_CHECK struct err *page_cut_describe(const void *descriptor, size_t descriptor_len,
					 uint64_t n_rows, struct buf *out);
/* Append its second buffer, where rows differ in length: where each of n begins, and
 * where the last ends. */
void page_put_index(const uint64_t *starts, uint64_t n, struct buf *out);

/* --- 2.0 --- */

/* The lists of a range of a 2.0 list page. */
struct v20_lists {
	uint64_t first_item; /* of the page's items */
	uint64_t *ends;	     /* owned: n, items of the page */
	bool *is_null;	     /* owned: n */
};
void v20_lists_fini(struct v20_lists *l);

/*
 * Append rows [first, end) of a 2.0 leaf page; shape has one layer.
 * descriptor  a packed ArrayEncoding
 * is_dictionary  the column's logical type is a dictionary
 */
MUST_CHECK struct err *v20_read_leaf(const void *descriptor, size_t descriptor_len,
				     const struct page_source *source,
				     bool is_dictionary, uint64_t first, uint64_t end,
				     struct slots *out);
/* Rows [first, end) of a list column's page; end > first. */
MUST_CHECK struct err *v20_read_lists(const void *descriptor, size_t descriptor_len,
				      const struct page_source *source, uint64_t first,
				      uint64_t end, struct v20_lists *ret);
/* Items of all lists of a list column's page. */
MUST_CHECK struct err *v20_list_items(const void *descriptor, size_t descriptor_len,
				      uint64_t *ret);

/*
 * A page of all slots of a leaf with one layer.
 * is_text  the column is of strings with 32-bit offsets, the only type whose
 *          dictionaries readers expect
 */
MUST_CHECK struct err *v20_encode_leaf(const struct slots *slots, bool is_text,
				       struct encoded_page *ret);
/* A page of n lists: ends of each in items of the page, nulls as the empty end. */
MUST_CHECK struct err *v20_encode_lists(const uint64_t *ends, const bool *is_null,
					uint64_t n, struct encoded_page *ret);
/* The page of a struct's header column: no buffers. */
MUST_CHECK struct err *v20_encode_struct(struct encoded_page *ret);

#endif
