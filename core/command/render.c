// SPDX-License-Identifier: Apache-2.0
/*
 * render.c: info, schema and history as text and as JSON; what commands share.
 */
#include "command/command_priv.h"

#include <errno.h>
#include <inttypes.h>

void render_bytes(uint64_t n, struct buf *out)
{
	static const char *const units[] = {"", " kB", " MB", " GB", " TB", " PB"};
	double v = (double)n;
	size_t unit = 0;
	for (; v >= 1000 && unit + 1 < sizeof(units) / sizeof(units[0]); unit++)
		v /= 1000;
	buf_printf(out, unit ? "%.3g%s" : "%.0f%s", v, units[unit]);
}

/* --- info --- */

static void info_text(struct version *v, struct buf *out)
{
	buf_printf(out, "version: %" PRIu64 "\ntime: ", version_number(v));
	buf_time(out, version_time_ns(v));
	buf_printf(out,
		   "\nrows: %" PRIu64 "\ndeleted rows: %" PRIu64
		   "\ncolumns: %zu\nfragments: %zu\ndata files: %zu\nbytes: %" PRIu64
		   " (",
		   version_rows(v), version_deleted(v), version_n_fields(v),
		   version_n_fragments(v), version_n_files(v), version_bytes(v));
	render_bytes(version_bytes(v), out);
	buf_printf(out, ")\nstorage version: %s\nwriter: %s\n",
		   lance_version_name(version_storage(v)), version_writer(v));
}

static void info_json(struct version *v, struct buf *out)
{
	const char *writer = version_writer(v);
	buf_printf(out, "{\"version\":%" PRIu64 ",\"time\":\"", version_number(v));
	buf_time(out, version_time_ns(v));
	buf_printf(out,
		   "\",\"rows\":%" PRIu64 ",\"deleted_rows\":%" PRIu64
		   ",\"columns\":%zu,\"fragments\":%zu,\"data_files\":%zu,\"bytes\":"
		   "%" PRIu64 ",\"storage_version\":\"%s\",\"writer\":",
		   version_rows(v), version_deleted(v), version_n_fields(v),
		   version_n_fragments(v), version_n_files(v), version_bytes(v),
		   lance_version_name(version_storage(v)));
	buf_json_string(out, writer, strlen(writer));
	buf_str(out, "}\n");
}

struct err *render_info(struct version *v, bool json, struct buf *out)
{
	if (json)
		info_json(v, out);
	else
		info_text(v, out);
	return buf_check(out);
}

/* --- schema --- */

static const char *provenance(const struct field *f)
{
	const char *source = field_metadata(f, "lancefs:source");
	const char *computed = field_metadata(f, "computed_column");
	const char *udf = field_metadata(f, "virtual_column");
	if (source)
		return source;
	if (computed)
		return "computed";
	return udf ? "udf" : "-";
}

struct line {
	struct version *v;
	struct field *f;
	const char *path;
	uint64_t bytes;
};

static struct err *schema_line(const struct line *l, bool json, struct buf *out)
{
	AUTO_MEM char *type = NULL;
	TRY(type_format(l->f->type, &type));
	if (!json) {
		buf_str(out, l->path);
		buf_printf(out, "\t%s\t%s\t%d\t%" PRIu64 "\t%s\n", type,
			   l->f->nullable ? "null" : "not null", l->f->id, l->bytes,
			   provenance(l->f));
		return NULL;
	}
	buf_str(out, "{\"name\":");
	buf_json_string(out, l->path, strlen(l->path));
	buf_str(out, ",\"type\":");
	buf_json_string(out, type, strlen(type));
	buf_printf(out,
		   ",\"nullable\":%s,\"id\":%d,\"bytes\":%" PRIu64 ",\"metadata\":{",
		   l->f->nullable ? "true" : "false", l->f->id, l->bytes);
	for (size_t i = 0; i < l->f->n_metadata; i++) {
		const struct metadata_entry *e = &l->f->metadata[i];
		buf_str(out, i ? "," : "");
		buf_json_string(out, e->key, strlen(e->key));
		buf_byte(out, ':');
		buf_json_string(out, e->value, e->value_len);
	}
	buf_str(out, "}}");
	return NULL;
}

