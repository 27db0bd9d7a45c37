// SPDX-License-Identifier: Apache-2.0
/*
 * fmt_npy.c: NumPy's npy files of fixed-width columns.
 *
 * The bytes of a block of plain values are the data buffer of its array, so a
 * view holds a reference to that and copies nothing.  A file has no nulls:
 * they become NaN, NaT or 0.
 */
#include "format/npy_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const struct type *npy_leaf(const struct type *t, uint64_t *ret_items)
{
	*ret_items = 1;
	for (; t->id == TYPE_FIXED_LIST; t = t->children[0]->type)
		*ret_items *= (uint64_t)t->list_size;
	return t;
}

static bool leaf_fits(const struct type *t)
{
	return type_bits(t) && t->n_children == 0 && t->id != TYPE_DECIMAL128 &&
	       t->id != TYPE_DECIMAL256 && t->id != TYPE_FIXED_BINARY;
}

bool npy_fits(const struct type *t)
{
	uint64_t items;
	if (t->id == TYPE_FIXED_LIST && !type_row_bits(t))
		return false;
	return leaf_fits(npy_leaf(t, &items));
}

void npy_descr(const struct type *leaf, char dst[16], uint32_t *ret_bytes)
{
	static const char *const units[] = {"s", "ms", "us", "ns"};
	uint32_t bytes = MAX_OF(type_bits(leaf) / 8, 1u);
	char kind = type_is_float(leaf->id)    ? 'f'
		    : type_is_signed(leaf->id) ? 'i'
					       : 'u';
	switch (leaf->id) {
	case TYPE_BOOL:
		snprintf(dst, 16, "|b1");
		break;
	case TYPE_DATE32:
		snprintf(dst, 16, "<M8[D]");
		bytes = 8;
		break;
	case TYPE_DATE64:
		snprintf(dst, 16, "<M8[ms]");
		break;
	case TYPE_TIMESTAMP:
		snprintf(dst, 16, "<M8[%s]", units[leaf->unit]);
		break;
	case TYPE_TIME32:
	case TYPE_TIME64:
	case TYPE_DURATION:
		snprintf(dst, 16, "<m8[%s]", units[leaf->unit]);
		bytes = 8;
		break;
	default:
		snprintf(dst, 16, "%c%c%u", bytes == 1 ? '|' : '<', kind, bytes);
	}
	*ret_bytes = bytes;
}

/* --- out --- */

static struct err *npy_header(const struct field *f, uint64_t n_rows, struct buf *out)
{
	AUTO_BUF struct buf text = {0};
	char descr[16];
	uint64_t items;
	uint32_t bytes;
	npy_descr(npy_leaf(f->type, &items), descr, &bytes);
	buf_printf(&text,
		   "{'descr': '%s', 'fortran_order': False, 'shape': (%" PRIu64 ",",
		   descr, n_rows);
	const char *separator = " ";
	for (const struct type *t = f->type; t->id == TYPE_FIXED_LIST;
	     t = t->children[0]->type) {
		buf_printf(&text, "%s%d", separator, t->list_size);
		separator = ", ";
	}
	buf_str(&text, "), }");
	while ((10 + text.len + 1) % 64 != 0 && !text.failed)
		buf_byte(&text, ' ');
	buf_byte(&text, '\n');
	TRY(buf_check(&text));
	if (text.len > UINT16_MAX)
		return err_new(EINVAL, "column %s: too many dimensions for npy",
			       f->name);
	buf_append(out, "\x93NUMPY\x01\x00", 8);
	buf_u16le(out, (uint16_t)text.len);
	buf_append(out, text.data, text.len);
	return buf_check(out);
}

static bool npy_fixed_bytes(const struct field *f, uint64_t n_rows, uint64_t *ret)
{
	char descr[16];
	uint64_t items;
	uint32_t bytes;
	npy_descr(npy_leaf(f->type, &items), descr, &bytes);
	return !ckd_mul(&items, items, (uint64_t)bytes) && !ckd_mul(ret, items, n_rows);
}

/* Eight bits to eight bytes: each byte keeps its bit, and 1 is what is left of
 * a bit anywhere in it. */
static void widen_bits(const uint8_t *bits, uint64_t n, uint8_t *dst)
{
	uint64_t i = 0;
	for (; i + 8 <= n; i += 8) {
		uint64_t v = bits[i / 8] * UINT64_C(0x0101010101010101);
		v &= UINT64_C(0x8040201008040201);
		v = (v + UINT64_C(0x7f7f7f7f7f7f7f7f)) >> 7 &
		    UINT64_C(0x0101010101010101);
		store_u64le(dst + i, v);
	}
	for (; i < n; i++)
		dst[i] = bit_get(bits, i);
}

