// SPDX-License-Identifier: Apache-2.0
/*
 * version.c: file versions by name and by the numbers in a footer.
 *
 * The footer of a 2.0 file says (0, 3), the manifest "2.0".
 * Source: Lance's docs, "File Format", "Versioning".
 */
#include "file/file_priv.h"

#include <errno.h>

static const struct {
	const char *name;
	enum lance_version version;
	uint16_t major, minor; /* written */
} versions[] = {
	{"0.1", LANCE_0_1, 0, 2}, {"2.0", LANCE_2_0, 0, 3}, {"2.1", LANCE_2_1, 2, 1},
	{"2.2", LANCE_2_2, 2, 2}, {"2.3", LANCE_2_3, 2, 3},
};
#define N_VERSIONS (sizeof(versions) / sizeof(*versions))

const char *lance_version_name(enum lance_version v)
{
	for (size_t i = 0; i < N_VERSIONS; i++) {
		if (versions[i].version == v)
			return versions[i].name;
	}
	return "unknown";
}

struct err *lance_version_parse(const char *name, enum lance_version *ret)
{
	for (size_t i = 0; i < N_VERSIONS; i++) {
		if (strcmp(versions[i].name, name) == 0) {
			*ret = versions[i].version;
			return NULL;
		}
	}
	return err_new(EOPNOTSUPP, "file version %s is not known", name);
}

struct err *lance_version_of_numbers(uint32_t major, uint32_t minor,
				     enum lance_version *ret)
{
	if (major == 0 && minor <= 2) {
		*ret = LANCE_0_1;
		return NULL;
	}
	if (major == 2 && minor == 0) {
		*ret = LANCE_2_0;
		return NULL;
	}
	for (size_t i = 0; i < N_VERSIONS; i++) {
		if (versions[i].major == major && versions[i].minor == minor) {
			*ret = versions[i].version;
			return NULL;
		}
	}
	return err_new(EOPNOTSUPP, "file version %u.%u is not known", major, minor);
}

void version_numbers(enum lance_version v, uint16_t *ret_major, uint16_t *ret_minor)
{
	for (size_t i = 0; i < N_VERSIONS; i++) {
		if (versions[i].version == v) {
			*ret_major = versions[i].major;
			*ret_minor = versions[i].minor;
		}
	}
}
