// SPDX-License-Identifier: Apache-2.0
/*
 * tar_parse.c: a tar archive whose members are the values of a binary column.
 *
 * The digits of a member's name are its row; rows that are missing are null.  Names
 * that do not fit a header come before it, as a GNU or a pax member of their own.  An
 * archive that was cut between members looks like one with nulls at its end, so it
 * must have its end block, or the last row.
 */
#include "format/tar_priv.h"

#include <errno.h>
#include <inttypes.h>

#define BATCH_BYTES ((uint64_t)1 << 20)
#define BATCH_ROWS ((uint64_t)65536)
#define LIMIT_EXTRA_BYTES ((uint64_t)1 << 20) /* a long name, pax records */
#define LIMIT_GAP ((uint64_t)1 << 24)	      /* rows missing, of any number of rows */
#define NULL_BYTES 8

enum tar_at { AT_HEADER, AT_BYTES, AT_PADDING, AT_END };

/* What the bytes behind a header are. */
enum tar_member { MEMBER_VALUE, MEMBER_NAME, MEMBER_PAX, MEMBER_SKIPPED };

struct tar_state {
	enum tar_at at;
	enum tar_member member;
	struct builder *builder; /* owned */
	uint64_t n_bytes;	 /* of the batch */
	struct buf piece;	 /* of a header, or of the member's bytes, so far */
	uint64_t left;		 /* bytes of the member, or of its padding */
	uint64_t padding;	 /* behind the member's bytes */
	uint64_t row;		 /* the value's */
	uint64_t next;		 /* the first row that can come */
	uint64_t n_members;
	char *long_name; /* owned; of the next header */
};

struct err *tar_open(struct parser *p)
{
	struct tar_state *s = NULL;
	TRY(mem_new(&s));
	p->state = s;
	if (p->options.type)
		p->type = type_ref(p->options.type);
	else
		TRY(type_new(TYPE_BINARY, &p->type));
	return builder_new(p->type, &s->builder);
}

void tar_close(struct parser *p)
{
	struct tar_state *s = p->state;
	if (!s)
		return;
	builder_free(s->builder);
	buf_fini(&s->piece);
	free(s->long_name);
	free(s);
}

/* --- rows --- */

static struct err *emit(struct parser *p, struct tar_state *s)
{
	AUTO(array) struct array *batch = NULL;
	if (!builder_rows(s->builder))
		return NULL;
	TRY(builder_take(s->builder, &batch));
	s->n_bytes = 0;
	return parser_emit(p, batch);
}

static struct err *end_row(struct parser *p, struct tar_state *s, uint64_t bytes)
{
	p->n_rows++;
	s->n_bytes += bytes + NULL_BYTES;
	if (s->n_bytes >= BATCH_BYTES || builder_rows(s->builder) >= BATCH_ROWS)
		return emit(p, s);
	return NULL;
}

static struct err *nulls_until(struct parser *p, struct tar_state *s, uint64_t row)
{
	while (p->n_rows < row) {
		TRY(builder_null(s->builder));
		TRY(end_row(p, s, builder_null_bytes(p->type)));
	}
	return NULL;
}

static struct err *take_value(struct parser *p, struct tar_state *s, const void *value,
			      size_t len)
{
	TRY(nulls_until(p, s, s->row));
	TRY_CTX(builder_bytes(s->builder, value, len), "row %" PRIu64, s->row);
	return end_row(p, s, len);
}

/* --- headers --- */

static struct err *not_tar(void)
{
	return err_new(EINVAL, "not a tar archive: a header's checksum is wrong");
}

/* Octal digits between spaces and NULs; or, with the first bit set, binary. */
static struct err *read_number(const char *text, size_t len, uint64_t *ret)
{
	size_t i = 0;
	uint64_t v = (uint8_t)text[0] & 0x7f;
	if ((uint8_t)text[0] & 0x80) {
		for (i = 1; i < len; i++) {
			if (v >> 55)
				return not_tar();
			v = v << 8 | (uint8_t)text[i];
		}
		*ret = v;
		return NULL;
	}
	for (v = 0; i < len && text[i] == ' ';)
		i++;
	for (; i < len && text[i] >= '0' && text[i] <= '7'; i++)
		v = v << 3 | (uint64_t)(text[i] - '0');
	*ret = v;
	return i == len || text[i] == ' ' || !text[i] ? NULL : not_tar();
}