static void widen_words(const uint8_t *src, uint64_t n, uint8_t *dst)
{
	for (uint64_t i = 0; i < n; i++)
		store_u64le(dst + i * 8,
			    (uint64_t)(int64_t)(int32_t)load_u32le(src + i * 4));
}

static bool is_time(enum type_id id)
{
	return id == TYPE_DATE32 || id == TYPE_DATE64 || id == TYPE_TIME32 ||
	       id == TYPE_TIME64 || id == TYPE_TIMESTAMP || id == TYPE_DURATION;
}

/* What stands for a null: NaN, NaT or 0. */
static uint64_t null_bits(const struct type *leaf)
{
	if (is_time(leaf->id))
		return (uint64_t)INT64_MIN;
	switch (leaf->id) {
	case TYPE_FLOAT16:
		return 0x7e00;
	case TYPE_FLOAT32:
		return 0x7fc00000;
	case TYPE_FLOAT64:
		return UINT64_C(0x7ff8000000000000);
	default:
		return 0;
	}
}

static void fill_nulls(const struct array *a, uint64_t items, uint64_t null,
		       uint32_t bytes, uint8_t *dst)
{
	for (uint64_t row = 0; row < a->n_rows; row++)
		for (uint64_t i = 0; array_is_null(a, row) && i < items; i++)
			memcpy(dst + (row * items + i) * bytes, &null, bytes);
}

static struct err *copy_values(const struct array *a, const struct array *leaf,
			       uint32_t bytes, struct chunk *ret)
{
	AUTO(bytes) struct bytes *out = NULL;
	uint64_t n = leaf->n_rows;
	const uint8_t *src = leaf->data->data;
	TRY(bytes_new(n * bytes, &out));
	if (leaf->type->id == TYPE_BOOL)
		widen_bits(src, n, out->data);
	else if (type_bits(leaf->type) / 8 < bytes)
		widen_words(src, n, out->data);
	else
		memcpy(out->data, src, n * bytes);
	for (;; a = a->children[0]) {
		uint64_t items;
		npy_leaf(a->type, &items);
		if (a->n_nulls)
			fill_nulls(a, items, null_bits(leaf->type), bytes, out->data);
		if (a == leaf)
			break;
	}
	*ret = (struct chunk){.data = out->data, .len = out->len};
	ret->bytes = TAKE(out);
	return NULL;
}

static struct err *npy_render(const struct field *f, const struct array *a,
			      const struct view_rows *rows, struct chunk *ret)
{
	char descr[16];
	uint32_t bytes;
	const struct array *leaf = a;
	bool plain = !a->n_nulls;
	(void)f;
	(void)rows;
	while (leaf->type->id == TYPE_FIXED_LIST) {
		leaf = leaf->children[0];
		plain = plain && !leaf->n_nulls;
	}
	npy_descr(leaf->type, descr, &bytes);
	if (!plain || type_bits(leaf->type) != bytes * 8)
		return copy_values(a, leaf, bytes, ret);
	*ret = (struct chunk){.bytes = bytes_ref(leaf->data),
			      .data = leaf->data->data,
			      .len = leaf->n_rows * bytes};
	return NULL;
}

/* --- in --- */

#define BATCH_BYTES ((uint64_t)1 << 20)
#define PREFIX_BYTES 12 /* magic, version, the longer length */
#define HEADER_MAX ((uint64_t)1 << 20)

struct npy_state {
	struct buf head; /* bytes up to the end of the header */
	bool has_header;
	struct npy_header header;
	uint64_t n_rows; /* that the header tells; PARSE_ANY_ROWS in bin files */
	uint64_t row_bytes, batch_rows;
	struct buf data; /* of the batch that is filling */
};

static struct err *npy_open(struct parser *p)
{
	struct npy_state *s = NULL;
	TRY(mem_new(&s));
	p->state = s;
	return NULL;
}

static void npy_close(struct parser *p)
{
	struct npy_state *s = p->state;
	if (!s)
		return;
	type_unref(s->header.item);
	buf_fini(&s->head);
	buf_fini(&s->data);
	free(s);
}

