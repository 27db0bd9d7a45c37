// SPDX-License-Identifier: Apache-2.0
/*
 * fn_pattern.c: functions of regular expressions.
 *
 * A pattern and flags that are literals are compiled once, when the expression is; one
 * that is a column is compiled when it differs from the last row's.
 * Source: DataFusion's SQL reference, "Regular Expression Functions".
 */
#include "expr/fn_array_priv.h"
#include "expr/regex_priv.h"

#include <errno.h>
#include <string.h>

/* Which argument is what; 0 for flags: none is. */
struct shape {
	size_t pattern, flags;
	bool has_global;  /* the flag g is known */
	bool empty_flags; /* flags may be an empty text */
};

enum { LIKE, MATCH, REPLACE, COUNT, INSTR };

static const struct shape shapes[] = {
	[LIKE] = {1, 2, false, true},	 [MATCH] = {1, 2, false, false},
	[REPLACE] = {1, 3, true, false}, [COUNT] = {1, 3, false, true},
	[INSTR] = {1, 4, false, true},
};

/* --- patterns --- */

#define FLAGS_MAX 16

static struct err *check_flags(const struct shape *shape, struct str flags,
			       char dst[FLAGS_MAX + 1], bool *is_global)
{
	size_t n = 0;
	*is_global = false;
	if (flags.len > FLAGS_MAX)
		return err_new(EINVAL, "too many flags");
	for (uint64_t i = 0; i < flags.len; i++) {
		if (flags.p[i] == 'g' && shape->has_global)
			*is_global = true;
		else if (!strchr("imsUxuR", flags.p[i]) || !flags.p[i])
			return err_new(EINVAL, "'%.*s' are no flags", (int)flags.len,
				       (const char *)flags.p);
		else
			dst[n++] = (char)flags.p[i];
	}
	dst[n] = 0;
	bool is_only_g = *is_global && flags.len == 1;
	if (n == 0 && !is_only_g && !shape->empty_flags)
		return err_new(EINVAL, "no flags");
	return NULL;
}

struct pattern {
	struct regex *regex;
	bool is_global;
};

static void pattern_fini(struct pattern *p)
{
	regex_free(p->regex);
	p->regex = NULL;
}

static struct err *compile(const struct shape *shape, struct str text,
			   const struct str *flags, struct pattern *p)
{
	char letters[FLAGS_MAX + 1] = "";
	if (flags)
		TRY(check_flags(shape, *flags, letters, &p->is_global));
	return regex_compile((const char *)text.p, text.len, letters, &p->regex);
}

static struct str literal_text(const struct array *a)
{
	struct str s;
	s.p = array_var(a, 0, &s.len);
	return s;
}

static struct err *prepare_pattern(struct binder *b, struct node *n)
{
	const struct shape *shape = &shapes[n->fn->tag];
	bool has_flags = n->n_args > shape->flags;
	const struct array *text = bind_literal(n, shape->pattern);
	const struct array *flags = has_flags ? bind_literal(n, shape->flags) : NULL;
	struct pattern *p;
	if (!text || array_is_null(text, 0) ||
	    (has_flags && (!flags || array_is_null(flags, 0))))
		return NULL;
	TRY(mem_new(&p));
	struct str letters = flags ? literal_text(flags) : (struct str){0};
	struct err *err =
		compile(shape, literal_text(text), flags ? &letters : NULL, p);
	if (err) {
		struct err *placed =
			bind_err(b, n->args[shape->pattern], "%s", err->msg);
		err_free(err); /* told with its place */
		free(p);
		return placed;
	}
	n->state = p;
	return NULL;
}

static void release_pattern(void *state)
{
	pattern_fini(state);
	free(state);
}

/* The searcher for each row in turn. */
struct search {
	struct searcher *searcher;
	struct pattern own; /* of a column */
	const struct pattern *now;
	struct str text, flags; /* that .own is of */
};

static void search_fini(struct search *s)
{
	searcher_free(s->searcher);
	pattern_fini(&s->own);
}

