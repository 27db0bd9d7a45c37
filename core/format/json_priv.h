// SPDX-License-Identifier: Apache-2.0
/*
 * json_priv.h: JSON values to rows: reading one (json_read.c), adding it to a builder
 * (json_build.c), learning a type from many (json_learn.c).
 *
 * Text is read by json-c, strictly, but with the words NaN, Infinity and -Infinity.
 * Of keys that are there twice the last one counts; half a surrogate is U+FFFD.
 */
#ifndef LANCEFS_FORMAT_JSON_PRIV_H
#define LANCEFS_FORMAT_JSON_PRIV_H

#include "format/format_priv.h"

#include <json-c/json.h>

#define LIMIT_JSON_BYTES                                                               \
	((size_t)128 << 20) /* one value; its tree is 30 times that                    \
			     */

static inline void json_put(struct json_object *o)
{
	json_object_put(o);
}
DEFINE_AUTO(json_object, json_put)

struct json_reader;
MUST_CHECK struct err *json_reader_new(struct json_reader **ret);
void json_reader_free(struct json_reader *r); /* accepts NULL */

/* One value and nothing else; NULL is null.  EINVAL without line. */
MUST_CHECK struct err *json_read(struct json_reader *r, const char *text, size_t len,
				 struct json_object **ret);

/*
 * The text of a number, borrowed from it or from scratch.  Integers of more than 18
 * digits and -0 have ".0" behind them, and so are what json-c calls doubles: it has
 * no others that it would not change.
 */
const char *json_number_text(struct json_object *o, char scratch[NUMBER_TEXT_MAX],
			     size_t *ret_len);

/* Add the value, which is not null.  EINVAL says where within it. */
MUST_CHECK struct err *json_build(struct builder *b, struct json_object *o);
/* A row of a table: members are columns to messages. */
MUST_CHECK struct err *json_build_row(struct builder *b, struct json_object *o);

/* --- what values have in common --- */

struct json_kind;
MUST_CHECK struct err *json_kind_new(struct json_kind **ret);
void json_kind_free(struct json_kind *k); /* accepts NULL */
DEFINE_AUTO(json_kind, json_kind_free)
/* A copy, for trying what a value does to it. */
MUST_CHECK struct err *json_kind_copy(const struct json_kind *k,
				      struct json_kind **ret);
/* One more value, NULL for null; EINVAL if it is of another kind. */
MUST_CHECK struct err *json_kind_add(struct json_kind *k, struct json_object *o);
bool json_kind_is_known(const struct json_kind *k);
/* The type of all of them; null if there was none. */
MUST_CHECK struct err *json_kind_type(const struct json_kind *k, struct type **ret);

/* --- the parser's side of fmt_jsonl (jsonl_parse.c) --- */

MUST_CHECK struct err *jsonl_open(struct parser *p);
MUST_CHECK struct err *jsonl_push(struct parser *p, const uint8_t *bytes, size_t len);
MUST_CHECK struct err *jsonl_finish(struct parser *p);
bool jsonl_is_complete(const struct parser *p);
bool jsonl_has_row_bytes(const struct parser *p);
void jsonl_close(struct parser *p);

#endif
