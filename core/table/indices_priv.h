// SPDX-License-Identifier: Apache-2.0
/*
 * indices_priv.h: what a commit does to the index section.
 */
#ifndef LANCEFS_TABLE_INDICES_PRIV_H
#define LANCEFS_TABLE_INDICES_PRIV_H

#include "table/table_priv.h"

/* The values of field_id in these n fragments changed: no index on the field
 * claims them any more.  s may be NULL. */
MUST_CHECK struct err *indices_forget(Lance__Table__IndexSection *s, int32_t field_id,
				      const uint64_t *fragments, size_t n);

/* The rows of these n fragments are others now, or gone: no index claims the fragments
 * any more.  s may be NULL. */
MUST_CHECK struct err *indices_forget_rows(Lance__Table__IndexSection *s,
					   const uint64_t *fragments, size_t n);

/* Drop indices on fields that are not in m's schema.  s may be NULL. */
void indices_drop_orphans(Lance__Table__IndexSection *s,
			  const Lance__Table__Manifest *m);

#endif
