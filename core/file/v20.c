// SPDX-License-Identifier: Apache-2.0
/*
 * v20.c: fields of 2.0 files.
 */
#include "file/file_priv.h"

#include <errno.h>

struct err *read_v20(struct file_reader *r, const struct field *field,
		     const struct file_map *map, uint64_t first, uint64_t end,
		     struct array **ret)
{
	(void)r;
	(void)field;
	(void)map;
	(void)first;
	(void)end;
	(void)ret;
	return err_new(EOPNOTSUPP, "file version 2.0 is not supported");
}
