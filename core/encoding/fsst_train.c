// SPDX-License-Identifier: Apache-2.0
/*
 * fsst_train.c: making a symbol table for a page's strings, and using it.
 *
 * Starting from single bytes, a sample is encoded again and again; symbols
 * that stand for many bytes, and neighbours that would if joined, make the
 * next table.  Matching takes the longest symbol at each place.
 * Source: Boncz, Neumann, Leis, "FSST: Fast Random Access String Compression".
 */
#include "encoding/encode_priv.h"

#define NO_CODE 255
#define TABLE_MAGIC 0x46535354u
#define ROUNDS 6
#define N_IDS (256 + FSST_MAX_SYMBOLS) /* a byte as it is, or 256 and a code */
#define NO_ID N_IDS
#define SAMPLE_BYTES ((size_t)64 << 10)
#define SAMPLE_VALUE_BYTES ((uint64_t)2 << 10) /* of one value */
#define MIN_COUNT 3			       /* rarer candidates are noise */
#define BYTE_WEIGHT 8			       /* spares escapes in unseen text */
#define MAX_CANDIDATES (SAMPLE_BYTES * 2 / MIN_COUNT + N_IDS)

struct candidate {
	uint64_t symbol;
	uint64_t gain; /* bytes of the sample it stands for */
	unsigned len;
};

struct trainer {
	struct fsst_encoder *e; /* borrowed */
	uint64_t in, out;	/* bytes of the sample, and of its codes */
	uint32_t single[N_IDS];
	uint32_t pair[N_IDS][N_IDS];
	size_t n;
	struct candidate candidates[MAX_CANDIDATES];
};

/* --- matching --- */

static inline uint64_t load_word(const uint8_t *p, size_t left)
{
	uint64_t word = 0;
	if (left >= 8)
		return load_u64le(p);
	for (size_t i = 0; i < left; i++)
		word |= (uint64_t)p[i] << (8 * i);
	return word;
}

/* The code of the longest symbol here, or NO_CODE; left > 0. */
static inline unsigned match(const struct fsst_encoder *e, uint64_t word, size_t left)
{
	unsigned s = e->head[word & 0xffff];
	for (; s != NO_CODE; s = e->next[s]) {
		unsigned len = e->lengths[s];
		if (len <= left && (word ^ e->symbols[s]) << (64 - 8 * len) == 0)
			return s;
	}
	return e->byte[word & 0xff];
}

size_t fsst_compress(const struct fsst_encoder *e, const uint8_t *p, size_t len,
		     uint8_t *dst)
{
	const uint8_t *start = dst;
	while (len) {
		unsigned code = match(e, load_word(p, len), len);
		size_t n = 1;
		*dst++ = (uint8_t)code;
		if (code == NO_CODE)
			*dst++ = *p;
		else
			n = e->lengths[code];
		p += n;
		len -= n;
	}
	return (size_t)(dst - start);
}

/* Index symbols by their first bytes.  They come with the shortest first. */
static void link_symbols(struct fsst_encoder *e)
{
	memset(e->byte, NO_CODE, sizeof(e->byte));
	memset(e->head, NO_CODE, sizeof(e->head));
	for (unsigned s = 0; s < e->n; s++) {
		uint8_t *slot = &e->head[e->symbols[s] & 0xffff];
		if (e->lengths[s] == 1) {
			e->byte[e->symbols[s] & 0xff] = (uint8_t)s;
			continue;
		}
		e->next[s] = *slot;
		*slot = (uint8_t)s;
	}
}

/* --- training --- */

static void count_value(struct trainer *t, const uint8_t *p, size_t len)
{
	unsigned before = NO_ID;
	t->in += len;
	while (len) {
		unsigned code = match(t->e, load_word(p, len), len);
		unsigned id = code == NO_CODE ? *p : 256 + code;
		size_t n = code == NO_CODE ? 1 : t->e->lengths[code];
		t->out += code == NO_CODE ? 2 : 1;
		t->single[id]++;
		if (before != NO_ID) {
			t->pair[before][id]++;
			if (n > 1) /* or longer by a byte only */
				t->pair[before][*p]++;
		}
		before = id;
		p += n;
		len -= n;
	}
}

/* Encode a sample: the beginnings of values from all over the page. */
static void count_sample(struct trainer *t, const struct values *v)
{
	uint64_t step = v->data.len / SAMPLE_BYTES + 1, len;
	t->in = t->out = 0;
	memset(t->single, 0, sizeof(t->single));
	memset(t->pair, 0, sizeof(t->pair));
	for (uint64_t i = 0; i < v->n && t->in < SAMPLE_BYTES; i += step) {
		const uint8_t *p = value_bytes(v, i, &len);
		len = MIN_OF(len, SAMPLE_BYTES - t->in);
		count_value(t, p, (size_t)MIN_OF(len, SAMPLE_VALUE_BYTES));
	}
}

