// SPDX-License-Identifier: Apache-2.0
/*
 * shape_files.c: lines, in which binary values are paths of files with them: what
 * identify(1) and ffmpeg take.
 *
 * The files lie in the worker's private directory, in memory if the system has one
 * there, and go when their batch is answered.
 */
#include "udf/lines_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

/* Files of the batches that are on their way, by number. */
struct state {
	struct line_reader lines;
	struct field *shown;  /* owned; the inputs, with paths for binary values */
	uint64_t first, next; /* numbers of the files that are there */
	uint64_t *ends; /* owned; of each batch: the number behind its last file */
	size_t n_ends, cap;
	uint64_t n_removed; /* batches whose files are gone, of this process */
};

static bool files_take(const struct type *t)
{
	return type_is_binary(t->id) || t->id == TYPE_FIXED_BINARY || text_fits(t);
}

static bool is_file(const struct type *t)
{
	return type_is_binary(t->id) || t->id == TYPE_FIXED_BINARY;
}

/* --- the directory --- */

static void remove_up_to(struct coder *c, uint64_t end)
{
	struct state *s = c->state;
	for (; s->first < end; s->first++) {
		AUTO_MEM char *path = NULL;
		struct err *err =
			str_printf(&path, "%s/%" PRIu64, c->scratch, s->first);
		if (!err)
			unlink(path);
		err_free(err); /* it goes with the directory */
	}
}

static struct err *write_all(int fd, const uint8_t *p, uint64_t len)
{
	while (len) {
		ssize_t n = write(fd, p, (size_t)MIN_OF(len, (uint64_t)1 << 30));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(errno, "a value's file");
		p += n;
		len -= (uint64_t)n;
	}
	return NULL;
}

static struct err *put_file(struct coder *c, const uint8_t *p, uint64_t len,
			    char **ret_path)
{
	struct state *s = c->state;
	AUTO_MEM char *path = NULL;
	TRY(str_printf(&path, "%s/%" PRIu64, c->scratch, s->next));
	AUTO_FD int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return err_errno(errno, "%s", path);
	s->next++;
	TRY(write_all(fd, p, len));
	*ret_path = TAKE(path);
	return NULL;
}

static const uint8_t *value_of(const struct array *a, uint64_t row, uint64_t *ret_len)
{
	if (a->type->id != TYPE_FIXED_BINARY)
		return array_var(a, row, ret_len);
	*ret_len = (uint64_t)a->type->byte_width;
	return a->data->data + row * *ret_len;
}

/* Binary values as the paths of files that hold them. */
static struct err *as_paths(struct coder *c, const struct array *a, struct type *text,
			    struct array **ret)
{
	AUTO(builder) struct builder *b = NULL;
	TRY(builder_new(text, &b));
	for (uint64_t i = 0; i < a->n_rows; i++) {
		AUTO_MEM char *path = NULL;
		uint64_t len;
		if (array_is_null(a, i)) {
			TRY(builder_null(b));
			continue;
		}
		const uint8_t *p = value_of(a, i, &len);
		TRY(put_file(c, p, len, &path));
		TRY(builder_text(b, path, strlen(path)));
	}
	return builder_take(b, ret);
}

/* --- opening --- */

static struct err *show_inputs(const struct field *inputs, struct field **ret)
{
	const struct type *t = inputs->type;
	AUTO(type) struct type *shown = NULL;
	AUTO(type) struct type *text = NULL;
	TRY(type_new(TYPE_LARGE_STRING, &text));
	TRY(type_new_nested(TYPE_STRUCT, t->n_children, &shown));
	for (size_t i = 0; i < t->n_children; i++) {
		struct field *f = t->children[i];
		TRY(field_new(f->name, is_file(f->type) ? text : f->type, f->nullable,
			      &shown->children[i]));
	}
	TRY(field_new("", shown, false, ret));
	return field_set_metadata(*ret, FORMAT_TABLE_KEY, "", 0);
}

static struct err *files_open(struct coder *c)
{
	struct state *s;
	TRY(mem_new(&s));
	c->state = s;
	TRY(show_inputs(c->run->inputs, &s->shown));
	return line_reader_open(&s->lines, c->run);
}

static void files_close(struct coder *c)
{
	struct state *s = c->state;
	if (!s)
		return;
	remove_up_to(c, s->next);
	line_reader_close(&s->lines);
	field_unref(s->shown);
	free(s->ends);
	free(s);
}

static struct err *files_begin(struct coder *c, struct buf *out)
{
	struct state *s = c->state;
	(void)out;
	remove_up_to(c, s->next);
	s->n_ends = 0;
	s->n_removed = 0;
	line_reader_begin(&s->lines);
	return NULL;
}

/* --- batches --- */

static struct err *to_buf(void *ctx, const void *p, size_t len)
{
	struct buf *out = ctx;
	buf_append(out, p, len);
	return buf_check(out);
}

static struct err *with_paths(struct coder *c, const struct array *rows,
			      struct array *ret)
{
	const struct type *t = ret->type;
	for (size_t i = 0; i < rows->n_children; i++) {
		if (is_file(rows->children[i]->type))
			TRY(as_paths(c, rows->children[i], t->children[i]->type,
				     &ret->children[i]));
		else
			ret->children[i] = array_ref(rows->children[i]);
	}
	return NULL;
}

static struct err *files_encode(struct coder *c, struct array *rows, struct buf *out)
{
	struct state *s = c->state;
	AUTO(array) struct array *paths = NULL;
	AUTO(format_stream) struct format_stream *lines = NULL;
	struct stream_sink sink = {to_buf, out};
	TRY(mem_grow(s->n_ends + 1, sizeof(*s->ends), &s->cap, &s->ends));
	TRY(array_new(s->shown->type, rows->n_rows, &paths));
	TRY(with_paths(c, rows, paths));
	s->ends[s->n_ends++] = s->next;
	TRY(format_stream_open(format_find("txt"), s->shown, &sink, &lines));
	return format_stream_push(lines, paths);
}

static struct err *files_decode(struct coder *c, const uint8_t *p, size_t len)
{
	struct state *s = c->state;
	TRY(line_reader_push(&s->lines, c, p, len));
	for (; s->n_removed < s->lines.n_batches; s->n_removed++)
		remove_up_to(c, s->ends[s->n_removed]);
	return NULL;
}

static struct err *files_finish(struct coder *c)
{
	struct state *s = c->state;
	return line_reader_finish(&s->lines, c);
}

const struct shape_ops shape_files = {
	.name = "files",
	.needs_scratch = true,
	.takes = files_take,
	.gives = line_gives,
	.open = files_open,
	.close = files_close,
	.begin = files_begin,
	.encode = files_encode,
	.decode = files_decode,
	.finish = files_finish,
};