/* A column whose files cannot be read is shown all the same. */
static uint64_t bytes_or_zero(struct version *v, struct field *f)
{
	uint64_t n = 0;
	struct err *err = version_column_bytes(v, f, &n);
	err_free(err); /* reading the column tells it */
	return n;
}

struct err *render_schema(struct version *v, bool json, struct buf *out)
{
	buf_str(out, json ? "[" : "");
	for (size_t i = 0; i < version_n_fields(v); i++) {
		struct field *f = version_field(v, i);
		AUTO_MEM char *path = NULL;
		if (json)
			TRY(str_dup(f->name, &path));
		else
			TRY(name_encode(f->name, &path));
		struct line l = {v, f, path, bytes_or_zero(v, f)};
		buf_str(out, json && i ? "," : "");
		TRY(schema_line(&l, json, out));
	}
	buf_str(out, json ? "]\n" : "");
	return buf_check(out);
}

/* --- history --- */

static void history_line(const struct version_summary *s,
			 const struct version_summary *old, bool json, struct buf *out)
{
	int64_t rows = (int64_t)(s->rows - (old ? old->rows : 0));
	int64_t fields = (int64_t)s->n_fields - (int64_t)(old ? old->n_fields : 0);
	int64_t bytes = (int64_t)(s->bytes - (old ? old->bytes : 0));
	if (json) {
		buf_printf(out, "{\"version\":%" PRIu64 ",\"time\":\"", s->number);
		buf_time(out, s->time_ns);
		buf_printf(out,
			   "\",\"operation\":\"%s\",\"rows\":%" PRId64
			   ",\"columns\":%" PRId64 ",\"bytes\":%" PRId64 "}\n",
			   s->operation, rows, fields, bytes);
		return;
	}
	buf_printf(out, "%" PRIu64 "\t", s->number);
	buf_time(out, s->time_ns);
	buf_printf(out,
		   "\t%s\trows %+" PRId64 "\tcolumns %+" PRId64 "\tbytes %+" PRId64,
		   s->operation, rows, fields, bytes);
	if (s->message)
		buf_printf(out, "\t%s", s->message);
	if (old)
		buf_printf(out, "\tbefore it: versions/%" PRIu64, old->number);
	buf_byte(out, '\n');
}

struct err *render_history(struct table *t, uint64_t up_to, bool json, struct buf *out)
{
	AUTO_MEM uint64_t *numbers = NULL;
	struct version_summary now = {0}, old = {0};
	bool has_now = false;
	size_t n;
	TRY(table_list_versions(t, &numbers, &n));
	for (size_t i = n;
	     i-- > 0;) { /* the newest first: each line needs the one before */
		if (numbers[i] > up_to)
			continue;
		struct err *err = table_summary(t, numbers[i], &old);
		if (err && err->code == ENOENT) {
			err_free(err); /* cleaned up meanwhile */
			continue;
		}
		if (err) {
			version_summary_fini(&now);
			return err;
		}
		if (has_now)
			history_line(&now, &old, json, out);
		version_summary_fini(&now);
		now = old;
		old = (struct version_summary){0};
		has_now = true;
	}
	if (has_now)
		history_line(&now, NULL, json, out);
	version_summary_fini(&now);
	return buf_check(out);
}

struct err *render_commits(struct table *t, uint64_t after, uint64_t up_to,
			   struct buf *out)
{
	AUTO_MEM uint64_t *numbers = NULL;
	struct version_summary old = {0};
	struct err *err = NULL;
	bool has_old = false;
	size_t n;
	TRY(table_list_versions(t, &numbers, &n));
	for (size_t i = 0; i < n && numbers[i] <= up_to && !err; i++) {
		struct version_summary now;
		if (numbers[i] < after && i + 1 < n && numbers[i + 1] <= after)
			continue;
		err = table_summary(t, numbers[i], &now);
		if (err)
			break;
		if (numbers[i] > after)
			history_line(&now, has_old ? &old : NULL, false, out);
		version_summary_fini(&old);
		old = now;
		has_old = true;
	}
	version_summary_fini(&old);
	return err ? err : buf_check(out);
}

