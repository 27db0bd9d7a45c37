// SPDX-License-Identifier: Apache-2.0
/*
 * arrow_parse.c: an Arrow IPC file or stream, pushed as it is written.
 *
 * A file is a stream between a magic and a footer that repeats where its batches
 * are; so both are read as the messages come: a prefix, metadata, a body.  One
 * message is held at a time.
 * Source: Arrow columnar format, "IPC Streaming Format" and "IPC File Format".
 */
#include "format/arrow_priv.h"

#include <errno.h>
#include <inttypes.h>

#define MAGIC "ARROW1"
#define MAGIC_LEN 6
#define MAGIC_PADDED 8
#define CONTINUATION 0xffffffffu
#define LIMIT_METADATA ((uint64_t)256 << 20)
#define FEW_ROWS ((uint64_t)1 << 24) /* of nulls, which need no bytes */
#define LIMIT_BARE ((uint64_t)1 << 20)

enum { MESSAGE_TYPE = 1, MESSAGE_HEADER = 2, MESSAGE_BODY = 3 };
enum { HEADER_SCHEMA = 1, HEADER_DICTIONARY = 2, HEADER_BATCH = 3 };

enum phase {
	PHASE_MAGIC,
	PHASE_PREFIX,
	PHASE_BARE,
	PHASE_METADATA,
	PHASE_BODY,
	PHASE_TAIL
};

struct dictionary {
	int64_t id;
	struct array *values; /* owned reference */
};

struct arrow_dictionaries {
	struct dictionary *items; /* owned */
	size_t n, cap;
};

struct state {
	enum phase phase;
	bool is_file;
	uint64_t want;		     /* bytes of this phase's piece */
	struct buf piece;	     /* of it so far */
	struct buf metadata;	     /* of the message whose body comes */
	struct arrow_column *schema; /* owned; NULL: not read yet */
	struct arrow_choice choice;
	struct arrow_dictionaries dictionaries;
	uint8_t tail[MAGIC_LEN]; /* the last bytes of a file */
	uint64_t n_tail;
};

struct array *arrow_dictionary(const struct arrow_dictionaries *d, int64_t id)
{
	for (size_t i = 0; i < d->n; i++)
		if (d->items[i].id == id)
			return d->items[i].values;
	return NULL;
}

static void expect(struct state *s, enum phase phase, uint64_t want)
{
	s->phase = phase;
	s->want = want;
	s->piece.len = 0;
}

struct err *arrow_open(struct parser *p)
{
	struct state *s;
	TRY(mem_new(&s));
	p->state = s;
	s->piece.limit = LIMIT_BUFFER_BYTES;
	expect(s, PHASE_MAGIC, MAGIC_PADDED);
	return NULL;
}

void arrow_close(struct parser *p)
{
	struct state *s = p->state;
	if (!s)
		return;
	buf_fini(&s->piece);
	buf_fini(&s->metadata);
	arrow_column_free(s->schema);
	for (size_t i = 0; i < s->dictionaries.n; i++)
		array_unref(s->dictionaries.items[i].values);
	free(s->dictionaries.items);
	free(s->choice.members);
	free(s);
}

/* What the writer sent is wrong, not the disk. */
static struct err *foreign(struct err *err)
{
	if (err && err->code == EIO)
		err->code = EINVAL;
	return err;
}

/* --- the schema --- */

static struct err *take_schema(struct parser *p, const struct fb_table *header)
{
	struct state *s = p->state;
	if (s->schema)
		return err_new(EINVAL, "a second schema");
	TRY(foreign(arrow_schema_read(header, &s->schema)));
	if (s->schema->n_children == 0)
		return err_new(EINVAL, "the file has no columns");
	return arrow_choose(p, s->schema, &s->choice);
}

/* --- batches and dictionaries --- */

static const struct arrow_column *find_dictionary(const struct arrow_column *c,
						  int64_t id)
{
	if (c->has_dictionary && c->dictionary == id)
		return c;
	for (size_t i = 0; i < c->n_children; i++) {
		const struct arrow_column *found = find_dictionary(c->children[i], id);
		if (found)
			return found;
	}
	return NULL;
}

/* A delta goes on behind what is there, another one replaces it. */
static struct err *keep_dictionary(struct arrow_dictionaries *d, int64_t id,
				   bool is_delta, struct array *values)
{
	struct array *both;
	for (size_t i = 0; i < d->n; i++) {
		if (d->items[i].id != id)
			continue;
		if (is_delta)
			TRY(array_concat((struct array *[]){d->items[i].values, values},
					 2, &both));
		else
			both = array_ref(values);
		array_unref(d->items[i].values);
		d->items[i].values = both;
		return NULL;
	}
	TRY(mem_grow(d->n + 1, sizeof(*d->items), &d->cap, &d->items));
	d->items[d->n++] = (struct dictionary){id, array_ref(values)};
	return NULL;
}

