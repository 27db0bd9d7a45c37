// SPDX-License-Identifier: Apache-2.0
/*
 * arrow_columns.c: which columns of an Arrow file are wanted, and their batches as the
 * type that is.
 */
#include "format/arrow_priv.h"

#include <errno.h>

/* --- the schema --- */

static struct field *column_field(const struct arrow_choice *c, size_t i)
{
	return c->schema->children[i]->field;
}

static void take_one(struct arrow_choice *c, size_t column)
{
	c->first = column;
	c->end = column + 1;
}

/* The column of the file's name; or the only one, whatever it is called. */
static struct err *pick_column(const struct parser *p, struct arrow_choice *c)
{
	AUTO_BUF struct buf names = {0};
	const struct arrow_column *root = c->schema;
	if (root->n_children == 1) {
		take_one(c, 0);
		return NULL;
	}
	for (size_t i = 0; i < root->n_children; i++) {
		const char *name = column_field(c, i)->name;
		if (strcmp(name, p->options.name) == 0) {
			take_one(c, i);
			return NULL;
		}
		if (i < 8)
			buf_printf(&names, "%s%s", i ? ", " : "", name);
	}
	buf_byte(&names, 0);
	TRY(buf_check(&names));
	return err_new(EINVAL,
		       "the file has %zu columns (%s), none of which is called '%s'",
		       root->n_children, (char *)names.data, p->options.name);
}

static struct err *column_type(struct parser *p, const struct arrow_choice *c)
{
	struct type *own = column_field(c, c->first)->type;
	struct type *wanted = p->options.type;
	if (wanted && !arrow_converts(own, wanted))
		return parser_type_error(p, own);
	if (!wanted && p->options.prefer && arrow_converts(own, p->options.prefer))
		wanted = p->options.prefer;
	p->type = type_ref(wanted ? wanted : own);
	return NULL;
}

static struct err *wrong_member(const struct field *own, const struct field *wanted)
{
	AUTO_MEM char *have = NULL;
	AUTO_MEM char *want = NULL;
	TRY(type_format(own->type, &have));
	TRY(type_format(wanted->type, &want));
	return err_new(EINVAL, "column '%s': the file holds %s, the table's is %s",
		       own->name, have, want);
}

static struct err *table_type(struct parser *p, const struct arrow_choice *c)
{
	AUTO(type) struct type *own = NULL;
	struct type *wanted = p->options.type;
	for (size_t i = 0; wanted && i < c->end; i++) {
		const struct field *member = wanted->children[c->members[i]];
		if (!arrow_converts(column_field(c, i)->type, member->type))
			return wrong_member(column_field(c, i), member);
	}
	if (wanted) {
		p->type = type_ref(wanted);
		return NULL;
	}
	TRY(type_new_nested(TYPE_STRUCT, c->end, &own));
	for (size_t i = 0; i < c->end; i++)
		own->children[i] = field_ref(column_field(c, i));
	p->type = TAKE(own);
	return NULL;
}

static struct err *match_table(struct parser *p, struct arrow_choice *c)
{
	AUTO_MEM const char **names = NULL;
	c->first = 0;
	c->end = c->schema->n_children;
	TRY(mem_array(c->end, sizeof(*names), &names));
	TRY(mem_array(c->end, sizeof(*c->members), &c->members));
	for (size_t i = 0; i < c->end; i++)
		names[i] = column_field(c, i)->name;
	TRY(members_need(p, names, c->end));
	TRY(members_match(p->options.type, names, c->end, c->members));
	return table_type(p, c);
}

struct err *arrow_choose(struct parser *p, const struct arrow_column *schema,
			 struct arrow_choice *c)
{
	c->schema = schema;
	if (schema->n_children == 0)
		return err_new(EINVAL, "the file has no columns");
	if (!p->options.is_table)
		TRY(pick_column(p, c));
	TRY(str_dup(column_field(c, c->first)->name, &p->column_name));
	return p->options.is_table ? match_table(p, c) : column_type(p, c);
}

/* --- batches --- */

/* Where a struct is not wanted, its only member. */
static struct err *convert_batch(const struct parser *p, const struct arrow_choice *c,
				 struct array *raw, struct array **ret)
{
	AUTO(array) struct array *a = NULL;
	if (!p->options.is_table)
		return arrow_convert(raw->children[0], p->type, ret);
	TRY(array_new(p->type, raw->n_rows, &a));
	for (size_t i = 0; i < raw->n_children; i++) {
		const struct field *member = p->type->children[c->members[i]];
		if (raw->children[i]->n_nulls && !member->nullable)
			return err_new(EINVAL,
				       "column '%s' has nulls, which the table's does "
				       "not allow",
				       member->name);
		TRY_CTX(arrow_convert(raw->children[i], member->type,
				      &a->children[c->members[i]]),
			"column '%s'", member->name);
	}
	TRY(members_fill(a));
	*ret = TAKE(a);
	return NULL;
}

/* The wanted columns of a batch as they are in the file. */
static struct err *raw_batch(const struct arrow_choice *c,
			     const struct fb_table *header, struct cursor body,
			     const struct arrow_dictionaries *dictionaries,
			     struct array **ret)
{
	AUTO(type) struct type *t = NULL;
	AUTO(array) struct array *raw = NULL;
	int64_t n_rows;
	TRY(fb_scalar(header, 0, 8, 0, &n_rows));
	TRY(type_new_nested(TYPE_STRUCT, c->end - c->first, &t));
	for (size_t i = c->first; i < c->end; i++)
		t->children[i - c->first] = field_ref(column_field(c, i));
	TRY(array_new(t, (uint64_t)n_rows, &raw));
	TRY(arrow_batch_read(header, body, c->schema, c->first, c->end, dictionaries,
			     raw->children));
	*ret = TAKE(raw);
	return NULL;
}

struct err *arrow_batch(const struct parser *p, const struct arrow_choice *c,
			const struct fb_table *header, struct cursor body,
			const struct arrow_dictionaries *dictionaries,
			struct array **ret)
{
	AUTO(array) struct array *raw = NULL;
	TRY(raw_batch(c, header, body, dictionaries, &raw));
	return convert_batch(p, c, raw, ret);
}
