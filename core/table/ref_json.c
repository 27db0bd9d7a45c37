// SPDX-License-Identifier: Apache-2.0
/*
 * ref_json.c: the small JSON files of tags and branches.
 */
#include "table/ref_json_priv.h"

#define REF_DEPTH 16

struct json_object *ref_json(const struct bytes *text)
{
	struct json_tokener *t = json_tokener_new_ex(REF_DEPTH);
	struct json_object *o = NULL;
	if (t && text->len <= LIMIT_REF_BYTES)
		o = json_tokener_parse_ex(t, (const char *)text->data, (int)text->len);
	if (t)
		json_tokener_free(t);
	return o;
}

struct json_object *ref_member(struct json_object *o, const char *key)
{
	return json_object_is_type(o, json_type_object) ? json_object_object_get(o, key)
							: NULL;
}

struct json_object *ref_item(struct json_object *o, size_t i)
{
	return json_object_is_type(o, json_type_array) ? json_object_array_get_idx(o, i)
						       : NULL;
}

const char *ref_string(struct json_object *o, const char *key)
{
	struct json_object *member = ref_member(o, key);
	return json_object_is_type(member, json_type_string)
		       ? json_object_get_string(member)
		       : NULL;
}

bool ref_integer(struct json_object *o, const char *key, int64_t *ret)
{
	struct json_object *member = ref_member(o, key);
	*ret = json_object_is_type(member, json_type_int)
		       ? json_object_get_int64(member)
		       : 0;
	return json_object_is_type(member, json_type_int);
}
