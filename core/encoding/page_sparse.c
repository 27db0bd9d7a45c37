// SPDX-License-Identifier: Apache-2.0
/*
 * page_sparse.c: pages of sparse structure.
 *
 * Values lie in a page inside, of one of the dense layouts without levels: chunks hold
 * a value for every leaf slot; in the full-zip layout there are only those that are
 * not null, and a row's first one is found from where the structure says that they
 * are.  Indexed values are such a page of distinct ones and an index a leaf slot.
 * Source: encodings_v2_3.proto, messages PlanarLayout and IndexedValues.
 */
#include "encoding/sparse.h"

#include <errno.h>
#include <inttypes.h>

#define MARK_ROWS ((uint64_t)1024)
#define STEP_ROWS ((uint64_t)65536)    /* read at once */
#define STEP_SLOTS ((uint64_t)1 << 18) /* of values, about */
#define MAX_VALUES ((uint64_t)1 << 27) /* of a range, numbered */

enum value_plane {
	PLANE_NONE,
	PLANE_CONSTANT,
	PLANE_CHUNKED,
	PLANE_ZIPPED,
	PLANE_INDEXED
};

struct sparse {
	struct sparse_structure structure;
	enum value_plane plane;
	struct leaf_shape shape; /* of .inner; its type is borrowed */
	struct page *inner;	 /* owned; NULL: none */
	unsigned first_buffer;	 /* of .inner */
	struct bytes *indices;	 /* owned; indexed: a uint32 a leaf slot */
	uint64_t *marks; /* owned; zipped, of several layers: values before some rows */
};

static const struct value_type index_type = {.kind = VALUE_FIXED, .bits = 32};

void sparse_free(struct sparse *s)
{
	if (!s)
		return;
	sparse_structure_fini(&s->structure);
	page_unref(s->inner);
	bytes_unref(s->indices);
	free(s->marks);
	free(s);
}

uint64_t sparse_bytes(const struct sparse *s)
{
	return sizeof(*s) + sparse_structure_bytes(&s->structure) +
	       (s->inner ? page_bytes(s->inner) : 0) +
	       (s->indices ? s->indices->len : 0) +
	       (s->marks ? s->structure.n_rows / MARK_ROWS * 8 : 0);
}

/* --- the page inside --- */

/* The buffers of a page from one on. */
struct rest {
	const struct page_source *source;
	unsigned first;
};

static struct err *read_rest(void *ctx, unsigned buffer, uint64_t off, size_t len,
			     void *dst)
{
	const struct rest *rest = ctx;
	return rest->source->read(rest->source->ctx, rest->first + buffer, off, len,
				  dst);
}

static struct page_source source_of(struct rest *rest)
{
	const struct page_source *s = rest->source;
	return (struct page_source){rest, s->n_buffers - rest->first,
				    s->sizes + rest->first, read_rest};
}

static struct err *open_inner(struct sparse *s, const struct value_type *type,
			      struct planar_layout *layout, uint64_t n,
			      const struct page_source *source)
{
	static int32_t layers[] = {LAYER_ALL_VALID_ITEM};
	struct rest rest = {source, s->first_buffer};
	struct page_source inside = source_of(&rest);
	planar_set_layers(layout, layers, 1);
	s->shape = (struct leaf_shape){.n_layers = 1, .type = *type};
	TRY(page_new(&s->shape, n, &s->inner));
	return page_open_layout(s->inner, &layout->page, &inside);
}

/* Append values [first, end) of the page inside. */
static struct err *read_inner(const struct sparse *s, const struct page_source *source,
			      uint64_t first, uint64_t end, struct values *out)
{
	struct rest rest = {source, s->first_buffer};
	struct page_source inside = source_of(&rest);
	struct slots slots = {.values = *out};
	uint64_t before = out->n;
	struct err *err = page_read(s->inner, &inside, first, end, &slots);
	*out = slots.values;
	TRY(err);
	if (out->n - before != end - first)
		return err_new(EIO, "%" PRIu64 " values of %" PRIu64, out->n - before,
			       end - first);
	return NULL;
}

/* --- open --- */

static struct err *open_chunked(struct page *p, const Lance__Enc__ChunkedValues *m,
				const struct page_source *source)
{
	struct planar_layout layout = {0};
	struct sparse *s = p->sparse;
	if (m->levels || m->num_items)
		return err_new(EIO, "levels beside sparse structure");
	planar_chunked(m, NULL, s->structure.n_leaves, &layout);
	return open_inner(s, &p->shape->type, &layout, s->structure.n_leaves, source);
}

