// SPDX-License-Identifier: Apache-2.0
/*
 * view.c: a column as a file of known size.
 *
 * The file is a header, blocks of block_rows rows each, and a footer.  Where
 * blocks have a fixed size their offsets are arithmetic.  Else the index grows
 * from the front: a read measures just as far as it reaches, view_size the
 * whole.  Rendering and measuring happen outside the lock; who needs a block
 * that another reader is rendering waits for it.
 */
#include "format/format_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define VIEW_SLOTS 4	    /* rendered blocks kept by a view */
#define VIEW_SAMPLE_ROWS 64 /* read together to choose the rows of a block */
#define VIEW_SAMPLES 4	    /* from as many places */
#define VIEW_MAX_BLOCK_ROWS ((uint64_t)1 << 16)
#define VIEW_GROUP_BLOCKS 8 /* blocks measured by one read */

enum slot_state { SLOT_EMPTY, SLOT_BUSY, SLOT_READY };

struct slot {
	enum slot_state state;
	unsigned pins; /* readers that copy from it */
	uint64_t block, used;
	struct chunk chunk;
};

struct view {
	atomic_int refs;
	const struct format_ops *ops;
	struct view_source source;
	struct field *stored; /* owned reference; what the source reads */
	struct field *field;  /* owned reference; what is shown */
	struct buf header;
	bool fixed;	      /* offsets are arithmetic */
	uint64_t block_bytes; /* fixed: of a full block */
	uint64_t last_bytes;  /* fixed: of the last one */

	pthread_mutex_t lock;
	pthread_cond_t changed; /* a slot or the index */
	/* guarded by lock: */
	bool measuring;
	bool told; /* size is what view_set_size said */
	uint64_t told_size;
	uint64_t block_rows, n_blocks; /* 0 rows: not chosen yet */
	uint64_t n_known;	       /* blocks [0, n_known) are in the index */
	uint64_t *offsets;	       /* n_known + 1 */
	uint64_t clock;
	uint64_t last_end; /* where the last read ended */
	struct slot slots[VIEW_SLOTS];
};

void chunk_fini(struct chunk *c)
{
	bytes_unref(c->bytes);
	free(c->heap);
	*c = (struct chunk){0};
}

struct err *chunk_of_buf(struct buf *b, struct chunk *ret)
{
	TRY(buf_check(b));
	*ret = (struct chunk){.heap = b->data, .data = b->data, .len = b->len};
	*b = (struct buf){0};
	return NULL;
}

/* --- opening --- */

static void set_block_rows(struct view *v, uint64_t block_rows)
{
	v->block_rows = block_rows;
	v->n_blocks = div_ceil(v->source.n_rows, block_rows);
}

static struct err *size_error(const struct view *v)
{
	return err_new(EFBIG, "column %s as %s: %" PRIu64 " rows are too large a file",
		       v->field->name, v->ops->suffix, v->source.n_rows);
}

static struct err *init_fixed(struct view *v)
{
	uint64_t row, probe = 64, n = v->source.n_rows;
	if (!v->ops->fixed_bytes || !v->ops->fixed_bytes(v->field, probe, &row))
		return NULL;
	row = MAX_OF(row / probe, (uint64_t)1);
	uint64_t rows = VIEW_BLOCK_BYTES / row / 64 * 64;
	rows = MAX_OF(MIN_OF(rows, VIEW_MAX_BLOCK_ROWS), (uint64_t)64);
	if (row > VIEW_BLOCK_BYTES / 16)
		rows = MAX_OF(VIEW_BLOCK_BYTES / row, (uint64_t)1);
	set_block_rows(v, rows);
	uint64_t last = n ? n - (v->n_blocks - 1) * rows : 0, total;
	if (!v->ops->fixed_bytes(v->field, rows, &v->block_bytes) ||
	    !v->ops->fixed_bytes(v->field, last, &v->last_bytes) ||
	    ckd_mul(&total, v->block_bytes, v->n_blocks + 1) || total > INT64_MAX / 2)
		return size_error(v);
	v->fixed = true;
	return NULL;
}

static bool field_fits(const struct format_ops *ops, const struct field *f)
{
	if (!field_is_table(f))
		return ops->renders(f->type);
	for (size_t i = 0; i < f->type->n_children; i++)
		if (!format_renders_in_table(ops, f->type->children[i]->type))
			return false;
	return true;
}

