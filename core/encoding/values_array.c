// SPDX-License-Identifier: Apache-2.0
/*
 * values_array.c: from column types to value types, from values to arrays.
 *
 * Files may hold anything in the slot of a null; arrays hold zeros and empty
 * values there, so that equal rows are equal bytes.
 */
#include "encoding/encoding_priv.h"

#include <errno.h>
#include <inttypes.h>

static struct err *struct_value_type(const struct type *t, struct value_type *ret)
{
	ret->kind = VALUE_STRUCT;
	TRY(mem_array(t->n_children, sizeof(*ret->children), &ret->children));
	for (size_t i = 0; i < t->n_children; i++) {
		struct err *err =
			value_type_of(t->children[i]->type, &ret->children[i]);
		if (err) {
			value_type_fini(ret);
			return err;
		}
		ret->n_children = i + 1;
	}
	return NULL;
}

static struct err *list_value_type(const struct type *t, struct value_type *ret)
{
	uint64_t bits = 1;
	for (; t->id == TYPE_FIXED_LIST; t = t->children[0]->type) {
		if (ret->n_dims == VALUE_MAX_DIMS || t->list_size <= 0)
			return err_new(EOPNOTSUPP, "fixed-size lists nest too deeply");
		ret->dims[ret->n_dims++] = (uint32_t)t->list_size;
		if (ckd_mul(&bits, bits, (uint64_t)t->list_size) || bits > UINT32_MAX)
			return err_new(EOPNOTSUPP, "fixed-size list of 2^32 items");
	}
	/* items of the null type have no bytes; a bit each stands for them */
	uint64_t item_bits = t->id == TYPE_NULL ? 1 : type_bits(t);
	if (item_bits == 0)
		return err_new(EOPNOTSUPP,
			       "fixed-size list of items of no fixed width");
	if (ckd_mul(&ret->bits, bits, item_bits) || ret->bits / 8 > LIMIT_VALUE_BYTES)
		return err_new(EOPNOTSUPP, "fixed-size list over 2 GiB a row");
	return NULL;
}

struct err *value_type_of(const struct type *t, struct value_type *ret)
{
	*ret = (struct value_type){0};
	if (t->id == TYPE_DICTIONARY)
		return value_type_of(t->children[0]->type, ret);
	if (t->id == TYPE_NULL || (t->id == TYPE_STRUCT && t->n_children == 0))
		return NULL;
	if (t->id == TYPE_STRUCT)
		return struct_value_type(t, ret);
	if (t->id == TYPE_FIXED_LIST)
		return list_value_type(t, ret);
	if (type_is_var(t->id)) {
		ret->kind = VALUE_VAR;
		ret->offset_bytes = type_is_large(t->id) ? 8 : 4;
		return NULL;
	}
	ret->bits = type_bits(t);
	if (ret->bits == 0)
		return err_new(EOPNOTSUPP, "type %d cannot be a leaf column",
			       (int)t->id);
	return NULL;
}

void value_type_fini(struct value_type *t)
{
	for (size_t i = 0; i < t->n_children; i++)
		value_type_fini(&t->children[i]);
	free(t->children);
	t->children = NULL;
	t->n_children = 0;
}

static void clear_fixed(struct values *v, const uint8_t *validity)
{
	uint64_t bits = v->type->bits;
	uint8_t *p = v->data.bytes->data;
	for (uint64_t i = 0; i < v->n; i++) {
		if (bit_get(validity, i))
			continue;
		if (bits == 1)
			bit_clear(p, i);
		else if (bits % 8 == 0)
			memset(p + i * (bits / 8), 0, bits / 8);
		else
			for (uint64_t k = i * bits; k < (i + 1) * bits; k++)
				bit_clear(p, k);
	}
}

static bool null_has_bytes(const struct values *v, const uint8_t *validity)
{
	for (uint64_t i = 0; i < v->n; i++) {
		if (!bit_get(validity, i) &&
		    values_offset(v, i) != values_offset(v, i + 1))
			return true;
	}
	return false;
}