/* All slots of all layers are looked at once. */
static struct err *check_domains(const struct sparse_structure *s,
				 const struct page_source *source)
{
	uint64_t bytes = sparse_source_bytes(source);
	for (unsigned i = 0; i < s->n_layers; i++) {
		uint64_t n = MAX_OF(s->layers[i].n_slots, s->layers[i].n_children);
		if (n > sparse_limit(bytes))
			return err_new(EFBIG, "%" PRIu64 " slots in %" PRIu64 " bytes",
				       n, bytes);
	}
	return NULL;
}

/* Values before row, which is a multiple of MARK_ROWS or all. */
static struct err *mark_rows(struct sparse *s, uint64_t n_values,
			     const struct page_source *source)
{
	uint64_t n_rows = s->structure.n_rows, n = 0;
	TRY(check_domains(&s->structure, source));
	TRY(mem_array((size_t)(n_rows / MARK_ROWS) + 1, sizeof(*s->marks), &s->marks));
	for (uint64_t row = 0; row < n_rows; row += MARK_ROWS) {
		struct sparse_slots slots AUTO_SPARSE_SLOTS = {0};
		uint64_t end = MIN_OF(row + MARK_ROWS, n_rows);
		s->marks[row / MARK_ROWS] = n;
		TRY(sparse_slots_read(&s->structure, row, end, &slots));
		n += slots.n_valid;
	}
	if (n != n_values)
		return err_new(EIO, "%" PRIu64 " values for %" PRIu64 " slots",
			       n_values, n);
	return NULL;
}

static struct err *open_zipped(struct page *p, const Lance__Enc__ZippedValues *m,
			       const struct page_source *source)
{
	struct planar_layout layout = {0};
	struct sparse *s = p->sparse;
	if (m->levels || m->num_items != m->num_visible_items)
		return err_new(EIO, "levels beside sparse structure");
	planar_zipped(m, NULL, &layout);
	TRY(open_inner(s, &p->shape->type, &layout, m->num_items, source));
	const struct sparse_structure *st = &s->structure;
	if (st->n_layers > 1)
		return mark_rows(s, m->num_items, source);
	uint64_t n = sparse_valid_before(&st->layers[0], st->n_leaves);
	if (n != m->num_items)
		return err_new(EIO, "%" PRIu64 " values for %" PRIu64 " slots",
			       m->num_items, n);
	return NULL;
}

static struct err *open_indices(struct sparse *s, const ce *m,
				const struct page_source *source)
{
	AUTO(codec) struct codec *c = NULL;
	AUTO(bytes) struct bytes *b = NULL;
	struct values v AUTO_VALUES = {.type = &index_type};
	uint64_t n = s->structure.n_leaves;
	TRY(codec_parse(m, 0, &c));
	if (n > sparse_limit(sparse_source_bytes(source)))
		return err_new(EFBIG, "%" PRIu64 " indices", n);
	TRY(source_read_bytes(source, 0, 0, source->sizes[0], &b));
	TRY(codec_block(c, cursor_of(b->data, b->len), n, &v));
	if (v.n != n)
		return err_new(EIO, "%" PRIu64 " indices of %" PRIu64, v.n, n);
	return grow_take(&v.data, &s->indices);
}

static struct err *open_indexed(struct page *p, const Lance__Enc__IndexedValues *m,
				const struct page_source *source)
{
	struct planar_layout layout = {0};
	struct sparse *s = p->sparse;
	if (!m->items || m->items->levels || p->shape->type.kind != VALUE_VAR)
		return err_new(EIO, "items that are not plain strings");
	s->first_buffer = 1;
	TRY_CTX(open_indices(s, m->indices, source), "indices");
	planar_zipped(m->items, NULL, &layout);
	TRY(open_inner(s, &p->shape->type, &layout, m->items->num_items, source));
	const uint8_t *indices = s->indices->data;
	for (uint64_t i = 0; i < s->structure.n_leaves; i++)
		if (load_u32le(indices + 4 * i) >= s->inner->n_rows)
			return err_new(EIO, "index %u of %" PRIu64 " items",
				       load_u32le(indices + 4 * i), s->inner->n_rows);
	return NULL;
}

