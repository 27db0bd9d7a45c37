// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_udf.c: any text as udf.ini, or as a script with a comment.  What is understood
 * is written in its canonical form, which must be understood as the same once more.
 */
#include "udf/udf_priv.h"

#include "input.h"

/* Hashes are of files, which are not there. */
static void set_hashes(struct udf *u)
{
	for (size_t i = 0; i < u->n_models; i++)
		if (!u->models[i].hash)
			must(str_printf(&u->models[i].hash, "%064d", 0));
}

/* The canonical form of a text; false: it is none. */
static bool normalize(const char *text, size_t len, bool is_comment, struct buf *out)
{
	AUTO_SPEC struct spec spec = {0};
	AUTO(udf) struct udf *u = NULL;
	char **executables = NULL;
	size_t n = 0;
	struct err *err = (is_comment ? spec_read_comment
				      : spec_read_ini)(text, len, "text", &spec);
	must(mem_new(&u));
	if (!err)
		err = spec_to_udf(&spec, u);
	if (!err)
		err = spec_executables(&spec, &executables);
	while (!err && executables[n])
		n++;
	if (!err) {
		set_hashes(u);
		err = udf_write_ini(u, NULL, executables, n, out);
	}
	udf_words_free(executables);
	bool is_good = !err;
	err_free(err); /* what a wrong text should give */
	return is_good;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_BUF struct buf once = {0}, twice = {0};
	if (size == 0 || !normalize((const char *)data + 1, size - 1, *data & 1, &once))
		return 0;
	MUST_HOLD(normalize((const char *)once.data, once.len, false, &twice));
	MUST_HOLD(once.len == twice.len &&
		  memcmp(once.data, twice.data, once.len) == 0);
	return 0;
}