/* Copy without the bytes of nulls. */
static struct err *clear_var(struct values *v, const uint8_t *validity)
{
	if (!null_has_bytes(v, validity))
		return NULL;
	struct values copy AUTO_VALUES = {0};
	TRY(values_init(&copy, v->type));
	for (uint64_t i = 0; i < v->n; i++) {
		uint64_t start = values_offset(v, i);
		uint64_t len = values_offset(v, i + 1) - start;
		const uint8_t *p = v->data.bytes->data + start;
		TRY(values_append_var(&copy, p, bit_get(validity, i) ? len : 0));
	}
	struct values old = *v;
	*v = copy;
	copy = old;
	return NULL;
}

static struct err *take_offsets(struct values *v, struct array *a)
{
	if (v->n == 0)
		TRY(bytes_new_zero(v->type->offset_bytes, &a->offsets));
	else
		TRY(grow_take(&v->offsets, &a->offsets));
	return NULL;
}

/* The items of list layer dim; consumes v->data at the innermost. */
static struct err *take_items(struct values *v, struct type *t, unsigned dim,
			      uint64_t n, struct array **ret)
{
	AUTO(array) struct array *a = NULL;
	TRY(array_new(t, n, &a));
	if (t->id == TYPE_NULL) {
		*ret = TAKE(a);
		return NULL;
	}
	if (dim > 0 && v->items[dim - 1].len) {
		TRY(grow_take(&v->items[dim - 1], &a->validity));
		a->n_nulls = n - bitmap_count(a->validity->data, 0, n);
	}
	if (t->id == TYPE_FIXED_LIST)
		TRY(take_items(v, t->children[0]->type, dim + 1,
			       n * (uint64_t)t->list_size, &a->children[0]));
	else
		TRY(grow_take(&v->data, &a->data));
	if (a->validity && a->n_nulls == 0) {
		bytes_unref(a->validity);
		a->validity = NULL;
	}
	*ret = TAKE(a);
	return NULL;
}

static void set_validity(struct array *a, struct bytes *validity)
{
	if (!validity)
		return;
	a->n_nulls = a->n_rows - bitmap_count(validity->data, 0, a->n_rows);
	if (a->n_nulls)
		a->validity = bytes_ref(validity);
}

static struct err *take_struct(struct values *v, struct type *t, struct bytes *validity,
			       struct array **ret)
{
	AUTO(array) struct array *a = NULL;
	TRY(array_new(t, v->n, &a));
	for (size_t i = 0; i < t->n_children; i++)
		TRY(values_take_array(&v->children[i], t->children[i]->type, validity,
				      &a->children[i]));
	*ret = TAKE(a);
	return NULL;
}

static struct err *take_var(struct values *v, struct type *t, struct bytes *validity,
			    struct array **ret)
{
	AUTO(array) struct array *a = NULL;
	TRY(array_new(t, v->n, &a));
	if (validity)
		TRY(clear_var(v, validity->data));
	TRY(take_offsets(v, a));
	TRY(grow_take(&v->data, &a->data));
	*ret = TAKE(a);
	return NULL;
}

struct err *values_take_array(struct values *v, struct type *t, struct bytes *validity,
			      struct array **ret)
{
	AUTO(array) struct array *a = NULL;
	if (t->id == TYPE_NULL)
		return array_new_null(t, v->n, ret);
	if (v->type->kind == VALUE_STRUCT)
		TRY(take_struct(v, t, validity, &a));
	else if (v->type->kind == VALUE_VAR)
		TRY(take_var(v, t, validity, &a));
	else if (t->id == TYPE_STRUCT)
		TRY(array_new(t, v->n, &a));
	else {
		if (validity && v->n)
			clear_fixed(v, validity->data);
		TRY(take_items(v, t, 0, v->n, &a));
	}
	set_validity(a, validity);
	*ret = TAKE(a);
	return NULL;
}