static unsigned id_bytes(const struct trainer *t, unsigned id, uint64_t *ret_symbol)
{
	*ret_symbol = id < 256 ? id : t->e->symbols[id - 256];
	return id < 256 ? 1 : t->e->lengths[id - 256];
}

static void add_candidate(struct trainer *t, uint64_t symbol, unsigned len,
			  uint32_t count)
{
	if (count < MIN_COUNT || t->n == MAX_CANDIDATES)
		return;
	uint64_t gain = (uint64_t)count * (len == 1 ? BYTE_WEIGHT : len);
	t->candidates[t->n++] = (struct candidate){symbol, gain, len};
}

static void add_joined(struct trainer *t, unsigned a, unsigned b)
{
	uint64_t first, second;
	unsigned len = id_bytes(t, a, &first);
	if (t->pair[a][b] < MIN_COUNT || len == 8)
		return;
	unsigned n = MIN_OF(len + id_bytes(t, b, &second), 8u);
	uint64_t symbol = (first | second << (8 * len)) & (UINT64_MAX >> (64 - 8 * n));
	add_candidate(t, symbol, n, t->pair[a][b]);
}

static int by_symbol(const void *pa, const void *pb)
{
	const struct candidate *a = pa, *b = pb;
	if (a->len != b->len)
		return a->len < b->len ? -1 : 1;
	return (a->symbol > b->symbol) - (a->symbol < b->symbol);
}

static int by_gain(const void *pa, const void *pb)
{
	const struct candidate *a = pa, *b = pb;
	if (a->gain != b->gain)
		return a->gain > b->gain ? -1 : 1;
	return by_symbol(pa, pb);
}

/* The same bytes may have been joined of different parts. */
static void merge_candidates(struct trainer *t)
{
	struct candidate *c = t->candidates;
	size_t n = 0;
	qsort(c, t->n, sizeof(*c), by_symbol);
	for (size_t i = 0; i < t->n; i++) {
		if (n && by_symbol(&c[n - 1], &c[i]) == 0)
			c[n - 1].gain += c[i].gain;
		else
			c[n++] = c[i];
	}
	t->n = n;
}

static void take_best(struct trainer *t)
{
	struct candidate *c = t->candidates;
	merge_candidates(t);
	qsort(c, t->n, sizeof(*c), by_gain);
	t->e->n = (unsigned)MIN_OF(t->n, (size_t)FSST_MAX_SYMBOLS);
	qsort(c, t->e->n, sizeof(*c), by_symbol);
	for (unsigned i = 0; i < t->e->n; i++) {
		t->e->symbols[i] = c[i].symbol;
		t->e->lengths[i] = (uint8_t)c[i].len;
	}
	link_symbols(t->e);
}

/* The next table; the last round only drops what went unused. */
static void improve(struct trainer *t, bool is_last)
{
	uint64_t symbol;
	t->n = 0;
	for (unsigned a = 0; a < 256 + t->e->n; a++) {
		unsigned len = id_bytes(t, a, &symbol);
		add_candidate(t, symbol, len, t->single[a]);
		for (unsigned b = 0; !is_last && b < 256 + t->e->n; b++)
			add_joined(t, a, b);
	}
	take_best(t);
}

struct err *fsst_train(const struct values *v, struct fsst_encoder *e,
		       double *ret_ratio)
{
	AUTO_MEM struct trainer *t = NULL;
	TRY(mem_new(&t));
	t->e = e;
	e->n = 0;
	link_symbols(e);
	for (unsigned round = 0; round < ROUNDS; round++) {
		count_sample(t, v);
		improve(t, round + 1 == ROUNDS);
	}
	count_sample(t, v);
	*ret_ratio = t->in ? (double)t->out / (double)t->in : 1;
	return NULL;
}

void fsst_table(const struct fsst_encoder *e, uint8_t table[FSST_TABLE_LEN])
{
	memset(table, 0, FSST_TABLE_LEN);
	table[0] = (uint8_t)e->n;
	table[3] = 1; /* in use */
	store_u32le(table + 4, TABLE_MAGIC);
	for (unsigned i = 0; i < e->n; i++) {
		store_u64le(table + 8 + 8 * (size_t)i, e->symbols[i]);
		table[8 + 8 * (size_t)e->n + i] = e->lengths[i];
	}
}
