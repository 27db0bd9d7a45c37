// SPDX-License-Identifier: Apache-2.0
/*
 * test_take.c: pages, and rows of pages, out of one file into another.
 */
#include "file/file.h"
#include "format/format.h"
#include "random_array.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <errno.h>

#define ROWS ((uint64_t)3000)
#define FIRST_ID 7

static const enum lance_version versions[] = {LANCE_2_0, LANCE_2_1, LANCE_2_2};
#define N_VERSIONS (sizeof(versions) / sizeof(versions[0]))

/* Binary values of up to max_len bytes, some empty, some null. */
static struct array *large_values(uint64_t max_len, uint64_t *seed)
{
	AUTO(type) struct type *t = type_of("binary");
	struct array *a;
	struct buf data AUTO_BUF = {0};
	must(array_new(t, ROWS, &a));
	must(bytes_new((ROWS + 1) * 4, &a->offsets));
	must(bytes_new_zero(bitmap_bytes(ROWS), &a->validity));
	for (uint64_t i = 0; i < ROWS; i++) {
		bool is_null = random_next(seed) % 8 == 0;
		uint64_t len = is_null ? 0 : random_next(seed) % (max_len + 1);
		store_u32le(a->offsets->data + i * 4, (uint32_t)data.len);
		a->n_nulls += is_null;
		if (!is_null)
			bit_set(a->validity->data, i);
		for (uint64_t k = 0; k < len; k++)
			buf_byte(&data, (uint8_t)(random_next(seed) >> 40));
	}
	store_u32le(a->offsets->data + ROWS * 4, (uint32_t)data.len);
	must(buf_check(&data));
	must(bytes_new(data.len, &a->data));
	memcpy(a->data->data, data.data, data.len);
	return a;
}

/* --- files of one column --- */

struct one_column {
	struct io_store *store;
	struct field *field;
	struct file_reader *reader;
	struct file_columns columns;
};

static void write_file(struct one_column *f, const char *name,
		       enum lance_version version, struct array *a)
{
	struct file_writer *w;
	struct file_written written;
	must(file_writer_open(f->store, name, version, &f->field, 1, &w));
	must(file_writer_write(w, &a));
	must(file_writer_finish(w, &written));
	file_written_fini(&written);
}

static void open_file(struct one_column *f, const char *name,
		      enum lance_version version)
{
	AUTO(io_file) struct io_file *file = NULL;
	file_columns_fini(&f->columns);
	must(file_columns_of(version, &f->field, 1, &f->columns));
	must(io_open(f->store, name, &file));
	file_reader_unref(TAKE(f->reader));
	must(file_reader_open(file, &f->reader));
}

static int32_t number_fields(struct field *f, int32_t id)
{
	f->id = id++;
	for (size_t i = 0; i < f->type->n_children; i++)
		id = number_fields(f->type->children[i], id);
	return id;
}

static void begin(struct one_column *f, enum lance_version version, struct array *a)
{
	*f = (struct one_column){0};
	must(io_store_new_memory(&f->store));
	must(field_new("x", a->type, true, &f->field));
	number_fields(f->field, FIRST_ID);
	write_file(f, "from.lance", version, a);
	open_file(f, "from.lance", version);
}

static void end(struct one_column *f)
{
	file_columns_fini(&f->columns);
	file_reader_unref(f->reader);
	field_unref(f->field);
	io_store_unref(f->store);
}

/* --- rows of pages --- */

/* Random runs of a span; keep receives their rows. */
static size_t choose_runs(const struct page_span *s, uint64_t *seed,
			  struct row_run *runs, uint64_t *keep, uint64_t *n_keep)
{
	size_t n = 0;
	uint64_t row = s->first;
	while (row < s->end) {
		uint64_t first = row + random_next(seed) % 5;
		uint64_t stop = first + 1 + random_next(seed) % 40;
		stop = MIN_OF(stop, s->end);
		row = stop + 1;
		if (first >= stop)
			continue;
		runs[n++] = (struct row_run){first, stop};
		for (; first < stop; first++)
			keep[(*n_keep)++] = first;
	}
	return n;
}