/* The row that a name tells: the digits before its first dot. */
static struct err *read_row(const struct parser *p, const char *name, uint64_t *ret)
{
	const char *slash = strrchr(name, '/');
	const char *base = slash ? slash + 1 : name;
	size_t n = strspn(base, "0123456789");
	uint64_t v = 0;
	char quoted[CELL_QUOTE_LEN];
	if (n == 0 || (base[n] && base[n] != '.'))
		return err_new(EINVAL,
			       "member '%s': its name must be a row number, as in "
			       "0000017.jpg",
			       cell_quote(name, strlen(name), quoted));
	for (size_t i = 0; i < n; i++)
		if (ckd_mul(&v, v, (uint64_t)10) ||
		    ckd_add(&v, v, (uint64_t)(base[i] - '0')))
			v = UINT64_MAX;
	if (v >= p->options.n_rows)
		return err_new(
			EINVAL,
			"member '%s': the table has %" PRIu64 " rows, counted from 0",
			cell_quote(name, strlen(name), quoted), p->options.n_rows);
	*ret = v;
	return NULL;
}

static struct err *begin_value(struct parser *p, struct tar_state *s, const char *name)
{
	char quoted[CELL_QUOTE_LEN];
	cell_quote(name, strlen(name), quoted);
	TRY(read_row(p, name, &s->row));
	if (s->row < s->next)
		return err_new(EINVAL,
			       "member '%s' is not behind row %" PRIu64
			       "; make the archive with tar --sort=name",
			       quoted, s->next - 1);
	if (p->options.n_rows == PARSE_ANY_ROWS && s->row - s->next > LIMIT_GAP)
		return err_new(EINVAL, "member '%s': %" PRIu64 " rows are missing",
			       quoted, s->row - s->next);
	if (p->type->id == TYPE_FIXED_BINARY &&
	    s->left != (uint64_t)p->type->byte_width)
		return err_new(EINVAL, "member '%s' has %" PRIu64 " bytes, wanted %d",
			       quoted, s->left, p->type->byte_width);
	s->next = s->row + 1;
	s->member = MEMBER_VALUE;
	return NULL;
}

static struct err *header_name(struct tar_state *s, const struct tar_header *h,
			       char **ret)
{
	size_t n = strnlen(h->name, sizeof(h->name));
	size_t n_prefix = strnlen(h->prefix, sizeof(h->prefix));
	if (s->long_name) {
		*ret = TAKE(s->long_name);
		return NULL;
	}
	bool has_prefix = memcmp(h->magic, "ustar", 6) == 0 && n_prefix;
	return str_printf(ret, "%.*s%s%.*s", has_prefix ? (int)n_prefix : 0, h->prefix,
			  has_prefix ? "/" : "", (int)n, h->name);
}

static struct err *begin_member(struct parser *p, struct tar_state *s,
				const struct tar_header *h)
{
	AUTO_MEM char *name = NULL;
	char quoted[CELL_QUOTE_LEN];
	if (h->type == 'L' || h->type == 'x') {
		s->member = h->type == 'L' ? MEMBER_NAME : MEMBER_PAX;
		return NULL;
	}
	s->member = MEMBER_SKIPPED;
	if (h->type == 'g')
		return NULL;
	TRY(header_name(s, h, &name));
	s->n_members++;
	bool plain = h->type == '0' || h->type == '7' || !h->type;
	if (h->type == '5')
		s->left = 0; /* its size is none of bytes that follow */
	if (h->type == '5' || (plain && str_ends(name, "/")))
		return NULL;
	if (plain)
		return begin_value(p, s, name);
	return err_new(EINVAL, "member '%s' is no plain file (type '%c')",
		       cell_quote(name, strlen(name), quoted),
		       h->type > ' ' && h->type < 127 ? h->type : '?');
}

static bool is_zero(const void *p, size_t len)
{
	const uint8_t *bytes = p;
	return len == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, len - 1) == 0);
}

static struct err *take_header(struct parser *p, struct tar_state *s)
{
	struct tar_header h;
	uint64_t checksum;
	memcpy(&h, s->piece.data, sizeof(h));
	s->piece.len = 0;
	if (is_zero(&h, sizeof(h))) {
		s->at = AT_END;
		return NULL;
	}
	TRY(read_number(h.checksum, sizeof(h.checksum), &checksum));
	if (checksum != tar_checksum(&h))
		return not_tar();
	TRY(read_number(h.size, sizeof(h.size), &s->left));
	TRY(begin_member(p, s, &h));
	bool extra = s->member == MEMBER_NAME || s->member == MEMBER_PAX;
	if (s->left > (extra ? LIMIT_EXTRA_BYTES : LIMIT_VALUE_BYTES))
		return err_new(EINVAL, "a member of %" PRIu64 " bytes", s->left);
	s->padding = (TAR_BLOCK - s->left % TAR_BLOCK) % TAR_BLOCK;
	s->at = AT_BYTES;
	return NULL;
}

/* --- members --- */