static struct err *take_dictionary(struct parser *p, const struct fb_table *header,
				   struct cursor body)
{
	struct state *s = p->state;
	struct fb_table batch;
	AUTO(array) struct array *values = NULL;
	int64_t id, is_delta;
	bool found;
	TRY(fb_scalar(header, 0, 8, 0, &id));
	TRY(fb_child(header, 1, &found, &batch));
	TRY(fb_scalar(header, 2, 1, 0, &is_delta));
	const struct arrow_column *c = NULL;
	for (size_t i = s->choice.first; i < s->choice.end && !c; i++)
		c = find_dictionary(s->schema->children[i], id);
	if (!c)
		return NULL; /* of another column */
	if (!found)
		return err_new(EINVAL, "a dictionary without values");
	TRY(foreign(arrow_dictionary_read(&batch, body, c, &s->dictionaries, &values)));
	return keep_dictionary(&s->dictionaries, id, is_delta != 0, values);
}

static struct err *take_batch(struct parser *p, const struct fb_table *header,
			      struct cursor body)
{
	struct state *s = p->state;
	AUTO(array) struct array *a = NULL;
	int64_t n_rows;
	TRY(foreign(fb_scalar(header, 0, 8, 0, &n_rows)));
	if (n_rows < 0 || (uint64_t)n_rows > p->options.n_rows - p->n_rows)
		return parser_rows_error(p, p->n_rows + (uint64_t)n_rows);
	if ((uint64_t)n_rows > FEW_ROWS && (uint64_t)n_rows / 8 > cursor_left(&body))
		return err_new(EINVAL, "a batch of %" PRId64 " rows in %zu bytes",
			       n_rows, cursor_left(&body));
	TRY(foreign(arrow_batch(p, &s->choice, header, body, &s->dictionaries, &a)));
	p->n_rows += a->n_rows;
	return a->n_rows ? parser_emit(p, a) : NULL;
}

/* --- messages --- */

static struct err *open_message(const struct state *s, int64_t *ret_type,
				struct fb_table *ret_header, uint64_t *ret_body)
{
	struct fb_table message;
	int64_t body;
	bool found;
	TRY(fb_root(cursor_of(s->metadata.data, s->metadata.len), &message));
	TRY(fb_scalar(&message, MESSAGE_TYPE, 1, 0, ret_type));
	TRY(fb_child(&message, MESSAGE_HEADER, &found, ret_header));
	TRY(fb_scalar(&message, MESSAGE_BODY, 8, 0, &body));
	if (!found || body < 0 || (uint64_t)body > LIMIT_BUFFER_BYTES)
		return err_new(EINVAL, "a message with a body of %" PRId64 " bytes",
			       body);
	*ret_body = (uint64_t)body;
	return NULL;
}

static struct err *take_message(struct parser *p, struct cursor body)
{
	struct state *s = p->state;
	struct fb_table header;
	int64_t type;
	uint64_t unused;
	TRY(foreign(open_message(s, &type, &header, &unused)));
	if (type == HEADER_SCHEMA)
		return take_schema(p, &header);
	if (!s->schema)
		return err_new(EINVAL, "no schema at the beginning");
	if (type == HEADER_DICTIONARY)
		return take_dictionary(p, &header, body);
	return type == HEADER_BATCH ? take_batch(p, &header, body) : NULL;
}

/* --- the pieces --- */

static struct err *not_arrow(void)
{
	return err_new(EINVAL, "not an Arrow IPC file or stream");
}

static struct err *end_magic(struct state *s)
{
	s->is_file = memcmp(s->piece.data, MAGIC, MAGIC_LEN) == 0;
	if (s->is_file) {
		expect(s, PHASE_PREFIX, 8);
		return NULL;
	}
	s->phase = PHASE_PREFIX; /* it was a prefix already */
	return NULL;
}

static struct err *end_prefix(struct state *s)
{
	uint32_t len = load_u32le(s->piece.data + 4);
	if (load_u32le(s->piece.data) != CONTINUATION && s->is_file && !s->schema) {
		s->phase = PHASE_BARE;
		s->want += 8;
		return NULL;
	}
	if (load_u32le(s->piece.data) != CONTINUATION)
		return not_arrow();
	if (len > LIMIT_METADATA)
		return err_new(EINVAL, "metadata of %" PRIu32 " bytes", len);
	expect(s, len ? PHASE_METADATA : PHASE_TAIL, len);
	return NULL;
}

