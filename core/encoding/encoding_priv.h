// SPDX-License-Identifier: Apache-2.0
/*
 * encoding_priv.h: compressive encodings, as pages see them.
 *
 * One encoding means different bytes in different positions: "block" is one
 * buffer (levels, dictionaries), "mini" the buffers of a mini-block's chunk,
 * "zip" one value after the other in a full-zip page.  A missing function is
 * a position in which the format does not use the encoding.
 *
 * To add one: fill in a struct encoding_ops and list it in registry.c.
 */
#ifndef LANCEFS_ENCODING_ENCODING_PRIV_H
#define LANCEFS_ENCODING_ENCODING_PRIV_H

#include "encoding/encoding.h"

typedef Lance__Enc__CompressiveEncoding
	ce; /* protobuf-c's name is longer than a line */

#define ENCODING_MAX_DEPTH 12
#define CODEC_MAX_BUFFERS 12

enum { SCHEME_LZ4 = 1, SCHEME_ZSTD = 2 };

struct fsst_table;

/* A parsed descriptor: checked, and independent of the message. */
struct codec {
	const struct encoding_ops *ops;
	uint64_t bits;	      /* a decoded value; 0: variable or struct */
	uint64_t packed_bits; /* out-of-line bit packing, variable */
	uint64_t start, step; /* range, delta, constant: of a sequence of numbers */
	bool has_value;	      /* constant */
	uint64_t n_items;     /* fixed_size_list */
	bool has_validity;    /* fixed_size_list */
	int scheme;	      /* general */
	struct fsst_table *fsst;
	bool has_payload;   /* block: there are bytes, not the descriptor alone */
	unsigned n_buffers; /* mini: buffers a chunk */
	size_t n_children;
	struct codec **children; /* owned */
	uint64_t *field_bits;	 /* packed structs: owned; 0 marks a variable field */
	uint64_t *length_bits;	 /* variable_packed_struct: owned */
};

/* A run of bytes; p == NULL: a value that is not there (null). */
struct span {
	const uint8_t *p;
	size_t len;
};

struct encoding_ops {
	const char *name;
	Lance__Enc__CompressiveEncoding__CompressionCase kind;
	/* Check the message and fill in c; children through codec_parse. */
	struct err *(*parse)(const ce *m, int depth, struct codec *c);
	/* Decode all n values of one buffer. */
	struct err *(*block)(const struct codec *c, struct cursor in, uint64_t n,
			     struct values *out);
	/* Of a chunk of n values, append values [first, end). */
	struct err *(*mini)(const struct codec *c, const struct cursor *in, uint64_t n,
			    uint64_t first, uint64_t end, struct values *out);
	/* n values of `width` stored bytes, `stride` apart; all bytes are there. */
	struct err *(*zip_fixed)(const struct codec *c, const uint8_t *p, uint64_t n,
				 size_t width, size_t stride, struct values *out);
	/* n values of variable width. */
	struct err *(*zip_var)(const struct codec *c, const struct span *spans,
			       size_t n, struct values *out);
};

extern const struct encoding_ops enc_flat, enc_variable, enc_constant, enc_out_of_line,
	enc_inline, enc_fsst, enc_rle, enc_byte_stream_split, enc_general,
	enc_fixed_size_list, enc_packed_struct, enc_variable_packed_struct,
	enc_dictionary, enc_range, enc_delta;

/* Parse a descriptor.  EOPNOTSUPP for an unknown one, EIO if it is missing or absurd.
 */
MUST_CHECK struct err *codec_parse(const ce *m, int depth, struct codec **ret);
void codec_free(struct codec *c);
DEFINE_AUTO(codec, codec_free)
MUST_CHECK struct err *codec_add_child(struct codec *c, const ce *m, int depth);

/* Every number of a sequence lies start + i * step, as the descriptor alone tells. */
bool codec_is_arithmetic(const struct codec *c);

