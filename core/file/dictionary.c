// SPDX-License-Identifier: Apache-2.0
/*
 * dictionary.c: dictionary-typed columns, made anew for each result.
 *
 * Pages have dictionaries of their own; a range over several pages needs one
 * for all.  Values are expanded and numbered by a hash table.
 */
#include "file/file_priv.h"

#include <errno.h>
#include <inttypes.h>

struct numbering {
	uint64_t *slots; /* owned: row + 1 of the first of its kind, 0 free */
	uint64_t *codes; /* owned: code of the row in a slot */
	uint64_t mask;
	uint64_t *rows; /* owned: first row of each code */
	uint64_t n;
};

static void numbering_fini(struct numbering *m)
{
	free(m->slots);
	free(m->codes);
	free(m->rows);
}

static void auto_numbering(struct numbering *m)
{
	numbering_fini(m);
}
#define AUTO_NUMBERING __attribute__((cleanup(auto_numbering)))

static const uint8_t *value_at(const struct array *a, uint64_t row, uint64_t *ret_len)
{
	if (type_is_var(a->type->id))
		return array_var(a, row, ret_len);
	*ret_len = type_row_bits(a->type) / 8;
	return a->data->data + row * *ret_len;
}

static uint64_t code_of(struct numbering *m, const struct array *a, uint64_t row)
{
	uint64_t len, other_len;
	const uint8_t *p = value_at(a, row, &len);
	uint64_t i = hash_bytes(p, (size_t)len, 0) & m->mask;
	for (; m->slots[i]; i = (i + 1) & m->mask) {
		const uint8_t *q = value_at(a, m->slots[i] - 1, &other_len);
		if (len == other_len && memcmp(p, q, (size_t)len) == 0)
			return m->codes[i];
	}
	m->slots[i] = row + 1;
	m->codes[i] = m->n;
	m->rows[m->n] = row;
	return m->n++;
}

static void put_index(uint8_t *p, unsigned width, uint64_t i, uint64_t v)
{
	memcpy(p + i * width, &v, width);
}

static struct err *number_rows(const struct array *plain, unsigned width,
			       struct numbering *m, struct array *out)
{
	unsigned bits = 8 * width - type_is_signed(out->type->index_id);
	TRY(bytes_new_zero((size_t)plain->n_rows * width, &out->data));
	for (uint64_t i = 0; i < plain->n_rows; i++) {
		if (!array_is_null(plain, i))
			put_index(out->data->data, width, i, code_of(m, plain, i));
	}
	if (width < 8 && m->n > (uint64_t)1 << bits)
		return err_new(EOVERFLOW,
			       "%" PRIu64 " values in a dictionary of %u bytes", m->n,
			       width);
	return NULL;
}

struct err *dictionary_make(struct values *v, struct type *t, struct bytes *validity,
			    struct array **ret)
{
	AUTO(array) struct array *plain = NULL;
	AUTO(array) struct array *out = NULL;
	struct numbering m AUTO_NUMBERING = {0};
	struct type index = {.id = t->index_id};
	uint64_t size = 64;
	TRY(values_take_array(v, t->children[0]->type, validity, &plain));
	if (!type_is_var(plain->type->id) && type_row_bits(plain->type) % 8)
		return err_new(EOPNOTSUPP, "dictionary of bits");
	while (size < plain->n_rows * 2)
		size *= 2;
	m.mask = size - 1;
	TRY(mem_array((size_t)size, 8, &m.slots));
	TRY(mem_array((size_t)size, 8, &m.codes));
	TRY(mem_array((size_t)plain->n_rows, 8, &m.rows));
	TRY(array_new(t, plain->n_rows, &out));
	TRY(number_rows(plain, type_bits(&index) / 8, &m, out));
	TRY(array_take(plain, m.rows, m.n, &out->children[0]));
	out->validity = bytes_ref(plain->validity);
	out->n_nulls = plain->n_nulls;
	*ret = TAKE(out);
	return NULL;
}