/* Some writers (polars) put the schema of a file there without its length: it ends
 * where the next message begins. */
static struct err *end_bare(struct parser *p)
{
	struct state *s = p->state;
	uint64_t len = s->piece.len - 8;
	if (load_u32le(s->piece.data + len) != CONTINUATION) {
		s->want += 8;
		return s->want > LIMIT_BARE ? not_arrow() : NULL;
	}
	s->metadata.len = 0;
	buf_append(&s->metadata, s->piece.data, (size_t)len);
	TRY(buf_check(&s->metadata));
	struct err *err = take_message(p, (struct cursor){0});
	if (s->schema)
		TRY(err);
	else
		err_free(err); /* whatever it says of what was never a message */
	if (!s->schema)
		return not_arrow();
	memmove(s->piece.data, s->piece.data + len, 8);
	expect(s, PHASE_PREFIX, 8);
	s->piece.len = 8; /* it is there already */
	return end_prefix(s);
}

static struct err *end_metadata(struct state *s)
{
	struct fb_table header;
	int64_t type;
	uint64_t body;
	struct buf old = s->metadata;
	s->metadata = s->piece;
	s->piece = old;
	s->piece.limit = LIMIT_BUFFER_BYTES;
	TRY(foreign(open_message(s, &type, &header, &body)));
	expect(s, PHASE_BODY, body);
	return NULL;
}

static struct err *end_body(struct parser *p)
{
	struct state *s = p->state;
	TRY(take_message(p, cursor_of(s->piece.data, s->piece.len)));
	if (s->piece.len >
	    ((size_t)16 << 20)) /* one large batch is not kept for ever */
		buf_fini(&s->piece);
	s->piece.limit = LIMIT_BUFFER_BYTES;
	expect(s, PHASE_PREFIX, 8);
	return NULL;
}

static struct err *end_piece(struct parser *p)
{
	struct state *s = p->state;
	switch (s->phase) {
	case PHASE_MAGIC:
		return end_magic(s);
	case PHASE_PREFIX:
		return end_prefix(s);
	case PHASE_BARE:
		return end_bare(p);
	case PHASE_METADATA:
		return end_metadata(s);
	case PHASE_BODY:
		return end_body(p);
	case PHASE_TAIL:
		break;
	}
	return NULL;
}

static void push_tail(struct state *s, const uint8_t *bytes, size_t len)
{
	size_t n = MIN_OF(len, (size_t)MAGIC_LEN);
	memmove(s->tail, s->tail + n, MAGIC_LEN - n);
	memcpy(s->tail + MAGIC_LEN - n, bytes + len - n, n);
	s->n_tail += len;
}

struct err *arrow_push(struct parser *p, const uint8_t *bytes, size_t len)
{
	struct state *s = p->state;
	while (s->phase != PHASE_TAIL && (len || s->piece.len == s->want)) {
		size_t n = (size_t)MIN_OF((uint64_t)len, s->want - s->piece.len);
		buf_append(&s->piece, bytes, n);
		TRY(buf_check(&s->piece));
		bytes += n;
		len -= n;
		if (s->piece.len == s->want)
			TRY(end_piece(p));
	}
	if (len)
		push_tail(s, bytes, len);
	return NULL;
}

/* --- the end --- */

/* A stream may end without its end marker; a file ends in the magic. */
static bool ends_here(const struct state *s)
{
	if (s->is_file)
		return s->phase == PHASE_TAIL && s->n_tail >= MAGIC_LEN &&
		       memcmp(s->tail, MAGIC, MAGIC_LEN) == 0;
	return s->phase == PHASE_TAIL || (s->phase == PHASE_PREFIX && !s->piece.len);
}

struct err *arrow_finish(struct parser *p)
{
	const struct state *s = p->state;
	if (!ends_here(s) || !s->schema)
		return err_new(EINVAL,
			       "the Arrow %s is cut short after %" PRIu64 " rows",
			       s->is_file ? "file" : "stream", p->n_rows);
	return parser_rows_fit(p, p->n_rows) ? NULL : parser_rows_error(p, p->n_rows);
}

bool arrow_has_row_bytes(const struct parser *p)
{
	const struct state *s = p->state;
	return s->phase != PHASE_PREFIX || s->piece.len;
}

bool arrow_is_complete(const struct parser *p)
{
	const struct state *s = p->state;
	return ends_here(s) && s->schema && parser_rows_fit(p, p->n_rows);
}
