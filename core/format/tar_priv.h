// SPDX-License-Identifier: Apache-2.0
/*
 * tar_priv.h: the blocks of a tar archive, and the parser's side of fmt_tar.
 *
 * Source: POSIX pax, "ustar Interchange Format"; the GNU tar manual, "Basic Tar
 * Format".
 */
#ifndef LANCEFS_FORMAT_TAR_PRIV_H
#define LANCEFS_FORMAT_TAR_PRIV_H

#include "format/format_priv.h"

#define TAR_BLOCK 512

/* A header; all texts, numbers octal. */
struct tar_header {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8];
	char type, link_name[100], magic[6], version[2], user[32], group[32];
	char device[2][8], prefix[155], unused[12];
};
_Static_assert(sizeof(struct tar_header) == TAR_BLOCK, "a header is a block");

/* The sum of a header's bytes, its checksum taken as spaces. */
uint32_t tar_checksum(const struct tar_header *h);

MUST_CHECK struct err *tar_open(struct parser *p);
MUST_CHECK struct err *tar_push(struct parser *p, const uint8_t *bytes, size_t len);
MUST_CHECK struct err *tar_finish(struct parser *p);
bool tar_is_complete(const struct parser *p);
bool tar_has_row_bytes(const struct parser *p);
void tar_close(struct parser *p);

#endif
