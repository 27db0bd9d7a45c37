// SPDX-License-Identifier: Apache-2.0
/*
 * test_file.c: data files written and read again, whole, in ranges and damaged.
 */
#include "file/file.h"
#include "random_array.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
	char dir[32];
	struct io_store *store;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	assert_non_null(f);
	snprintf(f->dir, sizeof(f->dir), "/tmp/lancefs-file-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	must(io_store_open_local(f->dir, &f->store));
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	must(io_remove(f->store, "a.lance"));
	io_store_unref(f->store);
	rmdir(f->dir);
	free(f);
	return 0;
}

/* Ids to a field and all that have columns or children of their own. */
static void number_fields(struct field *f, int32_t *next)
{
	f->id = (*next)++;
	if (f->type->id == TYPE_FIXED_LIST || f->type->id == TYPE_DICTIONARY)
		return;
	for (size_t i = 0; i < f->type->n_children; i++)
		number_fields(f->type->children[i], next);
}

static struct field *field_of(const char *type)
{
	AUTO(type) struct type *t = type_of(type);
	struct field *f = NULL;
	int32_t next = 0;
	must(field_new("x", t, true, &f));
	number_fields(f, &next);
	return f;
}

/* Write an array in batches as the only column of a.lance. */
static struct err *write_file(struct io_store *store, enum lance_version version,
			      struct field *field, struct array *a, uint64_t batch)
{
	AUTO(file_writer) struct file_writer *w = NULL;
	struct file_written written = {0};
	TRY(io_remove(store, "a.lance"));
	TRY(file_writer_open(store, "a.lance", version, &field, 1, &w));
	for (uint64_t i = 0; i < a->n_rows; i += batch) {
		AUTO(array) struct array *part = NULL;
		TRY(array_slice(a, i, MIN_OF(i + batch, a->n_rows), &part));
		TRY(file_writer_write(w, &part));
	}
	TRY(file_writer_finish(TAKE(w), &written));
	assert_int_equal(written.n_rows, a->n_rows);
	file_written_fini(&written);
	return NULL;
}

static struct err *open_file(struct io_store *store, struct file_reader **ret)
{
	AUTO(io_file) struct io_file *file = NULL;
	TRY(io_open(store, "a.lance", &file));
	return file_reader_open(file, ret);
}

static void check_range(struct file_reader *r, struct field *field,
			const struct file_map *map, struct array *a, uint64_t first,
			uint64_t end)
{
	AUTO(array) struct array *got = NULL;
	AUTO(array) struct array *want = NULL;
	must(file_read(r, field, map, first, end, &got));
	must(array_validate(got));
	must(array_slice(a, first, end, &want));
	if (!array_equal(got, want))
		fail_msg("rows [%llu, %llu) differ", (unsigned long long)first,
			 (unsigned long long)end);
}

static void check_file(struct io_store *store, enum lance_version version,
		       struct field *field, struct array *a, uint64_t *seed)
{
	AUTO(file_reader) struct file_reader *r = NULL;
	struct file_columns columns = {0};
	uint64_t n_rows;
	must(open_file(store, &r));
	must(file_columns_of(version, &field, 1, &columns));
	assert_int_equal(file_reader_version(r), version);
	assert_int_equal(file_reader_n_columns(r), columns.map.n);
	must(file_reader_rows(r, &n_rows));
	assert_int_equal(n_rows, a->n_rows);
	check_range(r, field, &columns.map, a, 0, n_rows);
	for (unsigned i = 0; i < 6; i++) {
		uint64_t first = random_next(seed) % (n_rows + 1);
		uint64_t n = random_next(seed) % (i < 3 ? 3 : n_rows + 1);
		check_range(r, field, &columns.map, a, first,
			    MIN_OF(first + n, n_rows));
	}
	file_columns_fini(&columns);
}

