// SPDX-License-Identifier: Apache-2.0
/*
 * udf_column.c: columns that a UDF computes, as they are declared.
 */
#include "job/backfill_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define KEY "virtual_column"
#define KEY_HASH "virtual_column.udf"
#define KEY_NAME "virtual_column.udf_name"
#define KEY_INPUTS "virtual_column.udf_inputs"
#define KEY_GROUP "lancefs:udf.group"
#define KEY_PLACE "lancefs:udf.output"
#define KEY_INPUT_IDS "lancefs:udf.input_ids"

bool field_is_udf(const struct field *f)
{
	const char *backend = field_metadata(f, "virtual_column.udf_backend");
	return backend && strcmp(backend, "lancefs") == 0;
}

/* --- what made it, as metadata --- */

static struct err *put(struct metadata_list *l, const char *key, const char *value)
{
	struct metadata_text *m;
	TRY(mem_grow(l->n + 1, sizeof(*l->items), &l->cap, &l->items));
	m = &l->items[l->n];
	*m = (struct metadata_text){.key = key};
	l->n++;
	return value ? str_dup(value, &m->value) : NULL;
}

static struct err *put_buf(struct metadata_list *l, const char *key, struct buf *b)
{
	buf_byte(b, 0);
	TRY(buf_check(b));
	return put(l, key, (char *)b->data);
}

void metadata_list_fini(struct metadata_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->items[i].value);
	free(l->items);
	*l = (struct metadata_list){0};
}

static struct err *put_inputs(struct metadata_list *l, struct field *const *inputs,
			      size_t n)
{
	AUTO_BUF struct buf names = {0};
	AUTO_BUF struct buf ids = {0};
	for (size_t i = 0; i < n; i++) {
		buf_str(&names, i ? ", " : "[");
		buf_json_string(&names, inputs[i]->name, strlen(inputs[i]->name));
		buf_printf(&ids, "%s%" PRId32, i ? "," : "", inputs[i]->id);
	}
	buf_str(&names, "]");
	TRY(put_buf(l, KEY_INPUTS, &names));
	return put_buf(l, KEY_INPUT_IDS, &ids);
}

static struct err *put_models(struct metadata_list *l, const struct udf *u)
{
	AUTO_BUF struct buf b = {0};
	for (size_t i = 0; i < u->n_models; i++) {
		buf_str(&b, i ? ", " : "{");
		buf_json_string(&b, u->models[i].path, strlen(u->models[i].path));
		buf_printf(&b, ": \"%s\"", u->models[i].hash);
	}
	if (!u->n_models)
		return put(l, "lancefs:udf.models", NULL);
	buf_str(&b, "}");
	return put_buf(l, "lancefs:udf.models", &b);
}

static struct err *put_command(struct metadata_list *l, const struct udf *u)
{
	AUTO_BUF struct buf b = {0};
	for (size_t i = 0; u->command[i]; i++)
		buf_printf(&b, "%s%s", i ? " " : "", u->command[i]);
	return put_buf(l, "lancefs:udf.command", &b);
}

struct err *udf_metadata(const struct udf *u, struct field *const *inputs,
			 size_t n_inputs, struct metadata_list *l)
{
	AUTO_MEM char *place = NULL;
	TRY(str_printf(&place, "_udfs/%s", u->hash));
	TRY(put(l, KEY, "true"));
	TRY(put(l, "virtual_column.udf_backend", "lancefs"));
	TRY(put(l, KEY_NAME, u->name ? u->name : u->hash));
	TRY(put(l, KEY_HASH, place));
	TRY(put_inputs(l, inputs, n_inputs));
	TRY(put(l, "lancefs:udf.shape", udf_shape_name(u->shape)));
	TRY(put_command(l, u));
	TRY(put(l, "lancefs:udf.interpreter", u->interpreter));
	TRY(put(l, "lancefs:udf.interpreter_version", u->interpreter_version));
	TRY(put(l, "lancefs:udf.lock", u->lock));
	TRY(put_models(l, u));
	TRY(put(l, "lancefs:source", "udf"));
	return put(l, "lancefs:text", u->name ? u->name : u->hash);
}

struct err *run_metadata(uint64_t version, struct metadata_list *l)
{
	char number[24], when[32], host[128];
	struct tm tm;
	time_t now = time(NULL);
	snprintf(number, sizeof(number), "%" PRIu64, version);
	if (!gmtime_r(&now, &tm) ||
	    !strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm))
		when[0] = 0;
	if (gethostname(host, sizeof(host)) != 0)
		host[0] = 0;
	host[sizeof(host) - 1] = 0;
	TRY(put(l, "lancefs:version", number));
	TRY(put(l, "lancefs:time", when));
	return put(l, "lancefs:host", host);
}

/* --- declaring --- */

static struct err *check_shape(const struct udf_column_spec *s)
{
	if (s->n != s->udf->n_outputs)
		return err_new(EINVAL,
			       "the UDF '%s' gives %zu values a row, and %zu column%s "
			       "named",
			       s->udf->name ? s->udf->name : s->udf->hash,
			       s->udf->n_outputs, s->n, s->n == 1 ? " is" : "s are");
	if (s->type && s->n != 1)
		return err_new(EINVAL, "--type is of one value; this UDF gives %zu",
			       s->n);
	return NULL;
}

