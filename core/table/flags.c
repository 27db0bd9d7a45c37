// SPDX-License-Identifier: Apache-2.0
/*
 * flags.c: feature flags, the format's protection against old programs.
 *
 * An unknown bit in the reader word means that reading would give wrong
 * answers; in the writer word, that a commit would lose something.
 * Source: lance-table's feature flags; table.proto, Manifest.
 */
#include "table/table_priv.h"

#include <errno.h>

static const struct {
	const char *name;
	bool can_read, can_write;
} flags[] = {
	[0] = {"deletion files", true, true},
	[1] = {"stable row ids", true, true},
	[2] = {"2.x files", true, true},
	[3] = {"table config", true, true},
	[4] = {"base paths", true, true},
	[5] = {"no transaction files", true, true},
	[6] = {"data overlay files", true, false},
	[7] = {"covering index fields", true, true},
	[8] = {"mixed file versions", true, true},
	[9] = {"fragment reuse on stable row ids", true, false},
	[10] = {"tagged fragment reuse", true, false},
	[11] = {"spilled row lineage", true, false},
	[12] = {"fragment tree", false, false},
	[13] = {"independent covering fields", true, false},
	[14] = {"managed blobs", true, false},
	[15] = {"non-reusable field ids", true, true},
	[16] = {"zone statistics", false, false},
	[17] = {"object metadata", true, false},
};

#define N_FLAGS (sizeof(flags) / sizeof(flags[0]))

struct err *flags_check_read(uint64_t word)
{
	for (unsigned bit = 0; bit < 64; bit++) {
		bool known = bit < N_FLAGS;
		if (!(word >> bit & 1) || (known && flags[bit].can_read))
			continue;
		return err_new(
			EOPNOTSUPP,
			"the dataset needs reader feature flag %u (%s), which this "
			"lancefs does not know; a newer one may",
			bit, known ? flags[bit].name : "unknown");
	}
	return NULL;
}

struct err *flags_check_write(uint64_t word)
{
	for (unsigned bit = 0; bit < 64; bit++) {
		bool known = bit < N_FLAGS;
		if (!(word >> bit & 1) || (known && flags[bit].can_write))
			continue;
		return err_new(
			EOPNOTSUPP,
			"read-only: the dataset has writer feature flag %u (%s), "
			"which this lancefs must not write",
			bit, known ? flags[bit].name : "unknown");
	}
	return NULL;
}
