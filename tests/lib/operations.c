// SPDX-License-Identifier: Apache-2.0
#include "operations.h"

#include "fill_column.h"

static struct err *write_column(struct table *t, const char *name, const char *as)
{
	AUTO(version) struct version *base = table_latest(t);
	AUTO(version) struct version *v = NULL;
	AUTO(type) struct type *type = NULL;
	AUTO(column_writer) struct column_writer *w = NULL;
	AUTO(array) struct array *rows = NULL;
	must(type_parse(as, &type));
	struct column_spec spec = {.name = name, .type = type, .source = "file"};
	must(array_new_null(type, version_rows(base), &rows));
	TRY(column_writer_open(t, base, &spec, 1, &w));
	TRY(column_writer_push(w, &rows));
	return column_writer_commit(TAKE(w), &v);
}

static struct err *add_column(struct table *t)
{
	return write_column(t, "new", "int32");
}

static struct err *replace_column(struct table *t)
{
	return write_column(t, "caption", "string");
}

static struct err *retype_column(struct table *t)
{
	return write_column(t, "caption", "int64");
}

/* Two columns in one file a fragment, one of them a replacement. */
static struct err *write_columns(struct table *t)
{
	AUTO(version) struct version *base = table_latest(t);
	AUTO(version) struct version *v = NULL;
	AUTO(type) struct type *type = NULL;
	AUTO(column_writer) struct column_writer *w = NULL;
	AUTO(array) struct array *rows = NULL;
	must(type_parse("string", &type));
	struct column_spec specs[] = {
		{.name = "caption", .type = type, .source = "file"},
		{.name = "new", .type = type, .source = "file"},
	};
	must(array_new_null(type, version_rows(base), &rows));
	TRY(column_writer_open(t, base, specs, 2, &w));
	TRY(column_writer_push(w, (struct array *[]){rows, rows}));
	return column_writer_commit(TAKE(w), &v);
}

static struct err *cast_column(struct table *t)
{
	AUTO(version) struct version *base = table_latest(t);
	AUTO(version) struct version *v = NULL;
	AUTO(type) struct type *type = NULL;
	struct field *f = version_find_field(base, "width");
	struct job_progress silent = {0};
	must(type_parse("string", &type));
	return column_cast(t, base, f, type, &silent, &v);
}

/* The first rows once more. */
static struct err *append_rows(struct table *t)
{
	AUTO(version) struct version *base = table_latest(t);
	AUTO(version) struct version *v = NULL;
	AUTO(row_writer) struct row_writer *w = NULL;
	struct field *fields[16];
	struct array *rows[16] = {NULL};
	size_t n = version_n_fields(base);
	struct err *err = NULL;
	assert_true(n <= 16);
	for (size_t i = 0; i < n; i++)
		fields[i] = version_field(base, i);
	for (size_t i = 0; !err && i < n; i++)
		err = version_read(base, fields[i], 0, 3, &rows[i]);
	struct row_target target = {
		.store = table_store(t),
		.storage = version_storage(base),
		.fields = fields,
		.n_fields = n,
	};
	if (!err)
		err = row_writer_open(&target, &w);
	if (!err)
		err = row_writer_push(w, rows);
	for (size_t i = 0; i < n; i++)
		array_unref(rows[i]);
	TRY(err);
	return row_writer_append(TAKE(w), t, base, "more", &v);
}

static struct err *delete_range(struct table *t, uint64_t first, uint64_t end)
{
	AUTO(version) struct version *base = table_latest(t);
	AUTO(version) struct version *v = NULL;
	AUTO(row_choice) struct row_choice *rows = NULL;
	TRY(row_choice_new(base, &rows));
	for (uint64_t row = first; row < end; row += 2)
		TRY(row_choice_add(rows, &row, 1));
	for (uint64_t row = first + 1; row < end; row += 2)
		TRY(row_choice_add(rows, &row, 1));
	struct row_deletion deletion = {rows, "some", "deleted some"};
	return table_delete_rows(t, &deletion, &v);
}

static struct err *delete_rows(struct table *t)
{
	return delete_range(t, 1, 3);
}

/* The first fragment, and a row of the next. */
static struct err *delete_fragment(struct table *t)
{
	AUTO(version) struct version *base = table_latest(t);
	struct fragment_info f;
	version_fragment(base, 0, &f);
	return delete_range(t, 0, f.physical_rows - f.n_deleted + 1);
}