/* "LENGTH KEY=VALUE\n"; what is sparse or too large has other members. */
static struct err *take_pax(struct tar_state *s, const char *text, size_t len)
{
	while (len) {
		const char *space = memchr(text, ' ', len);
		uint64_t n = 0;
		for (const char *c = text; space && c < space && n <= len; c++)
			n = *c >= '0' && *c <= '9' ? n * 10 + (uint64_t)(*c - '0')
						   : LIMIT_EXTRA_BYTES * 2;
		if (!space || n > len || n < (size_t)(space - text) + 2 ||
		    text[n - 1] != '\n')
			return err_new(EINVAL, "a pax header that is malformed");
		const char *key = space + 1, *end = text + n - 1;
		size_t left = (size_t)(end - key);
		if (left >= 11 && memcmp(key, "GNU.sparse.", 11) == 0)
			return err_new(EINVAL, "a sparse member; make the archive "
					       "without tar --sparse");
		if (left >= 5 && memcmp(key, "path=", 5) == 0) {
			free(TAKE(s->long_name));
			TRY(str_dup_len(key + 5, left - 5, &s->long_name));
		}
		text += n;
		len -= n;
	}
	return NULL;
}

/* All bytes of a member are there. */
static struct err *end_member(struct parser *p, struct tar_state *s,
			      const uint8_t *bytes, size_t len)
{
	s->at = AT_PADDING;
	s->left = s->padding;
	switch (s->member) {
	case MEMBER_VALUE:
		return take_value(p, s, bytes, len);
	case MEMBER_NAME:
		free(TAKE(s->long_name));
		return str_dup_len(bytes, strnlen((const char *)bytes, len),
				   &s->long_name);
	case MEMBER_PAX:
		return take_pax(s, (const char *)bytes, len);
	default:
		return NULL;
	}
}

/* Bytes of a member; one that lies whole in what is pushed is taken from there. */
static struct err *push_bytes(struct parser *p, struct tar_state *s,
			      const uint8_t *bytes, size_t len, size_t *ret_used)
{
	size_t n = (size_t)MIN_OF((uint64_t)len, s->left);
	*ret_used = n;
	s->left -= n;
	bool skipped = s->member == MEMBER_SKIPPED;
	if (s->left || s->piece.len) {
		if (!skipped)
			buf_append(&s->piece, bytes, n);
		TRY(buf_check(&s->piece));
		bytes = s->piece.data;
		n = s->piece.len;
	}
	if (s->left)
		return NULL;
	TRY(end_member(p, s, n ? bytes : (const uint8_t *)"", skipped ? 0 : n));
	s->piece.len = 0;
	if (s->piece.cap > 16 * BATCH_BYTES) /* one large value is not kept for ever */
		buf_fini(&s->piece);
	return NULL;
}

static struct err *step(struct parser *p, struct tar_state *s, const uint8_t *bytes,
			size_t len, size_t *ret_used)
{
	size_t n = len;
	switch (s->at) {
	case AT_HEADER:
		n = MIN_OF(len, TAR_BLOCK - s->piece.len);
		buf_append(&s->piece, bytes, n);
		TRY(buf_check(&s->piece));
		if (s->piece.len == TAR_BLOCK)
			TRY(take_header(p, s));
		break;
	case AT_BYTES:
		return push_bytes(p, s, bytes, len, ret_used);
	case AT_PADDING:
		n = (size_t)MIN_OF((uint64_t)len, s->left);
		s->left -= n;
		if (!s->left)
			s->at = AT_HEADER;
		break;
	case AT_END:
		if (!is_zero(bytes, len))
			return err_new(EINVAL, "bytes behind the end of the archive");
		break;
	}
	*ret_used = n;
	return NULL;
}

struct err *tar_push(struct parser *p, const uint8_t *bytes, size_t len)
{
	struct tar_state *s = p->state;
	/* members and padding of no bytes end without any */
	while (len || (s->at == AT_BYTES && !s->left) ||
	       (s->at == AT_PADDING && !s->left)) {
		size_t used;
		TRY(step(p, s, bytes, len, &used));
		bytes += used;
		len -= used;
	}
	return NULL;
}

/* --- the end --- */

bool tar_is_complete(const struct parser *p)
{
	const struct tar_state *s = p->state;
	bool between = s->at == AT_HEADER && s->piece.len == 0 && !s->long_name;
	return s->at == AT_END ||
	       (between && s->n_members && s->next == p->options.n_rows);
}

struct err *tar_finish(struct parser *p)
{
	struct tar_state *s = p->state;
	if (!tar_is_complete(p))
		return err_new(EINVAL,
			       "the archive is cut short behind row %" PRIu64
			       ": it has no end block",
			       s->next);
	if (p->options.n_rows != PARSE_ANY_ROWS)
		TRY(nulls_until(p, s, p->options.n_rows));
	return emit(p, s);
}

bool tar_has_row_bytes(const struct parser *p)
{
	const struct tar_state *s = p->state;
	return s->n_members || s->at != AT_HEADER || s->piece.len;
}