/* --- changes --- */

static const struct field *find_id(const struct version *v, int32_t id)
{
	for (size_t i = 0; i < version_n_fields(v); i++)
		if (version_field(v, i)->id == id)
			return version_field(v, i);
	return NULL;
}

static struct err *put_change(const char *what, const struct field *f, struct buf *out)
{
	AUTO_MEM char *name = NULL;
	AUTO_MEM char *type = NULL;
	TRY(name_encode(f->name, &name));
	TRY(type_format(f->type, &type));
	buf_printf(out, "%s\t", what);
	buf_str(out, name);
	buf_printf(out, "\t%s\n", type);
	return NULL;
}

static struct err *compare_schemas(const struct version *old, const struct version *now,
				   struct buf *out)
{
	for (size_t i = 0; i < version_n_fields(now); i++) {
		const struct field *f = version_field(now, i);
		const struct field *was = find_id(old, f->id);
		if (!was)
			TRY(put_change("added", f, out));
		else if (strcmp(was->name, f->name) != 0)
			TRY(put_change("renamed", f, out));
		else if (version_column_key(old, was) != version_column_key(now, f))
			TRY(put_change("values", f, out));
	}
	for (size_t i = 0; i < version_n_fields(old); i++)
		if (!find_id(now, version_field(old, i)->id))
			TRY(put_change("dropped", version_field(old, i), out));
	return NULL;
}

struct err *render_diff(struct version *from, struct version *to, struct buf *out)
{
	buf_printf(out, "rows\t%" PRIu64 "\t%" PRIu64 "\n", version_rows(from),
		   version_rows(to));
	TRY(compare_schemas(from, to, out));
	return buf_check(out);
}

/* The version before `number` that is still there; 0 if there is none. */
static struct err *find_previous(struct table *t, uint64_t number, uint64_t *ret)
{
	AUTO_MEM uint64_t *numbers = NULL;
	size_t n;
	TRY(table_list_versions(t, &numbers, &n));
	*ret = 0;
	for (size_t i = 0; i < n && numbers[i] < number; i++)
		*ret = numbers[i];
	return NULL;
}

struct err *render_changes(struct table *t, uint64_t number, struct buf *out)
{
	struct version_summary now = {0}, before = {0};
	AUTO(version) struct version *v = NULL;
	AUTO(version) struct version *old = NULL;
	uint64_t previous;
	TRY(find_previous(t, number, &previous));
	TRY(table_version(t, number, &v));
	TRY(table_summary(t, number, &now));
	struct err *err = previous ? table_summary(t, previous, &before) : NULL;
	if (!err)
		history_line(&now, previous ? &before : NULL, false, out);
	version_summary_fini(&now);
	version_summary_fini(&before);
	TRY(err);
	if (previous) {
		TRY(table_version(t, previous, &old));
		TRY(compare_schemas(old, v, out));
	}
	return buf_check(out);
}

/* --- shared --- */

struct err *find_column(const struct version *v, const char *name, struct field **ret)
{
	const char *near = NULL;
	size_t best = 3;
	*ret = version_find_field(v, name);
	if (!*ret)
		*ret = version_system_field(v, name);
	if (*ret)
		return NULL;
	for (size_t i = 0; i < version_n_fields(v); i++) {
		size_t d = str_distance(name, version_field(v, i)->name);
		if (d < best) {
			best = d;
			near = version_field(v, i)->name;
		}
	}
	if (near)
		return err_new(ENOENT, "no column '%s' (did you mean '%s'?)", name,
			       near);
	return err_new(ENOENT, "no column '%s'", name);
}

struct err *pick_version(const struct command_env *env, const struct words *w,
			 struct version **ret)
{
	const char *text = words_option(w, "version");
	uint64_t number;
	if (!text) {
		*ret = version_ref(env->version);
		return NULL;
	}
	if (!str_to_u64(text, &number))
		return err_new(EINVAL, "--version=%s: not a version number", text);
	return table_version(env->table, number, ret);
}

/* --- views --- */

struct column_source {
	struct version *version; /* owned reference */
	struct field *field;	 /* borrowed from version */
	uint64_t first;
};