/* Columns of base by name; the UDF's own if none are named. */
static struct err *find_inputs(const struct udf_column_spec *s,
			       const struct version *base, struct field ***ret,
			       size_t *ret_n)
{
	const char *const *names = s->inputs;
	size_t n = s->n_inputs;
	AUTO_MEM struct field **fields = NULL;
	if (!n) {
		names = (const char *const *)s->udf->inputs;
		while (names && names[n])
			n++;
	}
	if (!n)
		return err_new(EINVAL, "which columns does it read?  --inputs=a,b");
	TRY(mem_array(n, sizeof(struct field *), &fields));
	for (size_t i = 0; i < n; i++) {
		fields[i] = version_find_field(base, names[i]);
		if (!fields[i])
			return err_new(ENOENT, "no column '%s', which it reads",
				       names[i]);
	}
	*ret = TAKE(fields);
	*ret_n = n;
	return NULL;
}

static struct err *output_type(const struct udf_column_spec *s, size_t i,
			       struct type **ret)
{
	struct type *t = s->type ? s->type : s->udf->outputs[i].type;
	if (!t)
		return err_new(EINVAL,
			       "the type of its value is not known: --type=float32, or "
			       "type= in udf.ini");
	*ret = t;
	return NULL;
}

static struct err *set_all(struct field *f, const struct metadata_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->items[i].value)
			TRY(field_set_metadata(f, l->items[i].key, l->items[i].value,
					       strlen(l->items[i].value)));
	return NULL;
}

static struct err *make_field(const struct udf_column_spec *s, size_t i,
			      const char *group, const struct metadata_list *l,
			      int32_t *next, struct field **ret)
{
	struct type *type;
	char place[24];
	snprintf(place, sizeof(place), "%zu", i);
	TRY(output_type(s, i, &type));
	TRY(field_new(s->names[i], type, true, ret));
	TRY(field_number(*ret, next));
	TRY(set_all(*ret, l));
	TRY(field_set_metadata(*ret, KEY_GROUP, group, strlen(group)));
	TRY(field_set_metadata(*ret, "virtual_column.auto_backfill",
			       s->is_auto ? "true" : "false", s->is_auto ? 4 : 5));
	return field_set_metadata(*ret, KEY_PLACE, place, strlen(place));
}

static struct err *check_names(const struct udf_column_spec *s,
			       const struct version *base)
{
	for (size_t i = 0; i < s->n; i++) {
		TRY(added_name_check(base, s->names[i]));
		for (size_t k = 0; k < i; k++)
			if (strcmp(s->names[i], s->names[k]) == 0)
				return err_new(EINVAL, "column '%s' comes twice",
					       s->names[i]);
	}
	return NULL;
}

/* The types must go through the pipes of its shape. */
static struct err *check_types(const struct udf_column_spec *s,
			       struct field *const *inputs, size_t n_inputs,
			       const struct new_column *columns)
{
	AUTO(field) struct field *table = NULL;
	AUTO_MEM struct type **types = NULL;
	struct udf_run run = {.udf = s->udf, .n_outputs = s->n};
	TRY(inputs_table(inputs, n_inputs, &table));
	TRY(mem_array(s->n, sizeof(struct type *), &types));
	for (size_t i = 0; i < s->n; i++)
		types[i] = columns[i].field->type;
	run.inputs = table;
	run.outputs = types;
	return udf_check_types(&run);
}

static struct err *declare(struct table *t, struct version *base,
			   const struct udf_column_spec *s, struct new_column *columns,
			   struct version **ret)
{
	AUTO_MEM struct field **inputs = NULL;
	size_t n_inputs = 0;
	uint8_t raw[16];
	char group[UUID_TEXT_LEN + 1];
	int32_t next;
	__attribute__((cleanup(metadata_list_fini))) struct metadata_list l = {0};
	TRY(check_shape(s));
	TRY(check_names(s, base));
	TRY(find_inputs(s, base, &inputs, &n_inputs));
	TRY(udf_metadata(s->udf, inputs, n_inputs, &l));
	TRY(run_metadata(version_number(base), &l));
	TRY(uuid_new(raw, group));
	TRY(version_next_field_id(base, &next));
	for (size_t i = 0; i < s->n; i++)
		TRY(make_field(s, i, group, &l, &next, &columns[i].field));
	TRY(check_types(s, inputs, n_inputs, columns));
	struct column_commit c = {.base = base, .columns = columns, .n_columns = s->n};
	return table_commit_columns(t, &c, ret);
}

struct err *udf_columns_declare(struct table *t, struct version *base,
				const struct udf_column_spec *spec,
				struct version **ret)
{
	struct new_column *columns;
	TRY(version_check_writable(base));
	TRY(mem_array(spec->n, sizeof(*columns), &columns));
	struct err *err = declare(t, base, spec, columns, ret);
	for (size_t i = 0; i < spec->n; i++)
		field_unref(columns[i].field);
	free(columns);
	return err;
}