static void check_values(struct one_column *f, const struct array *want)
{
	AUTO(array) struct array *got = NULL;
	AUTO_BUF struct buf a = {0};
	AUTO_BUF struct buf b = {0};
	uint64_t n_rows;
	must(file_reader_rows(f->reader, &n_rows));
	assert_int_equal(n_rows, want->n_rows);
	must(file_read(f->reader, f->field, &f->columns.map, 0, n_rows, &got));
	must(array_validate(got));
	must(text_render(want, &a));
	must(text_render(got, &b));
	assert_int_equal(a.len, b.len);
	assert_memory_equal(a.data, b.data, a.len);
}

/* Runs of all spans; how many spans were taken. */
static size_t take_runs(struct one_column *f, struct file_writer *w, uint64_t *seed,
			uint64_t *keep, uint64_t *n_keep)
{
	AUTO_MEM struct page_span *spans = NULL;
	AUTO_MEM struct row_run *runs = NULL;
	size_t n_spans, n_taken = 0;
	must(mem_array(ROWS, sizeof(*runs), &runs));
	must(file_writer_spans(w, 0, f->reader, &f->columns.map, ROWS, &spans,
			       &n_spans));
	for (size_t i = 0; i < n_spans; i++) {
		bool is_taken;
		uint64_t before = *n_keep;
		size_t n = choose_runs(&spans[i], seed, runs, keep, n_keep);
		must(file_writer_take_runs(w, 0, f->reader, &f->columns.map, &spans[i],
					   runs, n, &is_taken));
		n_taken += is_taken;
		if (!is_taken)
			*n_keep = before;
	}
	return n_taken;
}

/* Take rows of a; are its pages such that they can be? */
static void check_runs(enum lance_version version, struct array *a, bool can_be,
		       uint64_t *seed)
{
	struct one_column f;
	struct file_writer *w;
	struct file_written written;
	AUTO_MEM uint64_t *keep = NULL;
	AUTO(array) struct array *want = NULL;
	uint64_t n_keep = 0;
	must(mem_array(ROWS, sizeof(*keep), &keep));
	begin(&f, version, a);
	must(file_writer_open_taking(f.store, "to.lance", version, &f.field, 1, &w));
	size_t n_taken = take_runs(&f, w, seed, keep, &n_keep);
	assert_int_equal(n_taken > 0, can_be);
	must(file_writer_finish(w, &written));
	assert_int_equal(written.n_rows, n_keep);
	file_written_fini(&written);
	open_file(&f, "to.lance", version);
	must(array_take(a, keep, n_keep, &want));
	check_values(&f, want);
	end(&f);
}

static void test_take_runs__large_values(void **state)
{
	uint64_t seed = 5;
	(void)state;
	for (size_t i = 0; i < N_VERSIONS; i++) {
		AUTO(array) struct array *short_ones = large_values(600, &seed);
		AUTO(array) struct array *long_ones = large_values(9000, &seed);
		bool is_zip = versions[i] != LANCE_2_0;
		check_runs(versions[i], short_ones, is_zip, &seed);
		check_runs(versions[i], long_ones, is_zip, &seed);
	}
}

static void test_take_runs__embeddings(void **state)
{
	uint64_t seed = 6;
	AUTO(type) struct type *t = type_of("float32[100]");
	(void)state;
	for (size_t i = 0; i < N_VERSIONS; i++)
		for (unsigned nulls = 0; nulls <= 20; nulls += 20) {
			AUTO(array)
			struct array *a = random_array(t, ROWS, nulls, &seed);
			check_runs(versions[i], a, versions[i] != LANCE_2_0, &seed);
		}
}

