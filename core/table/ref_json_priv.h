// SPDX-License-Identifier: Apache-2.0
/*
 * ref_json_priv.h: reading what tags and branches are, of values that may be anything.
 */
#ifndef LANCEFS_TABLE_REF_JSON_PRIV_H
#define LANCEFS_TABLE_REF_JSON_PRIV_H

#include "table/table_priv.h"

#include <json-c/json.h>

static inline void json_put(struct json_object *o)
{
	json_object_put(o);
}
DEFINE_AUTO(json_object, json_put)

/* The value of a file's bytes, owned by the caller; NULL if they are none. */
struct json_object *ref_json(const struct bytes *text);

/* Of any value, also NULL: a member of an object, an item of an array, borrowed; NULL
 * if there is none. */
struct json_object *ref_member(struct json_object *o, const char *key);
struct json_object *ref_item(struct json_object *o, size_t i);
/* A member's string, borrowed; NULL if it is none. */
const char *ref_string(struct json_object *o, const char *key);
/* Whether a member is an integer; 0 if not. */
bool ref_integer(struct json_object *o, const char *key, int64_t *ret);

#endif