static inline void auto_search(struct search *s)
{
	search_fini(s);
}
#define AUTO_SEARCH __attribute__((cleanup(auto_search)))

static struct err *use(struct search *s, const struct pattern *p)
{
	searcher_free(s->searcher);
	s->searcher = NULL;
	s->now = p;
	return searcher_new(p->regex, &s->searcher);
}

static struct err *with_row(struct err *err, const struct call *c, uint64_t row)
{
	struct err *placed = call_err(c, row, "%s", err->msg);
	err_free(err); /* told with its row */
	return placed;
}

static struct err *recompile(const struct call *c, uint64_t row, struct search *s,
			     const struct shape *shape, const struct str *flags)
{
	searcher_free(s->searcher);
	s->searcher = NULL;
	pattern_fini(&s->own);
	struct err *err = compile(shape, s->text, flags, &s->own);
	return err ? with_row(err, c, row) : use(s, &s->own);
}

/* Make ready for a row whose pattern is not null. */
static struct err *search_row(const struct call *c, uint64_t row, struct search *s)
{
	const struct shape *shape = &shapes[c->node->fn->tag];
	if (c->node->state)
		return s->searcher ? NULL : use(s, c->node->state);
	struct str text = arg_str(c, shape->pattern, row), flags = {0};
	bool has_flags =
		c->n_args > shape->flags && !vec_is_null(&c->args[shape->flags], row);
	if (has_flags)
		flags = arg_str(c, shape->flags, row);
	if (s->searcher && str_equal(text, s->text) && str_equal(flags, s->flags))
		return NULL;
	s->text = text;
	s->flags = flags;
	return recompile(c, row, s, shape, has_flags ? &flags : NULL);
}

static struct err *find(const struct call *c, uint64_t row, struct search *s,
			struct str in, bool *ret_found, struct match *ret)
{
	struct err *err = search(s->searcher, in.p, in.len, 0, ret_found, ret);
	return err ? with_row(err, c, row) : NULL;
}

static struct err *find_next(const struct call *c, uint64_t row, struct matches *m,
			     bool *ret_found, struct match *ret)
{
	struct err *err = next_match(m, ret_found, ret);
	return err ? with_row(err, c, row) : NULL;
}

/* --- regexp_like --- */

static struct err *eval_like(const struct call *c, struct array **ret)
{
	AUTO(array) struct array *out = NULL;
	AUTO_SEARCH struct search s = {0};
	TRY(new_fixed(c->node->type, c->n_rows, &out));
	for (uint64_t row = 0; row < c->n_rows; row++) {
		struct match match;
		bool is_found;
		if (!call_wants(c, row))
			continue;
		TRY(search_row(c, row, &s));
		TRY(find(c, row, &s, arg_str(c, 0, row), &is_found, &match));
		if (is_found)
			bit_set(out->data->data, row);
	}
	*ret = TAKE(out);
	return NULL;
}

/* --- regexp_match: the groups of the first match, or all of it --- */

static struct err *bind_match(struct binder *b, struct node *n)
{
	AUTO(type) struct type *list = NULL;
	TRY(bind_signature(b, n));
	TRY(type_new_list(n->type, &list));
	bind_type(n, list);
	return NULL;
}

/* Append the groups that took part; how many. */
static struct err *put_groups(const struct search *s, struct str in,
			      struct text_builder *b, uint64_t *ret)
{
	uint32_t n = regex_n_groups(s->now->regex);
	*ret = 0;
	for (uint32_t i = n ? 1 : 0; i <= n; i++) {
		struct match match;
		if (!search_group(s->searcher, i, &match))
			continue;
		if (b->n == b->array->n_rows)
			return err_new(EOVERFLOW, "too many groups");
		buf_append(&b->data, in.p + match.start, match.end - match.start);
		TRY(text_row(b));
		++*ret;
	}
	return NULL;
}

