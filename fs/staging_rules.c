// SPDX-License-Identifier: Apache-2.0
/*
 * staging_rules.c: when is a written file a column?
 *
 * Programs close files in many ways: shells flush a duplicate before the first
 * byte, children flush what their parent opened, killed writers flush as they
 * die.  These rules are pure, so that each of them is a row of a test.
 */
#include "staging_priv.h"

static enum flush_verdict decide_release(const struct flush_facts *f)
{
	if (!f->has_bytes || f->is_header_only)
		return FLUSH_NOTHING; /* stays for a while: some programs open twice */
	if (f->is_complete && !f->writer_failed)
		return FLUSH_COMMIT;
	return FLUSH_REJECT;
}

enum flush_verdict flush_decide(const struct flush_facts *f)
{
	if (f->is_settled || f->is_scratch)
		return FLUSH_NOTHING;
	if (f->is_release)
		return decide_release(f);
	if (!f->has_bytes || f->is_header_only)
		return FLUSH_NOTHING;
	if (f->writer_failed)
		return FLUSH_NOTHING; /* the release rejects it */
	if (!f->by_opener && f->opener_lives)
		return FLUSH_NOTHING; /* a child's: its parent may write more */
	if (f->has_holes)
		return FLUSH_NOTHING; /* pages may still come */
	if (f->has_no_end && (f->is_fsync || f->is_held))
		return FLUSH_NOTHING; /* more may come by another descriptor */
	if (f->is_complete)
		return FLUSH_COMMIT;
	return f->is_fsync ? FLUSH_NOTHING : FLUSH_INCOMPLETE;
}

bool name_is_scratch(const char *name)
{
	static const char *const suffixes[] = {"~",    ".tmp", ".part",
					       ".swp", ".swx", ".bak"};
	size_t len = strlen(name);
	if (name[0] == '.' || name[0] == '#')
		return true;
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++)
		if (str_ends(name, suffixes[i]))
			return true;
	if (strchr(name, '.'))
		return false;
	return (len == 9 && str_starts(name, "sed")) ||
	       (len == 8 && str_starts(name, "XX")) || /* perl -i */
	       strcmp(name, "4913") == 0;
}
