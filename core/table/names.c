// SPDX-License-Identifier: Apache-2.0
/*
 * names.c: the names of manifests and data files.
 *
 * V1 is the version in decimal; V2 is 2^64 - 1 - version in 20 digits, so that
 * an ordered listing has the newest first.  Names that begin with 'd' are
 * detached versions and not part of the history.
 * Source: Lance's docs, "Table Format", manifest naming schemes.
 */
#include "table/table_priv.h"

#include <inttypes.h>

#define MANIFEST_SUFFIX ".manifest"
#define V2_DIGITS 20

enum naming manifest_name_parse(const char *name, uint64_t *ret_version)
{
	char digits[V2_DIGITS + 1];
	size_t len = strlen(name), suffix_len = strlen(MANIFEST_SUFFIX);
	if (!str_ends(name, MANIFEST_SUFFIX) || len == suffix_len ||
	    len - suffix_len > V2_DIGITS)
		return NAMING_NONE;
	len -= suffix_len;
	memcpy(digits, name, len);
	digits[len] = 0;
	const char *p = digits;
	while (len == V2_DIGITS && p[0] == '0' && p[1])
		p++;
	uint64_t n;
	if (!str_to_u64(p, &n))
		return NAMING_NONE;
	*ret_version = len == V2_DIGITS ? UINT64_MAX - n : n;
	return len == V2_DIGITS ? NAMING_V2 : NAMING_V1;
}

struct err *manifest_path(enum naming naming, uint64_t version, char **ret)
{
	if (naming == NAMING_V1)
		return str_printf(ret, "_versions/%" PRIu64 MANIFEST_SUFFIX, version);
	return str_printf(ret, "_versions/%020" PRIu64 MANIFEST_SUFFIX,
			  UINT64_MAX - version);
}

/* Three bytes of a UUID as binary digits, the rest as hex: names spread over
 * the key space of object stores.  Any unique name would do. */
struct err *data_file_name(char **ret)
{
	uint8_t raw[16];
	char text[UUID_TEXT_LEN + 1];
	struct buf name = {0};
	TRY(uuid_new(raw, text));
	for (unsigned i = 0; i < 24; i++)
		buf_byte(&name, raw[i / 8] >> (7 - i % 8) & 1 ? '1' : '0');
	for (unsigned i = 3; i < 16; i++)
		buf_printf(&name, "%02x", raw[i]);
	buf_str(&name, ".lance");
	struct err *err = buf_take_str(&name, ret);
	buf_fini(&name);
	return err;
}
