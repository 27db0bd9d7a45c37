// SPDX-License-Identifier: Apache-2.0
/* check_version.c: what commits leave behind. */
#include "check_version.h"

#include "operations.h"

#include <string.h>

struct err *operation_run(struct table *t, const char *name)
{
	size_t i = 0;
	while (i < n_operations && strcmp(operations[i].name, name) != 0)
		i++;
	assert_true(i < n_operations);
	return operations[i].run(t);
}

static void problem(void *ctx, const char *text)
{
	fail_msg("%s: %s", (const char *)ctx, text);
}

void check_whole(struct version *v, const char *name)
{
	struct verify_options options = {
		.is_deep = true, .found = problem, .ctx = (void *)(uintptr_t)name};
	uint64_t n;
	must(version_verify(v, &options, &n));
}

static struct err *count_name(void *ctx, const char *name)
{
	(void)name;
	++*(size_t *)ctx;
	return NULL;
}

size_t count_files(struct io_store *s, const char *dir)
{
	size_t n = 0;
	must(io_list(s, dir, count_name, &n));
	return n;
}