static struct err *init_view(struct view *v)
{
	if (!field_fits(v->ops, v->field)) {
		AUTO_MEM char *type = NULL;
		TRY(type_format(v->field->type, &type));
		return err_new(EINVAL, "column %s: %s does not hold %s", v->field->name,
			       v->ops->suffix, type);
	}
	if (v->ops->header)
		TRY(v->ops->header(v->field, v->source.n_rows, &v->header));
	TRY(buf_check(&v->header));
	TRY(mem_array(1, sizeof(*v->offsets), &v->offsets));
	v->offsets[0] = v->header.len;
	return init_fixed(v);
}

struct err *view_open(const struct format_ops *format, const struct view_source *source,
		      struct view **ret)
{
	struct view *v = NULL;
	struct err *err = mem_new(&v);
	if (err) {
		if (source->release)
			source->release(source->ctx);
		return err;
	}
	atomic_init(&v->refs, 1);
	v->ops = format;
	v->source = *source;
	v->stored = field_ref(source->field);
	pthread_mutex_init(&v->lock, NULL);
	pthread_cond_init(&v->changed, NULL);
	err = format_field(format, v->stored, &v->field);
	if (!err)
		err = init_view(v);
	if (err) {
		view_unref(v);
		return err;
	}
	*ret = v;
	return NULL;
}

struct view *view_ref(struct view *v)
{
	atomic_fetch_add_explicit(&v->refs, 1, memory_order_relaxed);
	return v;
}

void view_unref(struct view *v)
{
	if (!v || atomic_fetch_sub_explicit(&v->refs, 1, memory_order_acq_rel) != 1)
		return;
	for (size_t i = 0; i < VIEW_SLOTS; i++)
		chunk_fini(&v->slots[i].chunk);
	free(v->offsets);
	buf_fini(&v->header);
	if (v->source.release)
		v->source.release(v->source.ctx);
	field_unref(v->field);
	field_unref(v->stored);
	pthread_cond_destroy(&v->changed);
	pthread_mutex_destroy(&v->lock);
	free(v);
}

static struct err *read_rows(struct view *v, uint64_t first, uint64_t end,
			     struct array **ret)
{
	AUTO(array) struct array *a = NULL;
	TRY(v->source.read(v->source.ctx, first, end, &a));
	if (a->n_rows != end - first)
		return err_new(EIO, "column %s: %" PRIu64 " rows read, wanted %" PRIu64,
			       v->field->name, a->n_rows, end - first);
	return format_array(a, v->stored, v->field, ret);
}

/* --- the index of offsets --- */

static uint64_t block_end_row(const struct view *v, uint64_t block)
{
	return MIN_OF((block + 1) * v->block_rows, v->source.n_rows);
}

/* Where a block begins; block n_blocks is the footer.  The index reaches there. */
static uint64_t block_offset(const struct view *v, uint64_t block)
{
	if (!v->fixed)
		return v->offsets[block];
	uint64_t off = v->header.len + block * v->block_bytes;
	if (block == v->n_blocks && block)
		off += v->last_bytes - v->block_bytes;
	return off;
}

static uint64_t layout_block_offset(const struct view_layout *l, uint64_t block)
{
	return block_offset(l->ctx, block);
}

static struct view_layout layout_of(const struct view *v)
{
	return (struct view_layout){.field = v->field,
				    .n_rows = v->source.n_rows,
				    .block_rows = v->block_rows,
				    .n_blocks = v->n_blocks,
				    .block_offset = layout_block_offset,
				    .ctx = v};
}

static struct err *footer_bytes(const struct view *v, uint64_t *ret)
{
	struct view_layout l = layout_of(v);
	*ret = 0;
	return v->ops->footer_bytes ? v->ops->footer_bytes(&l, ret) : NULL;
}

/* Bytes a row, by a few rows from that one on. */
static struct err *sample_rows(struct view *v, uint64_t first, uint64_t *ret)
{
	uint64_t end = MIN_OF(first + VIEW_SAMPLE_ROWS, v->source.n_rows), bytes;
	AUTO(array) struct array *a = NULL;
	TRY(read_rows(v, first, end, &a));
	TRY(v->ops->measure(v->field, a, 0, a->n_rows, &bytes));
	*ret = bytes / (end - first);
	return NULL;
}

