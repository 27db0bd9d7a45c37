// SPDX-License-Identifier: Apache-2.0
/* check_version.h: what commits leave behind. */
#ifndef LANCEFS_TEST_CHECK_VERSION_H
#define LANCEFS_TEST_CHECK_VERSION_H

#include "table/table.h"

/* One of operations.h, by its name. */
struct err *operation_run(struct table *t, const char *name);
/* Every value of a version can be read; name is for the message. */
void check_whole(struct version *v, const char *name);
/* Names in a directory. */
size_t count_files(struct io_store *s, const char *dir);

#endif
