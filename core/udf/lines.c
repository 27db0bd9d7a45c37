// SPDX-License-Identifier: Apache-2.0
/*
 * lines.c: values that come as lines.
 *
 * A cell that is no value of its type makes its row fail, and no other.  What is wrong
 * with the lines themselves (their number, of them or of the cells in one) is the whole
 * batch's fault, because it cannot be told which row a line belongs to.
 */
#include "udf/lines_priv.h"

#include <errno.h>
#include <inttypes.h>

bool line_gives(const struct type *t)
{
	return builder_fits(t);
}

void line_reader_close(struct line_reader *r)
{
	for (size_t i = 0; i < r->n; i++)
		builder_free(r->builders[i]);
	free(r->builders);
	buf_fini(&r->rest);
	buf_fini(&r->plain);
	udf_answer_fini(&r->answer);
}

struct err *line_reader_open(struct line_reader *r, const struct udf_run *run)
{
	*r = (struct line_reader){.rest.limit = LIMIT_LINE_BYTES};
	TRY(mem_array(run->n_outputs, sizeof(struct builder *), &r->builders));
	for (; r->n < run->n_outputs; r->n++)
		TRY(builder_new(run->outputs[r->n], &r->builders[r->n]));
	return NULL;
}

static void forget_rows(struct line_reader *r)
{
	for (size_t i = 0; i < r->n; i++) {
		AUTO(array) struct array *unused = NULL;
		struct err *err = builder_take(r->builders[i], &unused);
		err_free(err); /* it is empty all the same */
	}
	udf_answer_fini(&r->answer);
	r->n_rows = 0;
}

void line_reader_begin(struct line_reader *r)
{
	buf_fini(&r->rest); /* one that was too long would stay so */
	r->n_batches = 0;
	forget_rows(r);
}

/* --- one line --- */

static struct err *put_null(struct line_reader *r, size_t first)
{
	for (size_t i = first; i < r->n; i++)
		TRY(builder_null(r->builders[i]));
	return NULL;
}

static struct err *put_cell(struct line_reader *r, struct builder *b, const char *p,
			    size_t len)
{
	if (len == 2 && p[0] == '\\' && p[1] == 'N')
		return builder_null(b);
	if (memchr(p, '\\', len)) {
		TRY(text_unescape(p, len, &r->plain));
		p = (const char *)r->plain.data;
		len = r->plain.len;
	}
	return builder_text(b, len ? p : "", len);
}

/* The row has no value: nulls from output i on; what stands before is not looked at. */
static struct err *fail_row(struct line_reader *r, size_t i, struct err *why)
{
	if (r->n > 1)
		why = err_wrap(why, "value %zu", i + 1);
	struct err *err = answer_fail(&r->answer, r->n_rows, why->msg);
	err_free(why); /* its text goes on */
	return err ? err : put_null(r, i);
}

static struct err *wrong_cells(const struct line_reader *r, size_t got)
{
	return err_new(EINVAL,
		       "a line with %zu value%s between tabs, not %zu; a tab within a "
		       "value is written \\t",
		       got, got == 1 ? "" : "s", r->n);
}

static size_t count_cells(const char *p, size_t len)
{
	size_t n = 1;
	for (const char *tab = p; (tab = memchr(tab, '\t', (size_t)(p + len - tab)));
	     tab++)
		n++;
	return n;
}

static struct err *put_row(struct line_reader *r, const char *p, size_t len)
{
	const char *end = p + len;
	if (r->n > 1 && count_cells(p, len) != r->n)
		return wrong_cells(r, count_cells(p, len));
	for (size_t i = 0; i < r->n; i++) {
		const char *tab = r->n > 1 ? memchr(p, '\t', (size_t)(end - p)) : NULL;
		size_t n = (size_t)((tab ? tab : end) - p);
		struct err *err = put_cell(r, r->builders[i], p, n);
		if (err && err->code == ENOMEM)
			return err;
		if (err)
			return fail_row(r, i, err);
		p += n + 1;
	}
	return NULL;
}

/* --- batches --- */

static struct err *end_batch(struct line_reader *r, struct coder *c)
{
	struct udf_answer a = {0};
	struct err *err = answer_new(c->run, r->n_rows, &a);
	for (size_t i = 0; !err && i < r->n; i++)
		err = builder_take(r->builders[i], &a.outputs[i]);
	if (err) {
		udf_answer_fini(&a);
		return err;
	}
	a.failed = TAKE(r->answer.failed);
	a.n_failed = r->answer.n_failed;
	r->answer.n_failed = 0;
	r->n_rows = 0;
	r->n_batches++;
	return c->answer(c->ctx, &a);
}

static struct err *take_line(struct line_reader *r, struct coder *c, const char *p,
			     size_t len)
{
	if (!c->wanted)
		return err_new(EINVAL, "it writes more lines than it gets rows");
	if (len && p[len - 1] == '\r' && !type_is_var(c->run->outputs[r->n - 1]->id))
		len--;
	TRY(put_row(r, p, len));
	r->n_rows++;
	return r->n_rows == c->wanted ? end_batch(r, c) : NULL;
}

struct err *line_reader_push(struct line_reader *r, struct coder *c, const uint8_t *p,
			     size_t len)
{
	while (len) {
		const uint8_t *end = memchr(p, '\n', len);
		size_t n = end ? (size_t)(end - p) : len;
		if (!end || r->rest.len)
			buf_append(&r->rest, p, n);
		TRY(buf_check(&r->rest));
		if (!end)
			return NULL;
		if (r->rest.len)
			TRY(take_line(r, c, (const char *)r->rest.data, r->rest.len));
		else
			TRY(take_line(r, c, (const char *)p, n));
		r->rest.len = 0;
		p += n + 1;
		len -= n + 1;
	}
	return NULL;
}

struct err *line_reader_finish(struct line_reader *r, struct coder *c)
{
	if (r->rest.len)
		TRY(take_line(r, c, (const char *)r->rest.data, r->rest.len));
	r->rest.len = 0;
	if (c->wanted)
		return err_new(EINVAL,
			       "it ends after %" PRIu64 " lines of a batch of %" PRIu64
			       " rows",
			       r->n_rows, c->wanted);
	return NULL;
}