/* Rows of items: how many there can be is known of the pattern. */
static struct err *match_rows(const struct call *c, struct text_builder *b,
			      struct array *out)
{
	AUTO_SEARCH struct search s = {0};
	uint64_t total = 0;
	for (uint64_t row = 0; row < c->n_rows; row++) {
		struct match match;
		uint64_t n = 0;
		bool is_found = false;
		if (call_wants(c, row)) {
			struct str in = arg_str(c, 0, row);
			TRY(search_row(c, row, &s));
			TRY(find(c, row, &s, in, &is_found, &match));
			if (is_found)
				TRY(put_groups(&s, in, b, &n));
		}
		if (!is_found)
			TRY(set_null(out, row));
		total += n;
		store_u32le(out->offsets->data + (row + 1) * 4, (uint32_t)total);
	}
	return NULL;
}

/* Groups of the literal pattern, or as many as any pattern may have here. */
static uint64_t items_at_most(const struct call *c)
{
	const struct pattern *p = c->node->state;
	uint64_t n = p ? MAX_OF(regex_n_groups(p->regex), 1u) : 64;
	return n;
}

static struct err *eval_match(const struct call *c, struct array **ret)
{
	AUTO(array) struct array *out = NULL;
	AUTO(array) struct array *items = NULL;
	AUTO_TEXT struct text_builder b = {0};
	uint64_t n_items;
	struct type *item = c->node->type->children[0]->type;
	TRY(array_new(c->node->type, c->n_rows, &out));
	TRY(bytes_new_zero((size_t)(c->n_rows + 1) * 4, &out->offsets));
	if (ckd_mul(&n_items, c->n_rows, items_at_most(c)) || n_items > INT32_MAX)
		return err_new(EOVERFLOW, "too many groups");
	TRY(text_begin(&b, item, n_items));
	TRY(match_rows(c, &b, out));
	uint64_t n = b.n;
	while (b.n < n_items)
		TRY(text_null(&b));
	TRY(text_take(&b, &items));
	TRY(array_slice(items, 0, n, &out->children[0]));
	*ret = TAKE(out);
	return NULL;
}

/* --- regexp_replace --- */

/* Of all strings large ones are kept; with other values all are. */
static struct err *bind_replace(struct binder *b, struct node *n)
{
	static const enum type_id types[] = {TYPE_LARGE_STRING, TYPE_STRING};
	bool are_strings = true;
	for (size_t i = 0; i < n->n_args; i++)
		are_strings &= type_is_string(n->args[i]->type->id) ||
			       n->args[i]->type->id == TYPE_NULL;
	if (are_strings)
		return bind_signature(b, n);
	TRY(bind_uniform(b, n, 0, types, 2, "a string"));
	bind_type(n, n->args[0]->type);
	return NULL;
}

/* A replacement with \1, $1, ${name} and $$. */
struct template
{
	const struct regex *regex;
	struct str text;
};

static bool is_name_char(uint8_t c)
{
	return c == '_' || (c >= '0' && c <= '9') ||
	       ((c | 32) >= 'a' && (c | 32) <= 'z');
}

static void put_group(const struct template *t, const struct searcher *s, struct str in,
		      struct str name, struct buf *out)
{
	uint32_t group = 0;
	struct match match;
	bool is_number = name.len <= 9;
	for (uint64_t i = 0; is_number && i < name.len; i++) {
		is_number = name.p[i] >= '0' && name.p[i] <= '9';
		group = group * 10 + (uint32_t)(name.p[i] - '0');
	}
	if (!is_number &&
	    !regex_group(t->regex, (const char *)name.p, name.len, &group))
		return;
	if (search_group(s, group, &match))
		buf_append(out, in.p + match.start, match.end - match.start);
}

/* The name behind a '$' at `at`; false if there is none.  *ret_end is behind it. */
static bool read_name(struct str text, uint64_t at, struct str *ret, uint64_t *ret_end)
{
	uint64_t from = at, end;
	if (at < text.len && text.p[at] == '{') {
		const uint8_t *close = memchr(text.p + at, '}', text.len - at);
		if (!close)
			return false;
		from = at + 1;
		end = (uint64_t)(close - text.p);
		*ret_end = end + 1;
	} else {
		for (end = at; end < text.len && is_name_char(text.p[end]); end++)
			;
		*ret_end = end;
	}
	*ret = (struct str){text.p + from, end - from};
	return end > from;
}