/* Rows of a block such that it comes near VIEW_BLOCK_BYTES.  It depends on the
 * data alone, for it decides the batches of Arrow files. */
static struct err *choose_block_rows(struct view *v, uint64_t *ret)
{
	uint64_t n = v->source.n_rows, row = 1;
	for (uint64_t i = 0; i < VIEW_SAMPLES && i * VIEW_SAMPLE_ROWS < n; i++) {
		uint64_t bytes;
		TRY(sample_rows(v, n / VIEW_SAMPLES * i, &bytes));
		row = MAX_OF(row, bytes);
	}
	*ret = MAX_OF(MIN_OF(VIEW_BLOCK_BYTES / row, (uint64_t)8192), (uint64_t)1);
	return NULL;
}

struct measure_job {
	struct view *v;
	uint64_t block_rows, first, end; /* blocks */
	uint64_t *sizes;
};

static struct err *measure_group(void *ctx, size_t i)
{
	struct measure_job *job = ctx;
	struct view *v = job->v;
	uint64_t first = job->first + i * VIEW_GROUP_BLOCKS;
	uint64_t end = MIN_OF(first + VIEW_GROUP_BLOCKS, job->end);
	uint64_t row = first * job->block_rows;
	uint64_t end_row = MIN_OF(end * job->block_rows, v->source.n_rows);
	AUTO(array) struct array *a = NULL;
	TRY(read_rows(v, row, end_row, &a));
	for (uint64_t b = first; b < end; b++) {
		uint64_t from = (b - first) * job->block_rows;
		uint64_t to = MIN_OF(from + job->block_rows, a->n_rows);
		TRY(v->ops->measure(v->field, a, from, to,
				    &job->sizes[b - job->first]));
	}
	return NULL;
}

/* Measure blocks [first, end) and put them into the index. */
static struct err *measure_blocks(struct view *v, uint64_t first, uint64_t end)
{
	AUTO_MEM uint64_t *sizes = NULL;
	TRY(mem_array(end - first, sizeof(*sizes), &sizes));
	struct measure_job job = {v, v->block_rows, first, end, sizes};
	TRY(parallel_for(thread_cpus(), div_ceil(end - first, VIEW_GROUP_BLOCKS),
			 measure_group, &job));
	LOCK_SCOPE(&v->lock);
	TRY(mem_resize(end + 1, sizeof(*v->offsets), &v->offsets));
	for (uint64_t b = first; b < end; b++)
		if (ckd_add(&v->offsets[b + 1], v->offsets[b], sizes[b - first]) ||
		    v->offsets[b + 1] > INT64_MAX)
			return size_error(v);
	v->n_known = end;
	return NULL;
}

/* One step of growth, by the thread that has set measuring. */
static struct err *extend_index(struct view *v, bool all)
{
	if (!v->block_rows) {
		uint64_t rows;
		TRY(choose_block_rows(v, &rows));
		LOCK_SCOPE(&v->lock);
		set_block_rows(v, rows);
		return NULL;
	}
	uint64_t step = MAX_OF((uint64_t)VIEW_GROUP_BLOCKS, v->n_known);
	uint64_t left = v->n_blocks - v->n_known;
	return measure_blocks(v, v->n_known,
			      v->n_known + (all ? left : MIN_OF(step, left)));
}

static bool index_reaches(const struct view *v, uint64_t off)
{
	return v->fixed || (v->block_rows && (v->n_known == v->n_blocks ||
					      v->offsets[v->n_known] > off));
}

/* Make the index reach the byte at off; UINT64_MAX: the end. */
static struct err *need_index(struct view *v, uint64_t off)
{
	struct err *err = NULL;
	pthread_mutex_lock(&v->lock);
	while (!err && !index_reaches(v, off)) {
		if (v->measuring) {
			pthread_cond_wait(&v->changed, &v->lock);
			continue;
		}
		v->measuring = true;
		pthread_mutex_unlock(&v->lock);
		err = extend_index(v, off == UINT64_MAX);
		pthread_mutex_lock(&v->lock);
		v->measuring = false;
		pthread_cond_broadcast(&v->changed);
	}
	pthread_mutex_unlock(&v->lock);
	return err;
}

/* --- sizes --- */