/* The column's type: the item in a list for each dimension after the first. */
static struct err *shaped_type(const struct npy_header *h, struct type *item,
			       struct type **ret)
{
	AUTO(type) struct type *t = type_ref(item);
	for (int i = h->n_dims - 1; i > 0; i--) {
		AUTO(type) struct type *inner = TAKE(t);
		if (h->dims[i] == 0 || h->dims[i] > INT32_MAX)
			return err_new(EINVAL,
				       "a dimension of %" PRIu64
				       " does not fit a column",
				       h->dims[i]);
		TRY(type_new_fixed_list(inner, (int32_t)h->dims[i], &t));
	}
	*ret = TAKE(t);
	return NULL;
}

static struct err *choose_type(struct parser *p)
{
	struct npy_state *s = p->state;
	AUTO(type) struct type *own = NULL;
	TRY(shaped_type(&s->header, s->header.item, &own));
	if (!p->options.type) {
		p->type = TAKE(own);
		return NULL;
	}
	uint64_t items;
	const struct type *leaf = npy_leaf(p->options.type, &items);
	if (!npy_converts(s->header.item, leaf))
		return parser_type_error(p, own);
	const struct type *t = p->options.type;
	for (int i = 1; i < s->header.n_dims; i++) {
		if (t->id != TYPE_FIXED_LIST ||
		    (uint64_t)t->list_size != s->header.dims[i])
			return parser_type_error(p, own);
		t = t->children[0]->type;
	}
	if (t->id == TYPE_FIXED_LIST)
		return parser_type_error(p, own);
	p->type = type_ref(p->options.type);
	return NULL;
}

static struct err *start_rows(struct parser *p)
{
	struct npy_state *s = p->state;
	const struct npy_header *h = &s->header;
	if (h->n_dims == 0)
		return err_new(EINVAL, "a single value is no column; its shape must be "
				       "(rows,) or (rows, k)");
	s->row_bytes = h->item_bytes;
	for (int i = 1; i < h->n_dims; i++)
		if (ckd_mul(&s->row_bytes, s->row_bytes, h->dims[i]) ||
		    s->row_bytes > LIMIT_VALUE_BYTES)
			return err_new(EINVAL, "rows of more than %" PRIu64 " bytes",
				       LIMIT_VALUE_BYTES);
	TRY(choose_type(p));
	if (!parser_rows_fit(p, h->dims[0]))
		return parser_rows_error(p, h->dims[0]);
	s->n_rows = h->dims[0];
	if (h->fortran && s->row_bytes != h->item_bytes && h->dims[0] > 1)
		return err_new(EINVAL, "the array is in Fortran order; save "
				       "numpy.ascontiguousarray(x)");
	s->batch_rows = MAX_OF(BATCH_BYTES / s->row_bytes, (uint64_t)1);
	return NULL;
}

static const char not_npy[] = "not an npy file: it does not begin with \\x93NUMPY";

/* Bytes of the prefix and the header, as far as head tells. */
static struct err *header_end(const struct buf *head, size_t *ret)
{
	size_t known = MIN_OF(head->len, (size_t)6);
	*ret = 10;
	if (memcmp(head->data, "\x93NUMPY", known) != 0)
		return err_new(EINVAL, "%s", not_npy);
	if (head->len < 10)
		return NULL;
	if (head->data[6] < 1 || head->data[6] > 3)
		return err_new(EINVAL, "npy version %d.%d; known are 1 to 3",
			       head->data[6], head->data[7]);
	bool wide = head->data[6] > 1;
	*ret = wide ? PREFIX_BYTES : 10 + (size_t)load_u16le(head->data + 8);
	if (!wide || head->len < PREFIX_BYTES)
		return NULL;
	uint64_t len = load_u32le(head->data + 8);
	if (len > HEADER_MAX)
		return err_new(EINVAL, "an npy header of %" PRIu64 " bytes", len);
	*ret += len;
	return NULL;
}

/* Collect the header; ret_used: bytes taken. */
static struct err *push_header(struct parser *p, const uint8_t *bytes, size_t len,
			       size_t *ret_used)
{
	struct npy_state *s = p->state;
	size_t end = 10;
	*ret_used = 0;
	if (s->head.len)
		TRY(header_end(&s->head, &end));
	while (s->head.len < end) {
		size_t n = MIN_OF(len - *ret_used, end - s->head.len);
		buf_append(&s->head, bytes + *ret_used, n);
		TRY(buf_check(&s->head));
		*ret_used += n;
		size_t before = end;
		TRY(header_end(&s->head, &end));
		if (n == 0 && before == end)
			return NULL;
	}
	size_t prefix = s->head.data[6] > 1 ? PREFIX_BYTES : 10;
	TRY(npy_parse_header((const char *)s->head.data + prefix, s->head.len - prefix,
			     &s->header));
	s->has_header = true;
	return start_rows(p);
}

