// SPDX-License-Identifier: Apache-2.0
/*
 * page_priv.h: an open page, shared by page.c and the layouts.
 *
 * To add a layout: write page_<name>.c with a struct page_ops and list it in
 * page.c.
 */
#ifndef LANCEFS_ENCODING_PAGE_PRIV_H
#define LANCEFS_ENCODING_PAGE_PRIV_H

#include "encoding/encoding_priv.h"

/* RepDefLayer of encodings_v2_1.proto */
enum layer_kind {
	LAYER_ALL_VALID_ITEM = 1,
	LAYER_ALL_VALID_LIST = 2,
	LAYER_NULLABLE_ITEM = 3,
	LAYER_NULLABLE_LIST = 4,
	LAYER_EMPTYABLE_LIST = 5,
	LAYER_NULL_AND_EMPTY_LIST = 6,
};

/* What the layers of this page mean. */
struct page_levels {
	unsigned max_rep;     /* list layers */
	unsigned max_def;     /* levels in use */
	unsigned max_visible; /* slots with a level up to it own a value */
	uint16_t stop[2 * LIMIT_NESTING + 1]; /* of each definition level */
};

/* A chunk of a mini-block page; the last one is followed by a sentinel. */
struct chunk {
	uint64_t offset;   /* in buffer 1 */
	uint64_t value;	   /* of its first value */
	uint64_t row;	   /* of the first row that starts in it */
	bool has_preamble; /* begins inside the row before */
};

struct page {
	atomic_int refs;
	const struct page_ops *ops;
	const struct leaf_shape *shape;
	uint64_t n_rows;
	struct page_levels levels;
	struct codec *rep, *def, *values; /* owned; NULL: none */
	/* mini-block */
	struct chunk *chunks; /* owned: n_chunks + 1 */
	size_t n_chunks;
	bool has_large_chunk;
	struct value_type index_type;
	struct values dictionary; /* type NULL: none */
	/* full-zip */
	unsigned bits_rep, bits_def;
	unsigned control_len; /* bytes of a control word */
	unsigned length_len;  /* bytes of a length; 0: fixed width */
	size_t stride;	      /* fixed width: bytes a slot */
	unsigned index_width; /* bytes of a row index entry; 0: none */
	/* constant */
	struct values scalar; /* one value; type NULL: all null */
	uint16_t *rep_levels; /* owned; NULL: none */
	uint16_t *def_levels; /* owned; NULL: none */
	uint64_t *marks;      /* owned; with rep_levels: the first slots of some rows */
	uint64_t n_slots;
	/* sparse */
	struct sparse *sparse; /* owned; NULL: another layout */
};

struct page_ops {
	const char *name;
	int kind;
	struct err *(*open)(struct page *p, const Lance__Enc__PageLayout *m,
			    const struct page_source *source);
	struct err *(*read)(const struct page *p, const struct page_source *source,
			    uint64_t first, uint64_t end, struct slots *out);
	/* As page_nulls; NULL: never without reading the values. */
	struct err *(*nulls)(const struct page *p, const struct page_source *source,
			     uint64_t first, uint64_t end, uint8_t *is_null,
			     bool *ret_known);
};

extern const struct page_ops page_mini_block, page_full_zip, page_constant, page_sparse;

/* A page that open_layout or page_sparse fills in. */
MUST_CHECK struct err *page_new(const struct leaf_shape *shape, uint64_t n_rows,
				struct page **ret);
/* Find the layout of m, whose message says all of it, and open p in it. */
MUST_CHECK struct err *page_open_layout(struct page *p, const Lance__Enc__PageLayout *m,
					const struct page_source *source);

/* --- 2.3: planar.c, page_sparse.c --- */

typedef Lance__Enc__SparseStructure sparse_proto;

/* A layout's message, made of the planes of a 2.3 page; borrows their parts. */
struct planar_layout {
	Lance__Enc__PageLayout page;
	Lance__Enc__MiniBlockLayout mini;
	Lance__Enc__FullZipLayout zip;
	Lance__Enc__ConstantLayout constant;
};
/* Values in chunks, with levels if they are not NULL. */
void planar_chunked(const Lance__Enc__ChunkedValues *v,
		    const Lance__Enc__DenseChunkLevels *levels, uint64_t n_items,
		    struct planar_layout *ret);
void planar_zipped(const Lance__Enc__ZippedValues *v,
		   const Lance__Enc__DenseZipLevels *levels, struct planar_layout *ret);
void planar_set_layers(struct planar_layout *l, int32_t *layers, size_t n);
/* Open p, a page of sparse structure. */
MUST_CHECK struct err *sparse_open(struct page *p, const sparse_proto *structure,
				   const Lance__Enc__ValuePlane *values,
				   const struct page_source *source);
void sparse_free(struct sparse *s); /* accepts NULL */
uint64_t sparse_bytes(const struct sparse *s);

/* Interpret the layers of a descriptor; EIO if they are not the column's. */
MUST_CHECK struct err *page_set_layers(struct page *p, const int32_t *layers, size_t n);
/* len bytes at off of a buffer, bounds checked, into memory. */
MUST_CHECK struct err *source_read(const struct page_source *s, unsigned buffer,
				   uint64_t off, uint64_t len, void *dst);
MUST_CHECK struct err *source_read_bytes(const struct page_source *s, unsigned buffer,
					 uint64_t off, uint64_t len,
					 struct bytes **ret);
/* Append n slots; rep and def are raw levels of the page, either may be NULL. */
MUST_CHECK struct err *slots_append(struct slots *out, const struct page *p,
				    const uint16_t *rep, const uint16_t *def,
				    uint64_t n);
/* Decode n levels of one buffer into values of 16 bits. */
MUST_CHECK struct err *levels_decode(const struct codec *c, struct cursor in,
				     uint64_t n, struct values *out);
/* Visible ones of n definition levels. */
uint64_t levels_visible(const struct page *p, const uint16_t *def, uint64_t n);
extern const struct value_type level_type;

#endif
