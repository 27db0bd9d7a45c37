// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_transaction.c: any bytes as a transaction file, read as `history`, `changes`
 * and a rebase over it do.
 *
 * Version 1 has one column and two fragments; versions 2 and 3 name the
 * transaction file.  The first byte says what became of the fragments in 3.
 */
#include "command/command.h"
#include "table/table_priv.h"

#include "input.h"

#define TRANSACTION "_transactions/t.txn"

enum { N_SHAPES = 3 };

/* A manifest of fragments 0 .. n_fragments - 1, the last of `rows` rows. */
static void put_manifest(struct io_store *s, uint64_t number, uint64_t n_fragments,
			 uint64_t rows)
{
	char name[] = "c", type[] = "int64", file[] = "a.lance", txn[] = "t.txn",
	     lib[] = "lance", text[] = "14.0.2", format[] = "lance", storage[] = "2.1";
	int32_t ids[] = {0}, columns[] = {0};
	Lance__Table__Manifest m = LANCE__TABLE__MANIFEST__INIT;
	Lance__Table__DataFragment fragments[2] = {LANCE__TABLE__DATA_FRAGMENT__INIT,
						   LANCE__TABLE__DATA_FRAGMENT__INIT};
	Lance__Table__DataFragment *pointers[] = {&fragments[0], &fragments[1]};
	Lance__Table__DataFile data = LANCE__TABLE__DATA_FILE__INIT, *files[] = {&data};
	Lance__File__Field f = LANCE__FILE__FIELD__INIT, *fields[] = {&f};
	Lance__Table__WriterVersion writer = LANCE__TABLE__WRITER_VERSION__INIT;
	Lance__Table__DataStorageFormat storage_format =
		LANCE__TABLE__DATA_STORAGE_FORMAT__INIT;
	AUTO_BUF struct buf out = {0};
	AUTO_MEM char *path = NULL;
	f.name = name;
	f.logical_type = type;
	f.parent_id = -1;
	f.nullable = true;
	data.path = file;
	data.n_fields = data.n_column_indices = 1;
	data.fields = ids;
	data.column_indices = columns;
	for (uint64_t i = 0; i < 2; i++) {
		fragments[i].id = i;
		fragments[i].physical_rows = i + 1 == n_fragments ? rows : 10;
		fragments[i].n_files = 1;
		fragments[i].files = files;
	}
	writer.library = lib;
	writer.version = text;
	storage_format.file_format = format;
	storage_format.version = storage;
	m.version = number;
	m.n_fields = 1;
	m.fields = fields;
	m.n_fragments = n_fragments;
	m.fragments = pointers;
	m.writer_version = &writer;
	m.data_format = &storage_format;
	m.transaction_file = number > 1 ? txn : (char *)(uintptr_t) "";
	buf_u32le(&out, (uint32_t)protobuf_c_message_get_packed_size(&m.base));
	proto_pack(&m.base, &out);
	buf_u64le(&out, 0);
	buf_u32le(&out, 2 << 16);
	buf_str(&out, "LANC");
	must(buf_check(&out));
	must(manifest_path(NAMING_V2, number, &path));
	must(io_put(s, path, out.data, out.len));
}

static struct table *make_table(unsigned shape)
{
	struct io_store *s;
	struct table *t;
	must(io_store_new_memory(&s));
	put_manifest(s, 1, 2, 10);
	put_manifest(s, 2, 2, 10);
	put_manifest(s, 3, shape == 0 ? 2 : 1, shape == 1 ? 10 : 9);
	must(table_open(s, NULL, &t));
	io_store_unref(s);
	return t;
}

static struct table *get_table(unsigned shape)
{
	static struct table *tables[N_SHAPES];
	if (!tables[shape])
		tables[shape] = make_table(shape);
	return tables[shape];
}

/* As a writer that began on version 1 would. */
static void rebase(struct table *t)
{
	AUTO(version) struct version *base = NULL;
	AUTO(version) struct version *latest = table_latest(t);
	struct column_file files[2] = {{.fragment_id = 0, .physical_rows = 10},
				       {.fragment_id = 1, .physical_rows = 10}};
	must(table_version(t, 1, &base));
	struct field *f = version_field(base, 0);
	struct new_column column = {f, f};
	struct column_commit c = {.base = base,
				  .columns = &column,
				  .n_columns = 1,
				  .files = files,
				  .n_files = 2};
	err_free(rebase_check(t, &c, latest)); /* either answer will do */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	struct table *t = get_table(take_u8(&in) % N_SHAPES);
	AUTO_BUF struct buf out = {0};
	struct version_summary summary;
	struct run file AUTO_RUN = take_run(&in, in.left);
	must(io_remove(table_store(t), TRANSACTION));
	must(io_put(table_store(t), TRANSACTION, file.p, file.len));
	/* a broken transaction must not hide the version */
	must(table_summary(t, 3, &summary));
	version_summary_fini(&summary);
	must(render_history(t, 3, true, &out));
	must(render_changes(t, 3, &out));
	rebase(t);
	return 0;
}
