// SPDX-License-Identifier: Apache-2.0
/*
 * json_learn.c: the type that JSON values have in common.
 *
 * int64, and double as soon as one has a fraction; bool, string; lists and structs of
 * those, with all members that were seen.  Null has no say.
 */
#include "format/json_priv.h"

#include <errno.h>

#define LIMIT_MEMBERS 10000

enum kind {
	KIND_NONE,
	KIND_BOOL,
	KIND_INT,
	KIND_DOUBLE,
	KIND_STRING,
	KIND_LIST,
	KIND_STRUCT
};

static const char *const words[] = {
	[KIND_BOOL] = "true or false", [KIND_INT] = "a number",
	[KIND_DOUBLE] = "a number",    [KIND_STRING] = "a string",
	[KIND_LIST] = "an array",      [KIND_STRUCT] = "an object",
};

struct json_kind {
	enum kind kind;
	char *name;		     /* owned; of a member */
	struct json_kind **children; /* owned: members, or the item */
	size_t n_children, children_cap;
};

struct err *json_kind_new(struct json_kind **ret)
{
	return mem_new(ret);
}

void json_kind_free(struct json_kind *k)
{
	if (!k)
		return;
	for (size_t i = 0; i < k->n_children; i++)
		json_kind_free(k->children[i]);
	free(k->children);
	free(k->name);
	free(k);
}

static struct err *add_child(struct json_kind *k, struct json_kind *child)
{
	AUTO(json_kind) struct json_kind *owned = child;
	TRY(mem_grow(k->n_children + 1, sizeof(struct json_kind *), &k->children_cap,
		     &k->children));
	k->children[k->n_children++] = TAKE(owned);
	return NULL;
}

struct err *json_kind_copy(const struct json_kind *k, struct json_kind **ret)
{
	AUTO(json_kind) struct json_kind *copy = NULL;
	TRY(mem_new(&copy));
	copy->kind = k->kind;
	if (k->name)
		TRY(str_dup(k->name, &copy->name));
	for (size_t i = 0; i < k->n_children; i++) {
		struct json_kind *child;
		TRY(json_kind_copy(k->children[i], &child));
		TRY(add_child(copy, child));
	}
	*ret = TAKE(copy);
	return NULL;
}

/* --- one more value --- */

/* Integers that json-c cannot hold come as numbers with a fraction of zero. */
static struct err *number_kind(struct json_object *o, enum kind *ret)
{
	char scratch[NUMBER_TEXT_MAX];
	size_t len;
	int64_t v;
	const char *text = json_number_text(o, scratch, &len);
	bool long_integer = len > 20 && strspn(text, "-0123456789") == len - 2 &&
			    memcmp(text + len - 2, ".0", 2) == 0;
	*ret = json_object_get_type(o) == json_type_int || long_integer ? KIND_INT
									: KIND_DOUBLE;
	if (long_integer && !cell_int64(text, len - 2, &v))
		return err_new(EINVAL, "%.*s is no int64; state the type",
			       (int)MIN_OF(len - 2, (size_t)80), text);
	return NULL;
}

static struct err *value_kind(struct json_object *o, enum kind *ret)
{
	switch (json_object_get_type(o)) {
	case json_type_boolean:
		*ret = KIND_BOOL;
		return NULL;
	case json_type_double:
	case json_type_int:
		return number_kind(o, ret);
	case json_type_string:
		*ret = KIND_STRING;
		return NULL;
	case json_type_array:
		*ret = KIND_LIST;
		return NULL;
	default:
		*ret = KIND_STRUCT;
		return NULL;
	}
}

static bool is_number(enum kind kind)
{
	return kind == KIND_INT || kind == KIND_DOUBLE;
}

static struct err *add_items(struct json_kind *k, struct json_object *o)
{
	size_t n = json_object_array_length(o);
	if (!k->n_children) {
		struct json_kind *item;
		TRY(json_kind_new(&item));
		TRY(add_child(k, item));
	}
	for (size_t i = 0; i < n; i++)
		TRY_CTX(json_kind_add(k->children[0], json_object_array_get_idx(o, i)),
			"item %zu", i + 1);
	return NULL;
}

/* Objects mostly have their members in one order: `at` is the likely place. */
static struct err *find_member(struct json_kind *k, const char *name, size_t at,
			       struct json_kind **ret)
{
	struct json_kind *member;
	if (at < k->n_children && strcmp(k->children[at]->name, name) == 0) {
		*ret = k->children[at];
		return NULL;
	}
	for (size_t i = 0; i < k->n_children; i++) {
		if (strcmp(k->children[i]->name, name) == 0) {
			*ret = k->children[i];
			return NULL;
		}
	}
	if (k->n_children == LIMIT_MEMBERS)
		return err_new(EINVAL, "more than %d members; state the type",
			       LIMIT_MEMBERS);
	TRY(json_kind_new(&member));
	TRY(add_child(k, member));
	*ret = member;
	return str_dup(name, &member->name);
}

static struct err *add_members(struct json_kind *k, struct json_object *o)
{
	size_t at = 0;
	json_object_object_foreach(o, name, value)
	{
		struct json_kind *member;
		TRY(find_member(k, name, at++, &member));
		TRY_CTX(json_kind_add(member, value), "'%s'", name);
	}
	return NULL;
}

struct err *json_kind_add(struct json_kind *k, struct json_object *o)
{
	enum kind kind;
	if (!o)
		return NULL;
	TRY(value_kind(o, &kind));
	bool numbers = is_number(kind) && is_number(k->kind);
	if (k->kind != KIND_NONE && k->kind != kind && !numbers)
		return err_new(EINVAL, "%s where %s was before", words[kind],
			       words[k->kind]);
	k->kind = MAX_OF(k->kind, kind);
	if (kind == KIND_LIST)
		return add_items(k, o);
	return kind == KIND_STRUCT ? add_members(k, o) : NULL;
}

/* --- the type --- */

bool json_kind_is_known(const struct json_kind *k)
{
	return k->kind != KIND_NONE;
}

static struct err *nested_type(const struct json_kind *k, struct type **ret)
{
	AUTO(type) struct type *t = NULL;
	bool list = k->kind == KIND_LIST;
	TRY(type_new_nested(list ? TYPE_LIST : TYPE_STRUCT, k->n_children, &t));
	for (size_t i = 0; i < k->n_children; i++) {
		AUTO(type) struct type *child = NULL;
		TRY(json_kind_type(k->children[i], &child));
		TRY(field_new(list ? "item" : k->children[i]->name, child, true,
			      &t->children[i]));
	}
	*ret = TAKE(t);
	return NULL;
}

struct err *json_kind_type(const struct json_kind *k, struct type **ret)
{
	static const enum type_id ids[] = {[KIND_NONE] = TYPE_NULL,
					   [KIND_BOOL] = TYPE_BOOL,
					   [KIND_INT] = TYPE_INT64,
					   [KIND_DOUBLE] = TYPE_FLOAT64,
					   [KIND_STRING] = TYPE_STRING};
	return k->kind < KIND_LIST ? type_new(ids[k->kind], ret) : nested_type(k, ret);
}