static const char *const types[] = {"null",
				    "bool",
				    "int8",
				    "uint16",
				    "int64",
				    "float32",
				    "float64",
				    "date32",
				    "timestamp[us, UTC]",
				    "decimal(20,2)",
				    "fixed_size_binary[5]",
				    "fixed_size_binary[300]",
				    "string",
				    "large_string",
				    "binary",
				    "float32[3]",
				    "float32[100]",
				    "bool[8]",
				    "list<int32>",
				    "large_list<string>",
				    "list<list<int16>>",
				    "list<float32[70]>",
				    "struct<a: int64, b: string, c: struct<d: bool>>",
				    "list<struct<a: int32, b: list<string>>>",
				    "struct<a: list<int32>, b: double>",
				    "map<string, int64>"};
static const uint64_t sizes[] = {0, 1, 2, 1023, 1024, 1025, 5000};

static void round_trip(struct fixture *f, enum lance_version version, const char *type)
{
	AUTO(field) struct field *field = field_of(type);
	uint64_t seed = 7;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		for (unsigned nulls = 0; nulls <= 100; nulls += 50) {
			AUTO(array) struct array *a = NULL;
			a = random_array(field->type, sizes[i], nulls, &seed);
			uint64_t batch = i % 2 ? 300 : 100000;
			struct err *err =
				write_file(f->store, version, field, a, batch);
			if (err && err->code == EOPNOTSUPP) {
				assert_true(version < LANCE_2_2);
				err_free(
					err); /* maps and null structs, as documented */
				continue;
			}
			must(err);
			check_file(f->store, version, field, a, &seed);
		}
	}
}

static void with_each_type(void **state, enum lance_version version)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		round_trip(*state, version, types[i]);
}

static void test_file__round_trip_2_0(void **state)
{
	with_each_type(state, LANCE_2_0);
}

static void test_file__round_trip_2_1(void **state)
{
	with_each_type(state, LANCE_2_1);
}

static void test_file__round_trip_2_2(void **state)
{
	with_each_type(state, LANCE_2_2);
}

/* A column of more than one page. */
static void test_file__pages_are_cut(void **state)
{
	struct fixture *f = *state;
	AUTO(field) struct field *field = field_of("float32[768]");
	uint64_t seed = 1;
	AUTO(array) struct array *a = random_array(field->type, 6000, 0, &seed);
	for (int v = LANCE_2_0; v <= LANCE_2_2; v++) {
		must(write_file(f->store, (enum lance_version)v, field, a, 6000));
		check_file(f->store, (enum lance_version)v, field, a, &seed);
	}
}

/* A long row does not fit a mini-block's chunk. */
static void test_file__row_of_many_items(void **state)
{
	struct fixture *f = *state;
	AUTO(field) struct field *field = field_of("list<string>");
	uint64_t seed = 1;
	enum { N = 70000 };
	AUTO(array) struct array *a = NULL;
	must(array_new(field->type, 2, &a));
	must(bytes_new_zero(12, &a->offsets));
	store_u32le(a->offsets->data + 4, N);
	store_u32le(a->offsets->data + 8, N);
	a->children[0] = random_array(field->type->children[0]->type, N, 10, &seed);
	for (int v = LANCE_2_0; v <= LANCE_2_2; v++) {
		must(write_file(f->store, (enum lance_version)v, field, a, 2));
		check_file(f->store, (enum lance_version)v, field, a, &seed);
	}
}

static void expect_error(struct err *err, int code, const char *part)
{
	assert_non_null(err);
	if (err->code != code || !strstr(err->msg, part))
		fail_msg("error %d: %s; expected %d: ...%s...", err->code, err->msg,
			 code, part);
	err_free(err);
}

static void refuse_bytes(struct fixture *f, const void *p, size_t len, int code,
			 const char *part)
{
	struct file_reader *r = NULL;
	must(io_remove(f->store, "a.lance"));
	must(io_put(f->store, "a.lance", p, len));
	expect_error(open_file(f->store, &r), code, part);
}