/* One or two backslashes and digits, which are a group as well. */
static bool read_back(struct str text, uint64_t at, struct str *ret, uint64_t *ret_end)
{
	uint64_t from = at + 1;
	if (from < text.len && text.p[from] == '\\')
		from++;
	uint64_t end = from;
	while (end < text.len && text.p[end] >= '0' && text.p[end] <= '9')
		end++;
	*ret = (struct str){text.p + from, end - from};
	*ret_end = end;
	return end > from;
}

static void put_template(const struct template *t, const struct searcher *s,
			 struct str in, struct buf *out)
{
	struct str text = t->text, name;
	for (uint64_t at = 0; at < text.len;) {
		uint64_t end;
		uint8_t c = text.p[at];
		if (c == '\\' && read_back(text, at, &name, &end)) {
			put_group(t, s, in, name, out);
			at = end;
		} else if (c == '$' && at + 1 < text.len && text.p[at + 1] == '$') {
			buf_byte(out, '$');
			at += 2;
		} else if (c == '$' && read_name(text, at + 1, &name, &end)) {
			put_group(t, s, in, name, out);
			at = end;
		} else {
			buf_byte(out, c);
			at++;
		}
	}
}

static struct err *replace_row(const struct call *c, uint64_t row, struct search *s,
			       struct buf *out)
{
	struct str in = arg_str(c, 0, row);
	const struct template t = {s->now->regex, arg_str(c, 2, row)};
	struct matches m = {.searcher = s->searcher, .text = in.p, .len = in.len};
	size_t done = 0, start = out->len;
	bool is_found;
	do {
		struct match match;
		TRY(find_next(c, row, &m, &is_found, &match));
		if (!is_found)
			break;
		buf_append(out, in.p + done, match.start - done);
		put_template(&t, s->searcher, in, out);
		TRY(check_text_len(c, row, out->len - start));
		done = match.end;
	} while (s->now->is_global);
	buf_append(out, in.p + done, in.len - done);
	return NULL;
}

static struct err *eval_replace(const struct call *c, struct array **ret)
{
	AUTO_TEXT struct text_builder b = {0};
	AUTO_SEARCH struct search s = {0};
	TRY(text_begin(&b, c->node->type, c->n_rows));
	for (uint64_t row = 0; row < c->n_rows; row++) {
		if (!call_wants(c, row)) {
			TRY(text_null(&b));
			continue;
		}
		TRY(search_row(c, row, &s));
		TRY(replace_row(c, row, &s, &b.data));
		TRY(text_row(&b));
	}
	return text_take(&b, ret);
}

/* --- regexp_count: 0 of nulls --- */

static struct err *count_row(const struct call *c, uint64_t row, struct search *s,
			     int64_t *ret)
{
	struct str in = arg_str(c, 0, row);
	int64_t start = c->n_args > 2 && !vec_is_null(&c->args[2], row)
				? arg_i64(c, 2, row)
				: 1;
	if (start < 1)
		return call_err(c, row, "characters are counted from 1");
	*ret = 0;
	if ((uint64_t)start - 1 > count_chars(in))
		return NULL;
	uint64_t skip = char_offset(in, (uint64_t)start - 1);
	struct matches m = {
		.searcher = s->searcher, .text = in.p + skip, .len = in.len - skip};
	for (;; ++*ret) {
		struct match match;
		bool is_found;
		TRY(find_next(c, row, &m, &is_found, &match));
		if (!is_found)
			return NULL;
	}
}

static struct err *eval_count(const struct call *c, struct array **ret)
{
	AUTO(array) struct array *out = NULL;
	AUTO_SEARCH struct search s = {0};
	TRY(new_fixed(c->node->type, c->n_rows, &out));
	for (uint64_t row = 0; row < c->n_rows; row++) {
		int64_t n;
		if (!call_wants(c, row) || vec_is_null(&c->args[0], row) ||
		    vec_is_null(&c->args[1], row))
			continue;
		TRY(search_row(c, row, &s));
		TRY(count_row(c, row, &s, &n));
		store_int(out, row, n);
	}
	*ret = TAKE(out);
	return NULL;
}