/* Wrap n_rows rows of items into the lists of t. */
static struct err *wrap_lists(struct type *t, uint64_t n_rows, struct array *leaf,
			      struct array **ret)
{
	if (t->id != TYPE_FIXED_LIST) {
		*ret = array_ref(leaf);
		return NULL;
	}
	AUTO(array) struct array *a = NULL;
	TRY(array_new(t, n_rows, &a));
	TRY(wrap_lists(t->children[0]->type, n_rows * (uint64_t)t->list_size, leaf,
		       &a->children[0]));
	*ret = TAKE(a);
	return NULL;
}

static struct type *leaf_type(struct type *t)
{
	while (t->id == TYPE_FIXED_LIST)
		t = t->children[0]->type;
	return t;
}

static struct err *emit_rows(struct parser *p)
{
	struct npy_state *s = p->state;
	AUTO(array) struct array *leaf = NULL;
	AUTO(array) struct array *batch = NULL;
	uint64_t n_rows = s->data.len / s->row_bytes;
	uint64_t n = s->data.len / s->header.item_bytes;
	TRY(array_new(leaf_type(p->type), n, &leaf));
	TRY(npy_convert(&s->header, s->data.data, n, leaf));
	TRY(wrap_lists(p->type, n_rows, leaf, &batch));
	s->data.len = 0;
	p->n_rows += n_rows;
	return parser_emit(p, batch);
}

static struct err *npy_push(struct parser *p, const uint8_t *bytes, size_t len)
{
	struct npy_state *s = p->state;
	if (!s->has_header) {
		size_t used;
		TRY(push_header(p, bytes, len, &used));
		bytes += used;
		len -= used;
	}
	while (len) {
		uint64_t rows = MIN_OF(s->batch_rows, s->n_rows - p->n_rows);
		if (rows == 0)
			return err_new(EINVAL, "bytes after the last row");
		size_t n = (size_t)MIN_OF((uint64_t)len,
					  rows * s->row_bytes - s->data.len);
		buf_append(&s->data, bytes, n);
		TRY(buf_check(&s->data));
		if (s->data.len == rows * s->row_bytes)
			TRY(emit_rows(p));
		bytes += n;
		len -= n;
	}
	/* rows may end here: what is wrong with them must not wait for more */
	bool any = s->n_rows == PARSE_ANY_ROWS && s->has_header;
	return any && s->data.len && s->data.len % s->row_bytes == 0 ? emit_rows(p)
								     : NULL;
}

static bool npy_is_complete(const struct parser *p)
{
	const struct npy_state *s = p->state;
	if (s->has_header && s->n_rows == PARSE_ANY_ROWS)
		return s->data.len == 0;
	return s->has_header && p->n_rows == s->n_rows;
}

static bool npy_has_row_bytes(const struct parser *p)
{
	const struct npy_state *s = p->state;
	return s->data.len != 0;
}

static struct err *cut_short(const struct parser *p, const struct npy_state *s)
{
	AUTO_MEM char *of = NULL;
	if (s->n_rows != PARSE_ANY_ROWS)
		TRY(str_printf(&of, " of %" PRIu64, s->n_rows));
	return err_new(EINVAL,
		       "the file ends in row %" PRIu64 "%s, after %zu of its %" PRIu64
		       " bytes",
		       p->n_rows + s->data.len / s->row_bytes + 1, of ? of : "",
		       (size_t)(s->data.len % s->row_bytes), s->row_bytes);
}

static struct err *npy_finish(struct parser *p)
{
	const struct npy_state *s = p->state;
	if (!s->has_header)
		return err_new(EINVAL, "the npy header does not end");
	return npy_is_complete(p) ? NULL : cut_short(p, s);
}

const struct format_ops fmt_npy = {
	.suffix = "npy",
	.mime = "application/x-npy",
	.renders = npy_fits,
	.parses = npy_fits,
	.header = npy_header,
	.fixed_bytes = npy_fixed_bytes,
	.render = npy_render,
	.open = npy_open,
	.push = npy_push,
	.finish = npy_finish,
	.is_complete = npy_is_complete,
	.has_row_bytes = npy_has_row_bytes,
	.close = npy_close,
};