static struct err *update_some(struct table *t, enum update_mode mode)
{
	AUTO(version) struct version *base = table_latest(t);
	AUTO(version) struct version *v = NULL;
	static const struct assignment set[] = {{"width", "width + 1"},
						{"caption", "key"}};
	struct update_spec spec = {
		.set = set,
		.n = 2,
		.where = "key < '000000003' OR height % 19 = 7",
		.mode = mode,
	};
	uint64_t n;
	return rows_update(t, base, &spec, &n, &v);
}

static struct err *update_columns(struct table *t)
{
	return update_some(t, UPDATE_COLUMNS);
}

static struct err *update_rows(struct table *t)
{
	return update_some(t, UPDATE_ROWS);
}

static struct err *rename_column(struct table *t)
{
	AUTO(version) struct version *v = NULL;
	return table_rename_field(t, "caption", "text", NULL, &v);
}

static struct err *drop_column(struct table *t)
{
	AUTO(version) struct version *v = NULL;
	return table_drop_fields(t, (const char *[]){"area"}, 1, "gone", &v);
}

static struct err *describe_column(struct table *t)
{
	AUTO(version) struct version *v = NULL;
	struct metadata_change c = {"unit", "px"};
	return table_describe_field(t, "width", &c, 1, &v);
}

static struct err *restore_first(struct table *t)
{
	AUTO(version) struct version *base = table_latest(t);
	AUTO(version) struct version *v = NULL;
	return table_restore(t, base, 1, &v);
}

/* A column that a UDF is to compute. */
static struct err *declare_column(struct table *t)
{
	AUTO(version) struct version *base = table_latest(t);
	AUTO(version) struct version *v = NULL;
	AUTO(type) struct type *type = NULL;
	char *command[] = {(char[]){"./f"}, NULL}, *none[] = {NULL};
	struct udf u = {.name = command[0],
			.shape = UDF_LINES,
			.command = command,
			.inputs = none,
			.n_outputs = 1,
			.readable = none};
	struct udf_column_spec spec = {.names = (const char *const[]){"computed"},
				       .n = 1,
				       .udf = &u,
				       .inputs = (const char *const[]){"caption"},
				       .n_inputs = 1};
	must(type_parse("int64", &type));
	spec.type = type;
	return udf_columns_declare(t, base, &spec, &v);
}

static struct err *fill_width(struct table *t)
{
	AUTO(version) struct version *base = table_latest(t);
	AUTO(version) struct version *v = NULL;
	return fill_column(t, base, "width", "caption", "77", NULL, &v);
}

static struct err *compact(struct table *t, bool only_files)
{
	AUTO(version) struct version *base = table_latest(t);
	AUTO(version) struct version *v = NULL;
	const struct compact_options o = {
		.target_rows = 1000,
		.target_bytes = UINT64_MAX,
		.max_files = 1,
		.only_files = only_files,
	};
	struct compact_plan plan = {0};
	must(version_plan_compaction(base, &o, &plan));
	struct compact_run run = {.base = base, .group = plan.groups};
	assert_true(plan.n > 0);
	struct err *err = table_compact_group(t, &run, &v);
	compact_plan_fini(&plan);
	return err;
}

static struct err *compact_rows(struct table *t)
{
	return compact(t, false);
}

static struct err *compact_files(struct table *t)
{
	return compact(t, true);
}

const struct operation operations[] = {
	{"add", add_column},	     {"replace", replace_column},
	{"retype", retype_column},   {"rename", rename_column},
	{"drop", drop_column},	     {"describe", describe_column},
	{"restore", restore_first},  {"columns", write_columns},
	{"cast", cast_column},	     {"append", append_rows},
	{"update", update_columns},  {"moved", update_rows},
	{"delete", delete_rows},     {"emptied", delete_fragment},
	{"declare", declare_column}, {"fill", fill_width},
	{"compact", compact_rows},   {"merge", compact_files},
};

const size_t n_operations = sizeof(operations) / sizeof(operations[0]);

uint64_t fingerprint(struct version *v)
{
	uint64_t key = version_rows(v);
	for (size_t i = 0; i < version_n_fields(v); i++) {
		const struct field *f = version_field(v, i);
		AUTO(array) struct array *a = NULL;
		AUTO_BUF struct buf text = {0};
		must(version_read(v, f, 0, version_rows(v), &a));
		must(array_validate(a));
		must(text_render(a, &text));
		key = hash_bytes(text.data, text.len, hash_str(f->name, key));
	}
	return key;
}
