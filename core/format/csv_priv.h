// SPDX-License-Identifier: Apache-2.0
/*
 * csv_priv.h: the parser's side of fmt_csv (csv_parse.c).
 */
#ifndef LANCEFS_FORMAT_CSV_PRIV_H
#define LANCEFS_FORMAT_CSV_PRIV_H

#include "format/format_priv.h"

MUST_CHECK struct err *csv_open(struct parser *p);
MUST_CHECK struct err *csv_push(struct parser *p, const uint8_t *bytes, size_t len);
MUST_CHECK struct err *csv_finish(struct parser *p);
bool csv_is_complete(const struct parser *p);
bool csv_has_row_bytes(const struct parser *p);
void csv_close(struct parser *p);

#endif
