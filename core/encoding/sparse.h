// SPDX-License-Identifier: Apache-2.0
/*
 * sparse.h: sparse structure, which says where nulls, values and lists are.
 *
 * Each layer maps the slots of its domain to those of the next one inside; the
 * outermost domain is the rows, the innermost the slots of values.  A layer stores
 * only positions in its domain: of the nulls or of what is valid, of the lists that
 * have items.  Slots below a null have places in the domains inside as well.
 * Source: encodings_v2_3.proto, message SparseStructure.
 */
#ifndef LANCEFS_ENCODING_SPARSE_H
#define LANCEFS_ENCODING_SPARSE_H

#include "encoding/page_priv.h"

/* Numbers: start + i * step, or listed. */
struct sequence {
	uint64_t n, start, step;
	struct bytes *listed; /* owned: n of uint64; NULL: as computed */
};

/*
 * How many numbers or slots are made of a page of so many bytes at once: many more than
 * writers put in one, yet not so many that a few bytes take all memory.
 */
uint64_t sparse_limit(uint64_t bytes);
/* Bytes of all buffers. */
uint64_t sparse_source_bytes(const struct page_source *source);

/* A sequence of n from buffer *buffer of source, which counts on if there is one. */
MUST_CHECK struct err *sequence_open(const ce *m, uint64_t n,
				     const struct page_source *source, unsigned *buffer,
				     struct sequence *ret);
void sequence_fini(struct sequence *s);

enum sparse_kind { SPARSE_VALIDITY, SPARSE_LIST, SPARSE_FIXED_LIST };

struct sparse_layer {
	enum sparse_kind kind;
	unsigned layer;	     /* counted from the inside */
	unsigned n_lists;    /* list layers at it and inside */
	bool stores_nulls;   /* .positions are null, else valid */
	uint64_t n_slots;    /* of its domain */
	uint64_t n_children; /* slots of the next one */
	struct sequence positions, lists;
	struct sequence
		counts; /* items before list i, if listed n + 1; else their counts */
	uint64_t dimension; /* of a fixed-size list */
};

struct sparse_structure {
	uint64_t n_rows;
	uint64_t scale; /* rows of the page a row: items of all fixed-size lists */
	uint64_t n_leaves;
	uint64_t max_slots; /* of a range that is read at once */
	unsigned n_layers;
	struct sparse_layer layers[LIMIT_NESTING]; /* outermost first */
};

/* Check the layers against the column's and read their buffers from *buffer on. */
MUST_CHECK struct err *
sparse_structure_open(const sparse_proto *m, const struct leaf_shape *shape,
		      uint64_t n_page_rows, const struct page_source *source,
		      unsigned *buffer, struct sparse_structure *ret);
void sparse_structure_fini(struct sparse_structure *s);
uint64_t sparse_structure_bytes(const struct sparse_structure *s);

/* The leaf slots of rows [first, end). */
void sparse_leaves(const struct sparse_structure *s, uint64_t first, uint64_t end,
		   uint64_t *ret_first, uint64_t *ret_end);
/* Of slots [0, slot) of a layer's domain, how many are valid in it? */
uint64_t sparse_valid_before(const struct sparse_layer *l, uint64_t slot);
/* The first position at or past a slot, for sparse_is_null. */
uint64_t sparse_position(const struct sparse_layer *l, uint64_t slot);
/* Is a slot null in its layer?  Slots asked for ascend, *at goes with them. */
bool sparse_is_null(const struct sparse_layer *l, uint64_t slot, uint64_t *at);

/* A slot as in struct slots. */
struct sparse_slot {
	uint64_t n; /* leaf slots that it stands for; 1 if it is visible */
	uint16_t rep, stop;
	bool is_hidden; /* no value belongs to it: an empty list, or below a null */
};

struct sparse_slots {
	struct sparse_slot *slots; /* owned */
	size_t n, cap, max;
	uint64_t n_visible;
	uint64_t n_valid; /* of them that do not stop */
};
MUST_CHECK struct err *sparse_slots_read(const struct sparse_structure *s,
					 uint64_t first, uint64_t end,
					 struct sparse_slots *ret);
void sparse_slots_fini(struct sparse_slots *s);

static inline void auto_sparse_slots(struct sparse_slots *s)
{
	sparse_slots_fini(s);
}
#define AUTO_SPARSE_SLOTS __attribute__((cleanup(auto_sparse_slots)))

#endif