/* The calls, with a refusal where the encoding does not do the position. */
MUST_CHECK struct err *codec_block(const struct codec *c, struct cursor in, uint64_t n,
				   struct values *out);
MUST_CHECK struct err *codec_mini(const struct codec *c, const struct cursor *in,
				  uint64_t n, uint64_t first, uint64_t end,
				  struct values *out);
MUST_CHECK struct err *codec_zip_fixed(const struct codec *c, const uint8_t *p,
				       uint64_t n, size_t width, size_t stride,
				       struct values *out);
MUST_CHECK struct err *codec_zip_var(const struct codec *c, const struct span *spans,
				     size_t n, struct values *out);

/* --- appending --- */

/* out must be of `bits` wide fixed values; EIO names the encoding. */
MUST_CHECK struct err *expect_bits(uint64_t bits, const struct values *out);
MUST_CHECK struct err *expect_var(const struct values *out);
/* n more fixed-width values of whole bytes at *ret; counted already. */
MUST_CHECK struct err *values_room(struct values *v, uint64_t n, uint8_t **ret);
/* Fixed-width values [first, first + n) of p, back to back, any width. */
MUST_CHECK struct err *values_append_fixed(struct values *v, const uint8_t *p,
					   uint64_t first, uint64_t n);
/* n values of less than a byte's multiple, from bit `first` of p on. */
MUST_CHECK struct err *values_append_bits(struct values *v, const uint8_t *p,
					  uint64_t first, uint64_t n);
/* One variable value. */
MUST_CHECK struct err *values_append_var(struct values *v, const void *p, size_t len);
/* Room for n more offsets; they are absolute in v->data.  Call values_commit after. */
MUST_CHECK struct err *values_offsets_room(struct values *v, uint64_t n, uint8_t **ret);
/* data_end: bytes of v->data after the n new values.  EOVERFLOW past 32 bits. */
MUST_CHECK struct err *values_commit_var(struct values *v, uint64_t n, size_t data_end);
/* Validity bits [first, first + n) for the last n items of list layer dim. */
MUST_CHECK struct err *values_append_items(struct values *v, unsigned dim,
					   const uint8_t *bits, uint64_t first,
					   uint64_t n);
/* Values of a dictionary at n indices of index_bytes (1, 2, 4 or 8) each. */
MUST_CHECK struct err *values_gather(struct values *v, const struct values *dict,
				     const uint8_t *indices, unsigned index_bytes,
				     uint64_t n);
/* Start of a variable value; i <= n. */
uint64_t values_offset(const struct values *v, uint64_t i);

static inline void auto_values(struct values *v)
{
	values_fini(v);
}
#define AUTO_VALUES __attribute__((cleanup(auto_values)))

/* --- kernels --- */

/* 1024 values of `bits` (8, 16, 32, 64) from width-bit packed words. */
void bitpack_unpack(unsigned bits, unsigned width, const uint8_t *in, void *out);
/* The reverse: 1024 * width / 8 bytes are written. */
void bitpack_pack(unsigned bits, unsigned width, const void *in, uint8_t *out);
/* Widest value among n, in bits. */
unsigned bitpack_width(unsigned bits, const void *in, uint64_t n);

/* Decompress one unit with its size prefix into out.  limit bounds the claim. */
MUST_CHECK struct err *general_expand(int scheme, struct cursor in, uint64_t limit,
				      struct bytes **ret);

MUST_CHECK struct err *fsst_table_parse(const uint8_t *p, size_t len,
					struct fsst_table **ret);
void fsst_table_free(struct fsst_table *t);
DEFINE_AUTO(fsst_table, fsst_table_free)
/* Append the expansion of one compressed run to data. */
MUST_CHECK struct err *fsst_expand(const struct fsst_table *t, struct span in,
				   struct grow *data);

/* Append one value, a compressed run's expansion. */
MUST_CHECK struct err *fsst_append(const struct fsst_table *t, struct span in,
				   struct values *out);

#endif