static struct err *open_scalar(struct page *p, const Lance__Enc__ConstantValue *m)
{
	const struct value_type *t = &p->shape->type;
	if (t->kind != VALUE_FIXED || m->scalar.len != div_ceil(t->bits, 8))
		return err_new(EIO,
			       "value of %zu bytes in a column of %" PRIu64 " bits",
			       m->scalar.len, t->bits);
	TRY(values_init(&p->scalar, t));
	return values_append_fixed(&p->scalar, m->scalar.data, 0, 1);
}

/* How many buffers of a page are its values'. */
static struct err *find_plane(const Lance__Enc__ValuePlane *m, enum value_plane *ret,
			      unsigned *ret_n_buffers)
{
	*ret_n_buffers = 0;
	switch (m->codec_case) {
	case LANCE__ENC__VALUE_PLANE__CODEC_CHUNKED:
		*ret = PLANE_CHUNKED;
		*ret_n_buffers = m->chunked->dictionary ? 3 : 2;
		return NULL;
	case LANCE__ENC__VALUE_PLANE__CODEC_ZIPPED:
		*ret = PLANE_ZIPPED;
		*ret_n_buffers =
			m->zipped->addressing_case ==
					LANCE__ENC__ZIPPED_VALUES__ADDRESSING_BITS_PER_OFFSET
				? 2
				: 1;
		return NULL;
	case LANCE__ENC__VALUE_PLANE__CODEC_INDEXED:
		*ret = PLANE_INDEXED;
		*ret_n_buffers = 3;
		return NULL;
	case LANCE__ENC__VALUE_PLANE__CODEC_CONSTANT:
		*ret = PLANE_CONSTANT;
		return NULL;
	case LANCE__ENC__VALUE_PLANE__CODEC_NONE:
		*ret = PLANE_NONE;
		return NULL;
	default:
		return err_new(EOPNOTSUPP, "values of kind %d are not known",
			       (int)m->codec_case);
	}
}

static struct err *open_values(struct page *p, const Lance__Enc__ValuePlane *m,
			       const struct page_source *source)
{
	switch (p->sparse->plane) {
	case PLANE_CHUNKED:
		return open_chunked(p, m->chunked, source);
	case PLANE_ZIPPED:
		return open_zipped(p, m->zipped, source);
	case PLANE_INDEXED:
		return open_indexed(p, m->indexed, source);
	case PLANE_CONSTANT:
		return open_scalar(p, m->constant);
	case PLANE_NONE:
		break;
	}
	return NULL;
}

/* Slots are told as they stop: nothing is to be translated. */
static void set_levels(struct page *p)
{
	struct page_levels *l = &p->levels;
	l->max_def = 2 * p->shape->n_layers;
	for (unsigned i = 0; i <= l->max_def; i++)
		l->stop[i] = (uint16_t)i;
	l->max_rep = p->sparse->structure.n_layers
			     ? p->sparse->structure.layers[0].n_lists
			     : 0;
}

struct err *sparse_open(struct page *p, const sparse_proto *structure,
			const Lance__Enc__ValuePlane *values,
			const struct page_source *source)
{
	unsigned n_value_buffers, next;
	TRY(mem_new(&p->sparse));
	TRY(find_plane(values, &p->sparse->plane, &n_value_buffers));
	next = n_value_buffers;
	if (next > source->n_buffers)
		return err_new(EIO, "%u buffers", source->n_buffers);
	TRY(sparse_structure_open(structure, p->shape, p->n_rows, source, &next,
				  &p->sparse->structure));
	if (next != source->n_buffers)
		return err_new(EIO, "%u buffers of %u", next, source->n_buffers);
	set_levels(p);
	struct page_source own = *source;
	own.n_buffers = n_value_buffers;
	return open_values(p, values, &own);
}

/* --- values --- */

/* What is appended: a value a visible slot of a range of rows. */
struct taking {
	const struct page *p;
	const struct page_source *source;
	const struct sparse_slots *slots;
	uint64_t first, end; /* of the values that they need */
	struct values *out;
};

static bool has_value(const struct taking *t, const struct sparse_slot *slot)
{
	return t->p->sparse->plane != PLANE_ZIPPED || slot->stop == 0;
}

