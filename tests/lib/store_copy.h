// SPDX-License-Identifier: Apache-2.0
/* store_copy.h: whole datasets, from one store to another. */
#ifndef LANCEFS_TEST_STORE_COPY_H
#define LANCEFS_TEST_STORE_COPY_H

#include "io/io.h"

/* Every file below dir ("." for all) of one store into another, new ones only. */
MUST_CHECK struct err *store_copy(struct io_store *from, const char *dir,
				  struct io_store *to);

#endif