/* Chunks of small values, and rows of lists, are decoded. */
static void test_take_runs__others(void **state)
{
	static const char *const types[] = {"int64", "string", "list<int32>",
					    "struct<a: int32, b: string>"};
	uint64_t seed = 7;
	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		AUTO(type) struct type *t = type_of(types[i]);
		AUTO(array) struct array *a = random_array(t, ROWS, 10, &seed);
		check_runs(LANCE_2_2, a, false, &seed);
	}
}

static void test_take_runs__rows_of_elsewhere(void **state)
{
	uint64_t seed = 8;
	AUTO(array) struct array *a = large_values(600, &seed);
	struct one_column f;
	AUTO(file_writer) struct file_writer *w = NULL;
	const struct page_span span = {0, 10, 1};
	const struct row_run runs[] = {{5, 11}};
	bool is_taken;
	(void)state;
	begin(&f, LANCE_2_2, a);
	must(file_writer_open_taking(f.store, "to.lance", LANCE_2_2, &f.field, 1, &w));
	AUTO_ERR struct err *err = file_writer_take_runs(w, 0, f.reader, &f.columns.map,
							 &span, runs, 1, &is_taken);
	assert_non_null(err);
	assert_int_equal(err->code, EINVAL);
	end(&f);
}

/* --- whole pages --- */

static void test_take__with_others_between(void **state)
{
	static const char *const types[] = {"string", "list<int32>", "float32[100]",
					    "list<struct<a: int32, b: list<string>>>"};
	uint64_t seed = 9;
	(void)state;
	for (size_t i = 0; i < N_VERSIONS * 4; i++) {
		enum lance_version version = versions[i / 4];
		AUTO(type) struct type *t = type_of(types[i % 4]);
		AUTO(array) struct array *a = random_array(t, ROWS, 0, &seed);
		AUTO_MEM struct page_span *spans = NULL;
		struct array *all[] = {a, a, a};
		AUTO(array) struct array *want = NULL;
		struct one_column f;
		struct file_writer *w;
		struct file_written written;
		size_t n;
		begin(&f, version, a);
		must(file_writer_open_taking(f.store, "to.lance", version, &f.field, 1,
					     &w));
		must(file_writer_spans(w, 0, f.reader, &f.columns.map, ROWS, &spans,
				       &n));
		assert_int_equal(n, 1);
		must(file_writer_take(w, 0, f.reader, &f.columns.map, &spans[0]));
		must(file_writer_write_field(w, 0, a));
		must(file_writer_take(w, 0, f.reader, &f.columns.map, &spans[0]));
		must(file_writer_finish(w, &written));
		file_written_fini(&written);
		open_file(&f, "to.lance", version);
		must(array_concat(all, 3, &want));
		check_values(&f, want);
		end(&f);
	}
}

/* A file of another version is decoded; fields of different lengths are refused. */
static void test_take__refused(void **state)
{
	uint64_t seed = 10;
	AUTO(type) struct type *t = type_of("int32");
	AUTO(array) struct array *a = random_array(t, ROWS, 0, &seed);
	struct one_column f;
	struct file_writer *w;
	struct file_written written;
	struct page_span *spans;
	size_t n;
	(void)state;
	begin(&f, LANCE_2_1, a);
	struct field *fields[] = {f.field, f.field};
	must(file_writer_open_taking(f.store, "to.lance", LANCE_2_2, fields, 2, &w));
	must(file_writer_spans(w, 0, f.reader, &f.columns.map, ROWS, &spans, &n));
	assert_int_equal(n, 0);
	free(spans);
	must(file_writer_write_field(w, 0, a));
	AUTO_ERR struct err *err = file_writer_finish(w, &written);
	assert_non_null(err);
	assert_int_equal(err->code, EINVAL);
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_take_runs__large_values),
		cmocka_unit_test(test_take_runs__embeddings),
		cmocka_unit_test(test_take_runs__others),
		cmocka_unit_test(test_take_runs__rows_of_elsewhere),
		cmocka_unit_test(test_take__with_others_between),
		cmocka_unit_test(test_take__refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