/* Which value of [first, end) each visible slot has; none is the one after them. */
static struct err *number_values(const struct taking *t, uint32_t **ret)
{
	uint64_t at = 0, n = 0, none = t->end - t->first;
	AUTO_MEM uint32_t *numbers = NULL;
	TRY(mem_array(MAX_OF(t->slots->n_visible, 1u), sizeof(*numbers), &numbers));
	for (size_t i = 0; i < t->slots->n; i++) {
		const struct sparse_slot *slot = &t->slots->slots[i];
		bool has = has_value(t, slot);
		if (!slot->is_hidden)
			numbers[n++] = (uint32_t)(has ? at : none);
		/* in chunks there are values below nulls, too */
		at += t->p->sparse->plane == PLANE_ZIPPED ? (uint64_t)has : slot->n;
	}
	if (at != none)
		return err_new(EIO, "%" PRIu64 " values for slots of %" PRIu64, none,
			       at);
	*ret = TAKE(numbers);
	return NULL;
}

static struct err *gather(const struct taking *t, const struct values *from,
			  const uint32_t *numbers)
{
	return values_gather(t->out, from, (const uint8_t *)numbers, 4,
			     t->slots->n_visible);
}

/* Of a page with a value a slot, or a value a slot that is not null. */
static struct err *take_inner(const struct taking *t)
{
	const struct sparse *s = t->p->sparse;
	AUTO_MEM uint32_t *numbers = NULL;
	struct values some AUTO_VALUES = {0};
	if (t->end - t->first == t->slots->n_visible)
		return read_inner(s, t->source, t->first, t->end, t->out);
	if (t->end - t->first > MAX_VALUES)
		return err_new(EFBIG, "%" PRIu64 " values", t->end - t->first);
	TRY(number_values(t, &numbers));
	TRY(values_init(&some, t->out->type));
	TRY(read_inner(s, t->source, t->first, t->end, &some));
	TRY(values_append_zero(&some, 1));
	return gather(t, &some, numbers);
}

static int compare_numbers(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return x < y ? -1 : x > y;
}

/* Sort them and leave each once. */
static size_t make_set(uint32_t *numbers, size_t n)
{
	size_t kept = 0;
	if (n == 0)
		return 0;
	qsort(numbers, n, sizeof(*numbers), compare_numbers);
	for (size_t i = 1; i < n; i++)
		if (numbers[i] != numbers[kept])
			numbers[++kept] = numbers[i];
	return kept + 1;
}

/* Append the items of an ascending set, neighbours at once. */
static struct err *read_items(const struct taking *t, const uint32_t *set, size_t n,
			      struct values *out)
{
	for (size_t i = 0; i < n;) {
		size_t k = i + 1;
		while (k < n && set[k] == set[k - 1] + 1)
			k++;
		TRY(read_inner(t->p->sparse, t->source, set[i],
			       (uint64_t)set[k - 1] + 1, out));
		i = k;
	}
	return NULL;
}

/* The index of each visible slot's item. */
static struct err *item_numbers(const struct taking *t, uint32_t **ret)
{
	const uint8_t *indices = t->p->sparse->indices->data;
	uint64_t n = 0, leaf = t->first;
	TRY(mem_array(MAX_OF(t->slots->n_visible, 1u), sizeof(**ret), ret));
	for (size_t i = 0; i < t->slots->n; i++) {
		const struct sparse_slot *slot = &t->slots->slots[i];
		if (!slot->is_hidden)
			(*ret)[n++] = load_u32le(indices + 4 * leaf);
		leaf += slot->n;
	}
	return NULL;
}

static struct err *take_items(const struct taking *t)
{
	AUTO_MEM uint32_t *numbers = NULL;
	AUTO_MEM uint32_t *set = NULL;
	struct values items AUTO_VALUES = {0};
	size_t n = (size_t)t->slots->n_visible;
	TRY(item_numbers(t, &numbers));
	TRY(mem_array(MAX_OF(n, 1u), sizeof(*set), &set));
	memcpy(set, numbers, n * sizeof(*set));
	size_t n_set = make_set(set, n);
	TRY(values_init(&items, t->out->type));
	TRY(read_items(t, set, n_set, &items));
	for (size_t i = 0; i < n; i++) {
		const uint32_t *found =
			bsearch(&numbers[i], set, n_set, sizeof(*set), compare_numbers);
		numbers[i] = (uint32_t)(found - set);
	}
	return gather(t, &items, numbers);
}

static struct err *take_scalar(const struct taking *t)
{
	static const uint8_t zeros[4096];
	uint64_t n = t->slots->n_visible;
	for (; n; n -= MIN_OF(n, sizeof(zeros)))
		TRY(values_gather(t->out, &t->p->scalar, zeros, 1,
				  MIN_OF(n, sizeof(zeros))));
	return NULL;
}

