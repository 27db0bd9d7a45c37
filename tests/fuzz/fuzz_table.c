// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_table.c: any bytes as a manifest with its index section.
 *
 * The input: what to try (a byte), the index section's size (u16), the section,
 * the message.  The framing is made right, so that the fuzzer spends its time in
 * the messages; its version is always right.  What opens is shown and checked as
 * `info`, `schema`, `history`, `changes` and `verify` do, read, and committed to. There
 * is a data file "data/a.lance" with fields 0 (int64), 1 (string), 2 and 3
 * (list<int32>) of ROWS rows, and deletion files of fragments 0 and 1 of either kind.
 */
#include "command/command.h"
#include "table/table_priv.h"

#include "input.h"

#define ROWS 20
#define VERSION 7
#define MAX_ROW_BYTES ((uint64_t)16 << 20)

enum { TRY_COMMIT = 1, TRY_OTHER_TYPE = 2, TRY_V20_FILES = 4, TRY_READ = 8 };

/* A whole file of any store. */
struct stock {
	struct bytes *v20, *v22; /* the data file */
};

/* --- the data file --- */

static struct array *make_column(struct type *t)
{
	struct array *a;
	must(array_new_null(t, ROWS, &a));
	return a;
}

static struct field *make_field(const char *name, const char *type, int32_t id)
{
	struct type *t;
	struct field *f;
	must(type_parse(type, &t));
	must(field_new(name, t, true, &f));
	f->id = id;
	if (t->n_children)
		t->children[0]->id = id + 1;
	type_unref(t);
	return f;
}

static struct bytes *make_file(enum lance_version version)
{
	AUTO(io_store) struct io_store *store = NULL;
	struct file_writer *w;
	struct file_written written;
	struct bytes *b;
	struct field *fields[] = {make_field("i", "int64", 0),
				  make_field("s", "string", 1),
				  make_field("l", "list<int32>", 2)};
	struct array *columns[3];
	must(io_store_new_memory(&store));
	must(file_writer_open(store, "a", version, fields, 3, &w));
	for (size_t i = 0; i < 3; i++)
		columns[i] = make_column(fields[i]->type);
	must(file_writer_write(w, columns));
	must(file_writer_finish(w, &written));
	must(io_read_all(store, "a", 1 << 20, &b));
	file_written_fini(&written);
	for (size_t i = 0; i < 3; i++) {
		array_unref(columns[i]);
		field_unref(fields[i]);
	}
	return b;
}

static const struct stock *get_stock(void)
{
	static struct stock stock;
	if (!stock.v20) {
		stock.v20 = make_file(LANCE_2_0);
		stock.v22 = make_file(LANCE_2_2);
	}
	return &stock;
}

/* --- the store --- */

static void put_deletions(struct io_store *s)
{
	/* one array container, offsets 1 and 3 */
	static const uint8_t bitmap[] = {0x3a, 0x30, 0, 0, 1, 0, 0, 0, 0, 0,
					 1,    0,    0, 0, 0, 0, 1, 0, 3, 0};
	must(io_put(s, "_deletions/0-1-1.bin", bitmap, sizeof(bitmap)));
	must(io_put(s, "_deletions/1-1-1.bin", bitmap, sizeof(bitmap)));
}

static void put_manifest(struct io_store *s, const struct run *section,
			 const struct run *message)
{
	static const uint8_t version[] = {3 << 3,
					  VERSION}; /* of two, the last counts */
	AUTO_BUF struct buf out = {0};
	AUTO_MEM char *path = NULL;
	buf_u32le(&out, (uint32_t)section->len);
	buf_append(&out, section->p, section->len);
	uint64_t pos = out.len;
	buf_u32le(&out, (uint32_t)(message->len + sizeof(version)));
	buf_append(&out, message->p, message->len);
	buf_append(&out, version, sizeof(version));
	buf_u64le(&out, pos);
	buf_u16le(&out, 0);
	buf_u16le(&out, 2);
	buf_str(&out, "LANC");
	must(buf_check(&out));
	must(manifest_path(NAMING_V2, VERSION, &path));
	must(io_put(s, path, out.data, out.len));
}

static struct io_store *make_store(unsigned what, struct input *in)
{
	const struct stock *stock = get_stock();
	const struct bytes *file = what & TRY_V20_FILES ? stock->v20 : stock->v22;
	struct io_store *s;
	struct run section AUTO_RUN = take_run(in, take_u16(in));
	struct run message AUTO_RUN = take_run(in, in->left);
	must(io_store_new_memory(&s));
	if (what & (TRY_READ | TRY_COMMIT)) {
		must(io_put(s, "data/a.lance", file->data, file->len));
		put_deletions(s);
	}
	put_manifest(s, &section, &message);
	return s;
}

/* --- what is done with a version --- */