/* --- regexp_instr: the character where the n-th match, or a group, begins --- */

static int64_t optional(const struct call *c, size_t i, uint64_t row, int64_t otherwise)
{
	return c->n_args > i ? arg_i64(c, i, row) : otherwise;
}

static struct err *instr_row(const struct call *c, uint64_t row, struct search *s,
			     int64_t *ret)
{
	struct str in = arg_str(c, 0, row);
	int64_t start = optional(c, 2, row, 1), n = optional(c, 3, row, 1);
	int64_t group = optional(c, 5, row, 0);
	struct match match = {0};
	bool is_found = true;
	*ret = 0;
	if (start < 1 || n < 1)
		return call_err(c, row, "characters and matches are counted from 1");
	if ((uint64_t)start > count_chars(in))
		return NULL;
	uint64_t skip = char_offset(in, (uint64_t)start - 1);
	struct matches m = {
		.searcher = s->searcher, .text = in.p + skip, .len = in.len - skip};
	for (int64_t i = 0; is_found && i < (group > 0 ? 1 : n); i++)
		TRY(find_next(c, row, &m, &is_found, &match));
	if (is_found && group > 0)
		is_found = group <= UINT32_MAX &&
			   search_group(s->searcher, (uint32_t)group, &match);
	if (is_found)
		*ret = (int64_t)count_chars((struct str){in.p, skip + match.start}) + 1;
	return NULL;
}

static bool is_empty(const struct call *c, size_t i, uint64_t row)
{
	return !vec_is_null(&c->args[i], row) && arg_str(c, i, row).len == 0;
}

static bool any_null(const struct call *c, uint64_t row)
{
	for (size_t i = 0; i < c->n_args; i++)
		if (vec_is_null(&c->args[i], row))
			return true;
	return false;
}

/* Of an empty pattern 0, even in null. */
static struct err *eval_instr(const struct call *c, struct array **ret)
{
	AUTO(array) struct array *out = NULL;
	AUTO_SEARCH struct search s = {0};
	TRY(new_fixed(c->node->type, c->n_rows, &out));
	for (uint64_t row = 0; row < c->n_rows; row++) {
		int64_t v;
		if (!call_wants(c, row) || is_empty(c, 1, row))
			continue;
		if (any_null(c, row)) {
			TRY(set_null(out, row));
			continue;
		}
		if (is_empty(c, 0, row))
			continue;
		TRY(search_row(c, row, &s));
		TRY(instr_row(c, row, &s, &v));
		store_int(out, row, v);
	}
	*ret = TAKE(out);
	return NULL;
}

#define ROW(n, least, most, strict, binding, sig, fn, t)                               \
	{                                                                              \
		.name = (n), .min_args = (least), .max_args = (most),                  \
		.is_strict = (strict), .can_fail = true, .bind = (binding),            \
		.prepare = prepare_pattern, .release = release_pattern,                \
		.signature = (sig), .eval = (fn), .tag = (t)                           \
	}

static const struct function rows[] = {
	ROW("regexp_like", 2, 3, true, bind_signature, "ss?s>b", eval_like, LIKE),
	ROW("regexp_match", 2, 3, true, bind_match, "tt?t>A", eval_match, MATCH),
	ROW("regexp_replace", 3, 4, true, bind_replace, "ttt?t>A", eval_replace,
	    REPLACE),
	ROW("regexp_count", 2, 4, false, bind_signature, "tt?I?t>l", eval_count, COUNT),
	ROW("regexp_instr", 2, 6, false, bind_signature, "tt?I?I?t?I>l", eval_instr,
	    INSTR),
};

const struct function_table pattern_functions = {rows, sizeof(rows) / sizeof(rows[0])};
