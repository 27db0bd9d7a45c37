// SPDX-License-Identifier: Apache-2.0
/*
 * encode_priv.h: making pages: the page being made, and descriptors.
 */
#ifndef LANCEFS_ENCODING_ENCODE_PRIV_H
#define LANCEFS_ENCODING_ENCODE_PRIV_H

#include "encoding/page_priv.h"

#define POOL_SIZE 24
#define FSST_TABLE_LEN 2312
#define FSST_MAX_SYMBOLS 255

/* Descriptor messages of one page, linked to each other and freed as one. */
struct ce_pool {
	unsigned n;
	struct {
		ce m;
		Lance__Enc__Flat flat;
		Lance__Enc__Variable variable;
		Lance__Enc__OutOfLineBitpacking out_of_line;
		Lance__Enc__InlineBitpacking inlined;
		Lance__Enc__Rle rle;
		Lance__Enc__Fsst fsst;
		Lance__Enc__General general;
		Lance__Enc__BufferCompression compression;
		Lance__Enc__FixedSizeList list;
	} item[POOL_SIZE];
};

ce *ce_flat(struct ce_pool *p, uint64_t bits);
ce *ce_variable(struct ce_pool *p, uint64_t offset_bits);
ce *ce_out_of_line(struct ce_pool *p, uint64_t bits, uint64_t packed_bits);
ce *ce_inline(struct ce_pool *p, uint64_t bits);
ce *ce_rle(struct ce_pool *p, uint64_t bits);
/* values compressed by a scheme. */
ce *ce_general(struct ce_pool *p, int scheme, ce *values);
/* The value encoding of fixed-width values: flat inside its fixed-size lists. */
ce *ce_fixed(struct ce_pool *p, const struct values *v);

/* What is known of a page before its layout is chosen. */
struct page_plan {
	const struct slots *slots;
	const struct leaf_shape *shape;
	enum page_dialect dialect;
	uint64_t n_rows;
	int32_t layers[LIMIT_NESTING];
	unsigned max_rep, max_def;
	unsigned max_visible;
	const uint16_t *rep; /* NULL: no list layers */
	uint16_t *def;	     /* owned: page levels; NULL: none */
	bool has_value;	     /* some slot is not null */
	uint64_t max_len;    /* bytes of the longest value */
	struct ce_pool pool;
	const struct values *values; /* those of the slots, or indices */
	bool has_dictionary;
	struct value_type index_type;
	struct values indices, dictionary; /* owned */
	bool is_packed;			   /* values are compressed one by one */
	bool is_zstd;			   /* by zstd; else by the symbol table */
	struct values packed;		   /* owned */
	uint8_t table[FSST_TABLE_LEN];	   /* of symbols, if packed */
};

/* Variable values, compressed or not; the table is borrowed from p. */
ce *ce_values(struct page_plan *p);

MUST_CHECK struct err *encode_constant(struct page_plan *p, bool has_scalar,
				       uint64_t value, struct encoded_page *ret);
/* *ret_fits: false if some row has too many levels for a chunk. */
MUST_CHECK struct err *encode_mini(struct page_plan *p, struct encoded_page *ret,
				   bool *ret_fits);
/*
 * Number values by their kinds, in the order of their first; each kind's value
 * is appended to dict.  *ret_few: false if there are more than max_items kinds.
 * indices has room for all values.
 */
MUST_CHECK struct err *number_values(const struct values *v, uint64_t max_items,
				     uint32_t *indices, struct values *dict,
				     bool *ret_few);
/* Replace the values by indices if that makes them smaller than plain_bytes. */
MUST_CHECK struct err *find_dictionary(struct page_plan *p, uint64_t plain_bytes);
/* Replace variable values by compressed ones if that is worth it. */
MUST_CHECK struct err *compress_text(struct page_plan *p);
/* Append the dictionary's block; its encoding. */
ce *put_dictionary(struct page_plan *p, struct buf *out);
/* Bytes of value i; not for bits. */
const uint8_t *value_bytes(const struct values *v, uint64_t i, uint64_t *ret_len);
MUST_CHECK struct err *encode_zip(struct page_plan *p, struct encoded_page *ret);
/* Pack the layout into the descriptor. */
MUST_CHECK struct err *encode_finish(Lance__Enc__PageLayout *m,
				     struct encoded_page *ret);
/* Pad to a multiple of eight. */
void buf_pad8(struct buf *b);

/* --- strings as codes of symbols --- */

struct fsst_encoder {
	unsigned n;
	uint64_t symbols[FSST_MAX_SYMBOLS]; /* the shortest first */
	uint8_t lengths[FSST_MAX_SYMBOLS];
	uint8_t byte[256];		/* symbols of one byte */
	uint8_t head[65536];		/* longer ones by two bytes: the longest, ... */
	uint8_t next[FSST_MAX_SYMBOLS]; /* ... and then the next shorter */
};

/* Symbols for v; *ret_ratio: bytes of codes a byte, from a sample. */
MUST_CHECK struct err *fsst_train(const struct values *v, struct fsst_encoder *e,
				  double *ret_ratio);
/* One value's codes, at most 2 * len; their bytes. */
size_t fsst_compress(const struct fsst_encoder *e, const uint8_t *p, size_t len,
		     uint8_t *dst);
void fsst_table(const struct fsst_encoder *e, uint8_t table[FSST_TABLE_LEN]);

#endif