static void no_problem(void *ctx, const char *text)
{
	(void)ctx;
	(void)text;
}

static struct err *read_field(struct version *v, struct field *f)
{
	AUTO(array) struct array *a = NULL;
	int64_t time;
	uint8_t is_null[1000];
	uint64_t row_bytes = type_row_bits(f->type) / 8, n = sizeof(is_null);
	n = MIN_OF(n, MAX_ROW_BYTES / MAX_OF(row_bytes, 1u));
	n = MIN_OF(n, version_rows(v));
	TRY(version_column_time(v, f, &time));
	if (field_is_blob(f) && n) {
		struct blob blob;
		struct err *err = version_blob(v, f, n - 1, &blob);
		blob_fini(&blob);
		TRY(err);
	}
	TRY(version_read_nulls(v, f, 0, n, is_null));
	TRY(version_read(v, f, 0, n, &a));
	MUST_HOLD(a->n_rows == n);
	must(array_validate(a));
	return NULL;
}

static struct err *show_indices(struct version *v, struct buf *out)
{
	AUTO_INDEX_SEGMENTS struct index_segments l = {0};
	for (size_t i = 0; i < 3; i++) {
		AUTO_MEM char *name = NULL;
		TRY(version_index_name(v, i, &name));
		if (!name)
			break;
	}
	TRY(version_index_segments(v, NULL, &l));
	for (size_t i = 0; i < l.n; i++)
		buf_printf(out, "%s %llu\n", l.items[i].type,
			   (unsigned long long)l.items[i].n_rows);
	return NULL;
}

static struct err *look(struct table *t, struct version *v, unsigned what)
{
	AUTO_BUF struct buf out = {0};
	uint64_t n;
	struct verify_options options = {.found = no_problem, .note = no_problem};
	TRY(render_info(v, true, &out));
	TRY(render_schema(v, true, &out));
	TRY(version_verify(v, &options, &n));
	TRY(show_indices(v, &out));
	for (size_t i = 0; what & TRY_READ && i < version_n_fields(v); i++)
		err_free(read_field(v, version_field(v, i))); /* the next may do */
	for (size_t i = 0; what & TRY_READ && system_field_name(i); i++)
		err_free(read_field(v, version_system_field(v, system_field_name(i))));
	TRY(render_history(t, version_number(v), true, &out));
	return render_changes(t, version_number(v), &out);
}

/* --- a commit on top of it --- */

static void fill_file(struct column_file *file, const struct fragment_info *f)
{
	*file = (struct column_file){.fragment_id = f->id,
				     .physical_rows = f->physical_rows};
	must(str_dup("new.lance", &file->name));
	file->written = (struct file_written){.size_bytes = 100, .n_columns = 1};
	file->written.n_rows = f->physical_rows;
	must(mem_array(1, sizeof(int32_t), &file->written.field_ids));
	must(mem_array(1, sizeof(int32_t), &file->written.columns));
}

static struct err *commit(struct table *t, struct version *v, unsigned what)
{
	struct column_file files[8];
	AUTO(version) struct version *next = NULL;
	AUTO_BUF struct buf out = {0};
	size_t n = version_n_fragments(v);
	if (n > 8 || version_n_fields(v) == 0)
		return NULL;
	struct field *old = version_field(v, 0);
	struct field *f = make_field(old->name, "int64", 0);
	if (!(what & TRY_OTHER_TYPE)) {
		type_unref(f->type);
		f->type = type_ref(old->type);
	}
	for (size_t i = 0; i < n; i++) {
		struct fragment_info info;
		version_fragment(v, i, &info);
		fill_file(&files[i], &info);
	}
	struct new_column column = {f, old};
	struct column_commit c = {.base = v,
				  .columns = &column,
				  .n_columns = 1,
				  .files = files,
				  .n_files = n};
	struct err *err = table_commit_columns(t, &c, &next);
	for (size_t i = 0; i < n; i++) {
		free(files[i].name);
		file_written_fini(&files[i].written);
	}
	field_unref(f);
	TRY(err);
	MUST_HOLD(version_number(next) == version_number(v) + 1);
	TRY(show_indices(next, &out));
	return render_changes(t, version_number(next), &out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	unsigned what = take_u8(&in);
	AUTO(io_store) struct io_store *store = make_store(what, &in);
	AUTO(table) struct table *t = NULL;
	struct err *err = table_open(store, NULL, &t);
	if (!err) {
		AUTO(version) struct version *v = table_latest(t);
		int32_t id;
		err_free(look(t, v, what)); /* any error will do */
		err_free(version_check_writable(v));
		err_free(version_next_field_id(v, &id));
		if (what & TRY_COMMIT)
			err_free(commit(t, v, what));
	}
	err_free(err); /* what damaged manifests should give */
	return 0;
}
