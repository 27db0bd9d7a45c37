// SPDX-License-Identifier: Apache-2.0
/*
 * test_indices.c: the names of indices, from a manifest that only has those.
 */
#include "table/table_priv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

/* A table whose one version has segments of these names. */
static struct table *make_table(const char *const *names, size_t n)
{
	/* version 1, section at 0, written by "lance", files of 2.2 */
	static const uint8_t message[] = {0x18, 1,    0x30, 0,	 0x6a, 7,   0x0a,
					  5,	'l',  'a',  'n', 'c',  'e', 0x7a,
					  5,	0x12, 3,    '2', '.',  '2'};
	AUTO_BUF struct buf section = {0};
	AUTO_BUF struct buf out = {0};
	AUTO(io_store) struct io_store *store = NULL;
	AUTO_MEM char *path = NULL;
	struct table *t;
	for (size_t i = 0; i < n; i++) {
		uint8_t len = (uint8_t)strlen(names[i]);
		uint8_t head[] = {0x0a, (uint8_t)(len + 2), 0x1a, len};
		buf_append(&section, head, sizeof(head));
		buf_str(&section, names[i]);
	}
	buf_u32le(&out, (uint32_t)section.len);
	buf_append(&out, section.data, section.len);
	uint64_t pos = out.len;
	buf_u32le(&out, sizeof(message));
	buf_append(&out, message, sizeof(message));
	buf_u64le(&out, pos);
	buf_u32le(&out, 2u << 16);
	buf_str(&out, "LANC");
	assert_null(buf_check(&out));
	assert_null(manifest_path(NAMING_V2, 1, &path));
	assert_null(io_store_new_memory(&store));
	assert_null(io_put(store, path, out.data, out.len));
	assert_null(table_open(store, NULL, &t));
	return t;
}

static void check_name(struct version *v, size_t i, const char *want)
{
	AUTO_MEM char *name = NULL;
	assert_null(version_index_name(v, i, &name));
	if (want)
		assert_string_equal(name, want);
	else
		assert_null(name);
}

static void test_names__each_once_in_order(void **state)
{
	static const char *const names[] = {"b", "a", "b", "c", "a", "b"};
	struct table *t = make_table(names, 6);
	AUTO(version) struct version *v = table_latest(t);
	(void)state;
	check_name(v, 0, "b");
	check_name(v, 1, "a");
	check_name(v, 2, "c");
	check_name(v, 3, NULL);
	check_name(v, SIZE_MAX, NULL);
	table_unref(t);
}

/* 2000 names in 15 KB took a minute, as each looked through all again. */
static void test_names__many(void **state)
{
	enum { N = 2000 };
	static char texts[N][8];
	static const char *names[N];
	(void)state;
	for (unsigned i = 0; i < N; i++) {
		snprintf(texts[i], sizeof(texts[i]), "%u", i);
		names[i] = texts[i];
	}
	struct table *t = make_table(names, N);
	AUTO(version) struct version *v = table_latest(t);
	for (size_t i = 0; i < N; i++)
		check_name(v, i, names[i]);
	check_name(v, N, NULL);
	table_unref(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names__each_once_in_order),
		cmocka_unit_test(test_names__many),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