/* --- finding --- */

void udf_columns_fini(struct udf_columns *c)
{
	free(c->outputs);
	free(c->inputs);
	*c = (struct udf_columns){0};
}

static bool is_of_group(const struct field *f, const char *group)
{
	const char *g = field_metadata(f, KEY_GROUP);
	return field_is_udf(f) && g && group && strcmp(g, group) == 0;
}

/* Those of one group, in the order of the outputs. */
static struct err *find_outputs(const struct version *v, struct field *first,
				struct udf_columns *c)
{
	const char *group = field_metadata(first, KEY_GROUP);
	size_t n = version_n_fields(v);
	TRY(mem_array(n, sizeof(struct field *), &c->outputs));
	for (size_t i = 0; i < n; i++) {
		struct field *f = version_field(v, i);
		const char *text = field_metadata(f, KEY_PLACE);
		uint64_t place;
		if (!is_of_group(f, group))
			continue;
		if (!text || !str_to_u64(text, &place) || place >= n ||
		    c->outputs[place])
			return err_new(EINVAL,
				       "column '%s' does not say which value "
				       "of its UDF it is",
				       f->name);
		c->outputs[place] = f;
		c->n_outputs = MAX_OF(c->n_outputs, (size_t)place + 1);
	}
	for (size_t i = 0; i < c->n_outputs; i++)
		if (!c->outputs[i])
			return err_new(
				ENOENT,
				"a column that was declared with '%s', for value "
				"%zu of its UDF, is gone; declare them anew",
				first->name, i + 1);
	return NULL;
}

static struct field *find_by_id(const struct version *v, int64_t id)
{
	for (size_t i = 0; i < version_n_fields(v); i++)
		if (version_field(v, i)->id == id)
			return version_field(v, i);
	return NULL;
}

static struct err *add_input(const struct version *v, struct json_object *name,
			     const char **ids, struct udf_columns *c)
{
	const char *text = json_object_get_string(name);
	char *end = NULL;
	struct field *f = NULL;
	if (*ids) { /* renamed or not */
		f = find_by_id(v, strtol(*ids, &end, 10));
		*ids = *end == ',' ? end + 1 : NULL;
	}
	if (!f && !end && text)
		f = version_find_field(v, text);
	if (!f)
		return err_new(ENOENT,
			       "column '%s', which the UDF reads, was dropped or "
			       "replaced",
			       text ? text : "");
	TRY(mem_resize(c->n_inputs + 1, sizeof(struct field *), &c->inputs));
	c->inputs[c->n_inputs++] = f;
	return NULL;
}

static struct err *find_input_fields(const struct version *v, const struct field *f,
				     struct udf_columns *c)
{
	const char *text = field_metadata(f, KEY_INPUTS);
	const char *ids = field_metadata(f, KEY_INPUT_IDS);
	struct json_object *list = text ? json_tokener_parse(text) : NULL;
	struct err *err = NULL;
	if (!json_object_is_type(list, json_type_array) ||
	    !json_object_array_length(list))
		err = err_new(EINVAL, "column '%s' does not say what its UDF reads",
			      f->name);
	for (size_t i = 0; !err && i < json_object_array_length(list); i++)
		err = add_input(v, json_object_array_get_idx(list, i), &ids, c);
	json_object_put(list);
	return err;
}

static struct err *find_columns(const struct version *v, const char *name,
				struct udf_columns *c)
{
	struct field *f = version_find_field(v, name);
	if (!f)
		return err_new(ENOENT, "no column '%s'", name);
	const char *hash = field_metadata(f, KEY_HASH);
	if (!field_is_udf(f) || !hash || !str_starts(hash, "_udfs/"))
		return err_new(EINVAL,
			       "column '%s' is not computed by a UDF; declare one with "
			       "add NAME --udf=U --inputs=COLUMNS",
			       name);
	c->hash = hash + strlen("_udfs/");
	c->name = field_metadata(f, KEY_NAME);
	TRY(find_outputs(v, f, c));
	return find_input_fields(v, f, c);
}

struct err *udf_columns_find(const struct version *v, const char *name,
			     struct udf_columns *ret)
{
	struct udf_columns c = {0};
	struct err *err = find_columns(v, name, &c);
	if (err)
		udf_columns_fini(&c);
	else
		*ret = c;
	return err;
}

struct err *inputs_table(struct field *const *inputs, size_t n, struct field **ret)
{
	AUTO(type) struct type *t = NULL;
	TRY(type_new_nested(TYPE_STRUCT, n, &t));
	for (size_t i = 0; i < n; i++) {
		/* a blob is plain bytes to a function */
		if (field_is_blob(inputs[i]))
			TRY(field_new(inputs[i]->name, inputs[i]->type, true,
				      &t->children[i]));
		else
			t->children[i] = field_ref(inputs[i]);
	}
	TRY(field_new("", t, false, ret));
	return field_set_metadata(*ret, FORMAT_TABLE_KEY, "", 0);
}