static bool size_known(struct view *v, bool *ret_told)
{
	LOCK_SCOPE(&v->lock);
	bool exact = v->fixed || (v->block_rows && v->n_known == v->n_blocks);
	*ret_told = !exact && v->told;
	return exact || v->told;
}

static struct err *exact_size(struct view *v, uint64_t *ret)
{
	uint64_t footer;
	LOCK_SCOPE(&v->lock);
	TRY(footer_bytes(v, &footer));
	*ret = block_offset(v, v->n_blocks) + footer;
	return NULL;
}

struct err *view_size(struct view *v, uint64_t *ret)
{
	bool told;
	if (!size_known(v, &told))
		TRY(need_index(v, UINT64_MAX));
	if (!told)
		return exact_size(v, ret);
	LOCK_SCOPE(&v->lock);
	*ret = v->told_size;
	return NULL;
}

bool view_size_known(struct view *v, uint64_t *ret)
{
	bool told;
	if (!size_known(v, &told))
		return false;
	struct err *err = view_size(v, ret);
	bool known = !err;
	err_free(err); /* out of memory: the caller will ask view_size and be told */
	return known;
}

void view_set_size(struct view *v, uint64_t size)
{
	LOCK_SCOPE(&v->lock);
	v->told = true;
	v->told_size = size;
}

/* --- blocks --- */

static struct err *render_footer(struct view *v, struct chunk *ret)
{
	AUTO_BUF struct buf out = {0};
	struct view_layout l = layout_of(v);
	TRY(v->ops->footer(&l, &out));
	return chunk_of_buf(&out, ret);
}

static struct err *render_block(struct view *v, uint64_t block, uint64_t want_len,
				struct chunk *ret)
{
	if (block == v->n_blocks)
		return render_footer(v, ret);
	AUTO(array) struct array *a = NULL;
	struct view_rows rows = {block * v->block_rows, v->source.n_rows};
	TRY(read_rows(v, rows.first, block_end_row(v, block), &a));
	struct chunk c = {0};
	TRY(v->ops->render(v->field, a, &rows, &c));
	if (c.len != want_len) {
		size_t got = c.len;
		chunk_fini(&c);
		return err_new(EIO,
			       "column %s: rows from %" PRIu64
			       " are %zu bytes, measured %" PRIu64,
			       v->field->name, rows.first, got, want_len);
	}
	*ret = c;
	return NULL;
}

/* The slot of a block, else the one to put it in; NULL if all are in use. */
static struct slot *choose_slot(struct view *v, uint64_t block)
{
	struct slot *oldest = NULL;
	for (size_t i = 0; i < VIEW_SLOTS; i++) {
		struct slot *s = &v->slots[i];
		if (s->state != SLOT_EMPTY && s->block == block)
			return s;
		if (s->state == SLOT_BUSY || s->pins)
			continue;
		if (!oldest || s->state == SLOT_EMPTY ||
		    (oldest->state != SLOT_EMPTY && s->used < oldest->used))
			oldest = s;
	}
	return oldest;
}

/* Render into a slot that is ours.  Called with the lock, which it drops. */
static struct err *fill_slot(struct view *v, struct slot *s, uint64_t block,
			     uint64_t want_len)
{
	struct chunk old = s->chunk, fresh = {0};
	s->chunk = fresh;
	s->state = SLOT_BUSY;
	s->block = block;
	pthread_mutex_unlock(&v->lock);
	chunk_fini(&old);
	struct err *err = render_block(v, block, want_len, &fresh);
	pthread_mutex_lock(&v->lock);
	s->chunk = fresh;
	s->state = err ? SLOT_EMPTY : SLOT_READY;
	pthread_cond_broadcast(&v->changed);
	return err;
}

/* A ready slot with that block, pinned. */
static struct err *pin_block(struct view *v, uint64_t block, uint64_t want_len,
			     struct slot **ret)
{
	LOCK_SCOPE(&v->lock);
	for (;;) {
		struct slot *s = choose_slot(v, block);
		if (!s || s->state == SLOT_BUSY) {
			pthread_cond_wait(&v->changed, &v->lock);
			continue;
		}
		if (s->state == SLOT_EMPTY || s->block != block)
			TRY(fill_slot(v, s, block, want_len));
		s->used = ++v->clock;
		s->pins++;
		*ret = s;
		return NULL;
	}
}

