// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_parse.c: any bytes into the parsers of all column file formats.
 *
 * Byte 0 chooses the format, byte 1 the type, byte 2 the rows of the table and
 * byte 3 how the rest is cut into pushes.  What a parser hands on must be valid,
 * and what it calls complete must finish.
 */
#include "format/format.h"

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
				    "time32[s]"};

#define N_TYPES (sizeof(types) / sizeof(types[0]))

static struct err *check_batch(void *ctx, struct array *batch)
{
	uint64_t *n_rows = ctx;
	*n_rows += batch->n_rows;
	struct err *err = array_validate(batch);
	if (err)
		abort();
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 4)
		return 0;
	size_t n_formats = 0;
	while (format_at(n_formats))
		n_formats++;
	const struct format_ops *f = format_at(data[0] % n_formats);
	const char *name = types[data[1] % N_TYPES];
	AUTO(type) struct type *t = NULL;
	if (name) {
		AUTO_ERR struct err *bad = type_parse(name, &t);
		if (bad)
			abort();
	}
	uint64_t n_rows = 0;
	AUTO(parser) struct parser *p = NULL;
	struct parse_options options = {.type = t,
					.name = "c",
					.n_rows = data[2],
					.rows = check_batch,
					.ctx = &n_rows};
	AUTO_ERR struct err *refused = parser_open(f, &options, &p);
	if (refused)
		return 0;
	AUTO_ERR struct err *err = push_all(p, data + 4, size - 4, data[3] % 16 + 1u);
	if (!err && parser_type(p) && n_rows && n_rows != data[2])
		abort();
	return 0;
}