static struct err *source_read(void *ctx, uint64_t first, uint64_t end,
			       struct array **ret)
{
	struct column_source *s = ctx;
	return version_read(s->version, s->field, s->first + first, s->first + end,
			    ret);
}

static void source_release(void *ctx)
{
	struct column_source *s = ctx;
	version_unref(s->version);
	free(s);
}

struct err *column_view(struct version *v, struct field *f,
			const struct format_ops *format, uint64_t first, uint64_t end,
			struct view **ret)
{
	struct column_source *s;
	TRY(mem_new(&s));
	*s = (struct column_source){version_ref(v), f, first};
	struct view_source source = {
		.read = source_read,
		.release = source_release,
		.ctx = s,
		.n_rows = end - first,
		.field = f,
	};
	return view_open(format, &source, ret);
}

struct table_source {
	struct table *table;	 /* owned reference, or NULL: somebody else keeps it */
	struct version *version; /* owned reference */
	struct field *field;	 /* owned reference: a struct of the columns */
	struct field **columns;	 /* owned array; borrowed from the version */
};

static struct err *table_read(void *ctx, uint64_t first, uint64_t end,
			      struct array **ret)
{
	struct table_source *s = ctx;
	AUTO(array) struct array *a = NULL;
	TRY(array_new(s->field->type, end - first, &a));
	for (size_t i = 0; i < a->n_children; i++)
		TRY(version_read(s->version, s->columns[i], first, end,
				 &a->children[i]));
	*ret = TAKE(a);
	return NULL;
}

static void table_release(void *ctx)
{
	struct table_source *s = ctx;
	if (s->field)
		field_unref(s->field);
	version_unref(s->version);
	if (s->table)
		table_unref(s->table);
	free(s->columns);
	free(s);
}

/* The result of a query has names that are no columns' names. */
static struct err *shown_column(struct field *f, struct field **ret)
{
	const char *name = field_metadata(f, QUERY_NAME_KEY);
	if (!name) {
		*ret = field_ref(f);
		return NULL;
	}
	return field_new(name, f->type, f->nullable, ret);
}

/* A struct of those columns that the format can hold in a table; blobs may be of any
 * size, and are left out. */
static struct err *table_field(struct table_source *s, const struct format_ops *format)
{
	const struct version *v = s->version;
	AUTO(type) struct type *type = NULL;
	size_t n = 0;
	TRY(type_new_nested(TYPE_STRUCT, version_n_fields(v), &type));
	TRY(mem_array(version_n_fields(v), sizeof(struct field *), &s->columns));
	for (size_t i = 0; i < version_n_fields(v); i++) {
		struct field *f = version_field(v, i);
		AUTO(field) struct field *shown = NULL;
		TRY(format_field(format, f, &shown));
		if (field_is_blob(f) || !format_renders_in_table(format, shown->type))
			continue;
		s->columns[n] = f;
		TRY(shown_column(f, &type->children[n++]));
	}
	type->n_children = n;
	TRY(field_new("table", type, false, &s->field));
	return field_set_metadata(s->field, FORMAT_TABLE_KEY, "1", 1);
}

static struct err *open_view(struct table *t, struct version *v,
			     const struct format_ops *format, struct view **ret)
{
	struct table_source *s;
	TRY(mem_new(&s));
	s->table = t ? table_ref(t) : NULL;
	s->version = version_ref(v);
	struct err *err = table_field(s, format);
	if (!err && s->field->type->n_children == 0)
		err = err_new(EINVAL, "the table has no column that %s holds",
			      format_suffix(format));
	if (err) {
		table_release(s);
		return err;
	}
	struct view_source source = {
		.read = table_read,
		.release = table_release,
		.ctx = s,
		.n_rows = version_rows(v),
		.field = s->field,
	};
	return view_open(format, &source, ret);
}

struct err *table_view(struct version *v, const struct format_ops *format,
		       struct view **ret)
{
	return open_view(NULL, v, format, ret);
}

struct err *whole_table_view(struct table *t, const struct format_ops *format,
			     struct view **ret)
{
	AUTO(version) struct version *v = table_latest(t);
	return open_view(t, v, format, ret);
}
