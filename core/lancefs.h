// SPDX-License-Identifier: Apache-2.0
/*
 * lancefs.h: liblancefs in one include.
 *
 * Open a store (io_store_open_local), a table on it (table_open), take its
 * latest version (table_latest), find a field (version_find_field) and read rows
 * as an array (version_read); array_export hands it on through the Arrow C data
 * interface.  column_writer_open, _push and _commit add a column.  Functions that
 * can fail return a struct err: NULL is success, err->msg says what went wrong,
 * err_free releases it.
 *
 * The library neither prints nor exits and knows nothing of FUSE.  Any thread
 * may use a table, a version, an array.
 */
#ifndef LANCEFS_LANCEFS_H
#define LANCEFS_LANCEFS_H

#ifdef __cplusplus
#error "liblancefs's headers are C (gnu17)"
#endif

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command/command.h"

#endif