static struct err *take_values(const struct taking *t)
{
	switch (t->p->sparse->plane) {
	case PLANE_CHUNKED:
	case PLANE_ZIPPED:
		return take_inner(t);
	case PLANE_INDEXED:
		return take_items(t);
	case PLANE_CONSTANT:
		return take_scalar(t);
	case PLANE_NONE:
		break;
	}
	return values_append_zero(t->out, t->slots->n_visible);
}

/* --- ranges --- */

/* How many values lie before a row, in a page that has only those not null. */
static struct err *values_before(const struct sparse *s, uint64_t row, uint64_t *ret)
{
	struct sparse_slots slots AUTO_SPARSE_SLOTS = {0};
	if (!s->marks) {
		*ret = sparse_valid_before(&s->structure.layers[0], row);
		return NULL;
	}
	uint64_t first = row / MARK_ROWS * MARK_ROWS;
	TRY(sparse_slots_read(&s->structure, first, row, &slots));
	*ret = s->marks[row / MARK_ROWS] + slots.n_valid;
	return NULL;
}

static struct err *append_slots(const struct page *p, const struct sparse_slots *slots,
				struct slots *out)
{
	AUTO_MEM uint16_t *rep = NULL;
	AUTO_MEM uint16_t *stop = NULL;
	TRY(mem_array(MAX_OF(slots->n, 1u), sizeof(*rep), &rep));
	TRY(mem_array(MAX_OF(slots->n, 1u), sizeof(*stop), &stop));
	for (size_t i = 0; i < slots->n; i++) {
		rep[i] = slots->slots[i].rep;
		stop[i] = slots->slots[i].stop;
	}
	return slots_append(out, p, rep, slots->n_valid == slots->n ? NULL : stop,
			    slots->n);
}

static struct err *read_step(const struct page *p, const struct page_source *source,
			     uint64_t first, uint64_t end, struct slots *out)
{
	const struct sparse *s = p->sparse;
	struct sparse_slots slots AUTO_SPARSE_SLOTS = {0};
	struct taking t = {
		.p = p, .source = source, .slots = &slots, .out = &out->values};
	TRY(sparse_slots_read(&s->structure, first, end, &slots));
	TRY(append_slots(p, &slots, out));
	sparse_leaves(&s->structure, first, end, &t.first, &t.end);
	if (s->plane == PLANE_ZIPPED) {
		TRY(values_before(s, first, &t.first));
		t.end = t.first + slots.n_valid;
	}
	return take_values(&t);
}

/* So many rows from first on that they have not too many slots. */
static uint64_t step_rows(const struct sparse *s, uint64_t first, uint64_t end)
{
	uint64_t n = MIN_OF(end - first, STEP_ROWS);
	for (; n > 1; n /= 2) {
		uint64_t leaf, leaf_end;
		sparse_leaves(&s->structure, first, first + n, &leaf, &leaf_end);
		if (leaf_end - leaf <= STEP_SLOTS)
			break;
	}
	return n;
}

static struct err *sparse_read(const struct page *p, const struct page_source *source,
			       uint64_t first, uint64_t end, struct slots *out)
{
	const struct sparse *s = p->sparse;
	uint64_t scale = s->structure.scale;
	if (first % scale || end % scale)
		return err_new(EIO,
			       "rows [%" PRIu64 ", %" PRIu64 ") of lists of %" PRIu64,
			       first, end, scale);
	end /= scale;
	for (uint64_t row = first / scale; row < end;) {
		uint64_t n = step_rows(s, row, end);
		TRY(read_step(p, source, row, row + n, out));
		row += n;
	}
	return NULL;
}

static struct err *sparse_nulls(const struct page *p, const struct page_source *source,
				uint64_t first, uint64_t end, uint8_t *is_null,
				bool *ret_known)
{
	const struct sparse_structure *s = &p->sparse->structure;
	uint64_t at;
	(void)source;
	*ret_known = s->n_layers == 1;
	at = *ret_known ? sparse_position(&s->layers[0], first) : 0;
	for (uint64_t row = first; *ret_known && row < end; row++)
		is_null[row - first] = sparse_is_null(&s->layers[0], row, &at);
	return NULL;
}

const struct page_ops page_sparse = {
	.name = "sparse",
	.read = sparse_read,
	.nulls = sparse_nulls,
};