static void unpin(struct view *v, struct slot *s)
{
	LOCK_SCOPE(&v->lock);
	if (--s->pins == 0)
		pthread_cond_broadcast(&v->changed);
}

/* --- reading --- */

/* The block that holds the byte at off, and its span in the file. */
static struct err *find_block(struct view *v, uint64_t off, uint64_t *ret_block,
			      uint64_t *ret_first, uint64_t *ret_end)
{
	TRY(need_index(v, off));
	LOCK_SCOPE(&v->lock);
	uint64_t lo = 0, hi = v->fixed ? v->n_blocks : v->n_known;
	if (v->fixed && v->block_bytes)
		lo = MIN_OF((off - v->header.len) / v->block_bytes, hi);
	while (!v->fixed && lo < hi) {
		uint64_t mid = lo + (hi - lo) / 2;
		if (v->offsets[mid + 1] <= off)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (v->fixed && lo < v->n_blocks && off >= block_offset(v, lo + 1))
		lo++;
	*ret_block = lo;
	*ret_first = block_offset(v, lo);
	uint64_t len = 0;
	if (lo == v->n_blocks)
		TRY(footer_bytes(v, &len));
	*ret_end = lo == v->n_blocks ? *ret_first + len : block_offset(v, lo + 1);
	return NULL;
}

/* Whether a read goes on where the last one ended, or finds its block ready. */
static bool worth_a_block(struct view *v, uint64_t block, uint64_t off)
{
	LOCK_SCOPE(&v->lock);
	if (off == v->last_end || off == v->header.len)
		return true;
	for (size_t i = 0; i < VIEW_SLOTS; i++)
		if (v->slots[i].state != SLOT_EMPTY && v->slots[i].block == block)
			return true;
	return false;
}

/* Rows of a fixed width without any frame can be rendered alone. */
static bool rows_stand_alone(const struct view *v)
{
	return v->fixed && !v->ops->footer && v->block_bytes;
}

/* Bytes [off, off + len) within one block by reading only their rows: what
 * jumps about in a file would else pay for whole blocks. */
static struct err *read_few_rows(struct view *v, uint64_t off, size_t len, uint8_t *dst)
{
	uint64_t row_bytes = v->block_bytes / v->block_rows;
	uint64_t at = off - v->header.len;
	uint64_t first = at / row_bytes, end = div_ceil(at + len, row_bytes);
	struct view_rows rows = {first, v->source.n_rows};
	AUTO(array) struct array *a = NULL;
	struct chunk c = {0};
	TRY(read_rows(v, first, end, &a));
	TRY(v->ops->render(v->field, a, &rows, &c));
	bool fits = c.len == (end - first) * row_bytes;
	if (fits)
		memcpy(dst, c.data + (at - first * row_bytes), len);
	chunk_fini(&c);
	return fits ? NULL
		    : err_new(EIO, "column %s: rows of another size", v->field->name);
}

/* Some bytes at off, at least one unless the file ends there. */
static struct err *read_some(struct view *v, uint64_t off, size_t len, uint8_t *dst,
			     size_t *ret_len)
{
	*ret_len = 0;
	if (off < v->header.len) {
		*ret_len = MIN_OF(len, v->header.len - (size_t)off);
		memcpy(dst, v->header.data + off, *ret_len);
		return NULL;
	}
	uint64_t block, first, end;
	TRY(find_block(v, off, &block, &first, &end));
	if (off >= end)
		return NULL;
	struct slot *s = NULL;
	*ret_len = (size_t)MIN_OF((uint64_t)len, end - off);
	if (rows_stand_alone(v) && *ret_len < (end - first) / 2 &&
	    !worth_a_block(v, block, off))
		return read_few_rows(v, off, *ret_len, dst);
	TRY(pin_block(v, block, end - first, &s));
	memcpy(dst, s->chunk.data + (off - first), *ret_len);
	unpin(v, s);
	return NULL;
}

struct err *view_pread(struct view *v, uint64_t off, size_t len, void *dst,
		       size_t *ret_len)
{
	size_t done = 0;
	while (done < len && off <= INT64_MAX) {
		size_t n;
		TRY(read_some(v, off, len - done, (uint8_t *)dst + done, &n));
		if (n == 0)
			break;
		done += n;
		off += n;
	}
	*ret_len = done;
	LOCK_SCOPE(&v->lock);
	v->last_end = off;
	return NULL;
}
