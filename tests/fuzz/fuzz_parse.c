// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_parse.c: any bytes into the parsers of all column file formats.
 *
 * Byte 0 chooses the format, byte 1 the type (from 128 on of a table), byte 2 the rows
 * of the table (255: any) and byte 3 how the rest is cut into pushes.  What a parser
 * hands on must be valid and of the parser's type, and what it calls complete must
 * finish.
 */
#include "format/format.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const types[] = {NULL,
				    "string",
				    "int64",
				    "uint8",
				    "float64",
				    "float32",
				    "float16",
				    "bool",
				    "date32",
				    "date64",
				    "time64[us]",
				    "timestamp[us]",
				    "timestamp[s, UTC]",
				    "duration[ms]",
				    "decimal(20,3)",
				    "decimal(60,10)",
				    "float32[3]",
				    "float32[2][2]",
				    "large_string",
				    "time32[s]",
				    "list<string>",
				    "struct<a: int32, b: list<bool>>",
				    "binary",
				    "large_binary",
				    "fixed_size_binary[3]",
				    "map<string, int64>",
				    "large_list<decimal(20,3)[2]>",
				    "null"};

static const char *const tables[] = {
	NULL, "struct<a: int64, b: string>",
	"struct<a: float64, b: list<int8>, c: binary, d: bool>",
	"struct<b: large_string, a: date32, v: float32[2], s: struct<x: int8>>"};

#define N_TYPES (sizeof(types) / sizeof(types[0]))
#define N_TABLES (sizeof(tables) / sizeof(tables[0]))
#define TABLE 128

struct seen {
	uint64_t n_rows;
	struct type *type; /* owned reference: of the batches */
};

static struct err *check_batch(void *ctx, struct array *batch)
{
	struct seen *seen = ctx;
	seen->n_rows += batch->n_rows;
	struct err *err = array_validate(batch);
	if (err || (seen->type && !type_equal(seen->type, batch->type)))
		abort();
	if (!seen->type)
		seen->type = type_ref(batch->type);
	return NULL;
}

static struct err *push_all(struct parser *p, const uint8_t *data, size_t size,
			    size_t step)
{
	for (size_t at = 0; at < size; at += step)
		TRY(parser_push(p, data + at, MIN_OF(step, size - at)));
	bool complete = parser_is_complete(p);
	struct err *err = parser_finish(p);
	if (complete != !err)
		abort();
	return err;
}

/* Give headers of archives the checksums that no fuzzer finds. */
static void fix_checksums(uint8_t *p, size_t size)
{
	for (; size >= 512; p += 512, size -= 512) {
		unsigned sum = 0;
		if (memcmp(p + 257, "ustar", 5) != 0)
			continue;
		memset(p + 148, ' ', 8);
		for (size_t i = 0; i < 512; i++)
			sum += p[i];
		for (size_t i = 6; i--; sum /= 8)
			p[148 + i] = (uint8_t)('0' + sum % 8);
		p[154] = 0;
	}
}

static struct err *push_copy(struct parser *p, bool is_archive, const uint8_t *data,
			     size_t size, size_t step)
{
	AUTO_MEM uint8_t *copy = NULL;
	TRY(mem_array(size, 1, &copy));
	memcpy(copy, data, size);
	if (is_archive)
		fix_checksums(copy, size);
	return push_all(p, copy, size, step);
}

static struct type *chosen_type(uint8_t choice)
{
	struct type *t = NULL;
	const char *name =
		choice & TABLE ? tables[choice % N_TABLES] : types[choice % N_TYPES];
	AUTO_ERR struct err *bad = name ? type_parse(name, &t) : NULL;
	if (bad)
		abort();
	return t;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 4)
		return 0;
	size_t n_formats = 0;
	while (format_at(n_formats))
		n_formats++;
	AUTO(type) struct type *t = chosen_type(data[1]);
	struct seen seen = {0};
	AUTO(parser) struct parser *p = NULL;
	struct parse_options options = {.type = t,
					.name = "c",
					.n_rows = data[2] == 255 ? PARSE_ANY_ROWS
								 : data[2],
					.is_table = (data[1] & TABLE) != 0,
					.rows = check_batch,
					.ctx = &seen};
	const struct format_ops *f = format_at(data[0] % n_formats);
	AUTO_ERR struct err *refused = parser_open(f, &options, &p);
	if (refused)
		return 0;
	AUTO_ERR struct err *err = push_copy(p, f == format_find("tar"), data + 4,
					     size - 4, data[3] % 16 + 1u);
	AUTO(type) struct type *type = seen.type;
	if (!err && (!parser_type(p) || (type && !type_equal(type, parser_type(p)))))
		abort();
	if (!err && seen.n_rows && data[2] != 255 && seen.n_rows != data[2])
		abort();
	return 0;
}