static void test_file__not_a_data_file(void **state)
{
	uint8_t footer[40] = {0};
	refuse_bytes(*state, "short", 5, EIO, "not a data file");
	refuse_bytes(*state, footer, 40, EIO, "no LANC");
	memcpy(footer + 36, "LANC", 4);
	footer[34] = 2; /* 0.1: the metadata's position is right before */
	memset(footer + 24, 0xff, 8);
	refuse_bytes(*state, footer, 40, EIO, "metadata at 18446744073709551615");
	memset(footer + 24, 0, 8);
	footer[0] = 0xff;
	refuse_bytes(*state, footer, 40, EIO, "metadata of 255 bytes");
	footer[0] = 0;
	footer[34] = 9;
	refuse_bytes(*state, footer, 40, EOPNOTSUPP, "0.9 is not known");
	footer[32] = 2;
	footer[34] = 1;
	footer[28] = 1; /* a column without room for its entry is refused below */
	footer[8] = 255;
	refuse_bytes(*state, footer, 40, EIO, "column table");
}

static void test_file__rows_past_the_end(void **state)
{
	struct fixture *f = *state;
	AUTO(field) struct field *field = field_of("int64");
	AUTO(file_reader) struct file_reader *r = NULL;
	struct file_columns columns = {0};
	struct array *got = NULL;
	uint64_t seed = 1;
	AUTO(array) struct array *a = random_array(field->type, 10, 0, &seed);
	must(write_file(f->store, LANCE_2_1, field, a, 10));
	must(open_file(f->store, &r));
	must(file_columns_of(LANCE_2_1, &field, 1, &columns));
	expect_error(file_read(r, field, &columns.map, 5, 11, &got), EIO, "11 of 10");
	file_columns_fini(&columns);
}

/* Overwrite one byte of a.lance in place. */
static void poke(const struct fixture *f, size_t at, uint8_t byte)
{
	char path[64];
	snprintf(path, sizeof(path), "%s/a.lance", f->dir);
	AUTO_FD int fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
}

/* Every byte of a file damaged in turn: an error or an array, never worse. */
static void damage(struct fixture *f, enum lance_version version, const char *type)
{
	AUTO(field) struct field *field = field_of(type);
	AUTO(bytes) struct bytes *whole = NULL;
	uint64_t seed = 3;
	AUTO(array) struct array *a = random_array(field->type, 40, 20, &seed);
	struct file_columns columns = {0};
	must(write_file(f->store, version, field, a, 40));
	must(io_read_all(f->store, "a.lance", 1 << 20, &whole));
	must(file_columns_of(version, &field, 1, &columns));
	for (size_t i = 0; i < whole->len; i++) {
		AUTO(file_reader) struct file_reader *r = NULL;
		struct array *got = NULL;
		uint8_t old = whole->data[i];
		poke(f, i, (uint8_t)(old ^ (1u << (random_next(&seed) % 8))));
		struct err *err = open_file(f->store, &r);
		if (!err)
			err = file_read(r, field, &columns.map, 0, 40, &got);
		if (err)
			assert_true(err->code == EIO || err->code == EOPNOTSUPP ||
				    err->code == EFBIG);
		err_free(err); /* which of them it is does not matter here */
		array_unref(got);
		poke(f, i, old);
	}
	file_columns_fini(&columns);
}

static void test_file__damaged_bytes(void **state)
{
	for (int v = LANCE_2_0; v <= LANCE_2_2; v++) {
		damage(*state, (enum lance_version)v, "int32");
		damage(*state, (enum lance_version)v, "list<string>");
		damage(*state, (enum lance_version)v, "fixed_size_binary[300]");
	}
}

