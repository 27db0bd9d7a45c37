// SPDX-License-Identifier: Apache-2.0
/*
 * arrow_type_priv.h: types by the names that they have in Arrow's Rust library, which
 * arrow_cast takes and arrow_typeof gives: Timestamp(ns, "UTC"), List(Int32).
 */
#ifndef LANCEFS_EXPR_ARROW_TYPE_PRIV_H
#define LANCEFS_EXPR_ARROW_TYPE_PRIV_H

#include "array/array.h"

void arrow_type_format(const struct type *t, struct buf *out);
/* EINVAL if it is none; len bytes of text. */
MUST_CHECK struct err *arrow_type_parse(const char *text, size_t len,
					struct type **ret);

#endif