static void test_fields__logical_types(void **state)
{
	static const char *const names[] = {"bool",
					    "halffloat",
					    "decimal:128:10:2",
					    "date32:day",
					    "time64:us",
					    "timestamp:us:-",
					    "timestamp:ns:+08:00",
					    "duration:ms",
					    "fixed_size_binary:16",
					    "fixed_size_list:float:768",
					    "fixed_size_list:fixed_size_list:bool:2:3",
					    "fixed_size_list:lance.bfloat16:4",
					    "dict:string:int16:false",
					    "large_binary",
					    "json",
					    "blob",
					    "interval:made-up"};
	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		Lance__File__Field in = LANCE__FILE__FIELD__INIT;
		Lance__File__Field *list[] = {&in}, **out = NULL;
		AUTO_MEM char *name = NULL;
		struct field **fields = NULL;
		size_t n;
		must(str_dup(names[i], &name));
		in.name = name;
		in.logical_type = name;
		in.parent_id = -1;
		must(fields_from_proto(list, 1, &fields, &n));
		must(fields_to_proto(fields, n, &out, &n));
		assert_int_equal(n, 1);
		assert_string_equal(out[0]->logical_type, names[i]);
		/* only JSON has an extension that comes with the type */
		assert_int_equal(out[0]->n_metadata, strcmp(names[i], "json") == 0);
		proto_free(&out[0]->base);
		free(out);
		fields_free(fields, 1);
	}
}

static Lance__File__Field *proto_field(int32_t id, int32_t parent, const char *type)
{
	Lance__File__Field *p;
	must(mem_new(&p));
	lance__file__field__init(p);
	p->id = id;
	p->parent_id = parent;
	must(str_dup("b", &p->name));
	must(str_dup(type, &p->logical_type));
	return p;
}

/* A field with one entry of metadata; structs have a child. */
static struct field *blob_field(const char *type, const char *key, const char *value)
{
	Lance__File__Field *list[] = {proto_field(0, -1, type),
				      proto_field(1, 0, "large_binary")};
	Lance__File__BytesEntry *entry;
	struct field **fields;
	size_t n;
	must(mem_new(&entry));
	lance__file__bytes_entry__init(entry);
	must(str_dup(key, &entry->key));
	must(str_dup(value, (char **)&entry->value.data));
	entry->value.len = strlen(value);
	must(mem_array(1, sizeof(Lance__File__BytesEntry *), &list[0]->metadata));
	list[0]->metadata[list[0]->n_metadata++] = entry;
	must(fields_from_proto(list, strcmp(type, "struct") ? 1 : 2, &fields, &n));
	assert_int_equal(n, 1);
	struct field *f = field_ref(fields[0]);
	fields_free(fields, n);
	proto_free(&list[0]->base);
	proto_free(&list[1]->base);
	return f;
}

static void test_fields__blobs_are_large_binary(void **state)
{
	static const char *const cases[][3] = {
		{"binary", "lance-encoding:blob", "true"},
		{"large_binary", "lance-encoding:blob", "true"},
		{"blob", "lance-encoding:blob", "true"},
		{"struct", "lance-encoding:blob", "true"},
		{"struct", "ARROW:extension:name", "lance.blob.v2"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		AUTO(field)
		struct field *f = blob_field(cases[i][0], cases[i][1], cases[i][2]);
		assert_true(field_is_blob(f));
		assert_int_equal(f->type->id, TYPE_LARGE_BINARY);
		assert_int_equal(f->type->n_children, 0);
	}
	AUTO(field)
	struct field *f = blob_field("int64", "lance-encoding:blob", "true");
	assert_false(field_is_blob(f));
	assert_int_equal(f->type->id, TYPE_INT64);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_file__round_trip_2_0, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_file__round_trip_2_1, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_file__round_trip_2_2, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_file__pages_are_cut, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_file__row_of_many_items, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_file__not_a_data_file, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_file__rows_past_the_end, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_file__damaged_bytes, setup,
						teardown),
		cmocka_unit_test(test_fields__logical_types),
		cmocka_unit_test(test_fields__blobs_are_large_binary),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
