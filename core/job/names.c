// SPDX-License-Identifier: Apache-2.0
/*
 * names.c: column names as file names, and back.
 *
 * Lance allows any bytes in a name; a file name has no '/' and no NUL and at
 * most 255 bytes.  Only the canonical spelling of a name is accepted, so that
 * one column is one path.
 */
#include "job/job.h"

#include <errno.h>
#include <inttypes.h>

#define NAME_MAX_BYTES 200 /* leaves room for ".float32[768].arrow" and ".mask" */

static bool must_encode(const uint8_t *name, size_t i)
{
	uint8_t c = name[i];
	return c == '/' || c == '%' || c < 0x20 || c == 0x7f ||
	       (i == 0 && (c == '.' || c == '#'));
}

struct err *name_encode(const char *name, char **ret)
{
	AUTO_BUF struct buf out = {0};
	const uint8_t *p = (const uint8_t *)name;
	size_t len = strlen(name);
	if (len == 0)
		return str_dup("%", ret);
	for (size_t i = 0; i < len; i++) {
		if (must_encode(p, i))
			buf_printf(&out, "%%%02X", p[i]);
		else
			buf_byte(&out, p[i]);
	}
	if (out.len > NAME_MAX_BYTES) {
		out.len = NAME_MAX_BYTES - 17;
		buf_printf(&out, "~%016" PRIx64, hash_bytes(name, len, 0));
	}
	return buf_take_str(&out, ret);
}

struct field *name_find(const struct version *v, const char *encoded)
{
	for (size_t i = 0; i < version_n_fields(v); i++) {
		struct field *f = version_field(v, i);
		AUTO_MEM char *name = NULL;
		if (strcmp(f->name, encoded) == 0 && !strpbrk(encoded, "%/\n\r\t") &&
		    *encoded != '.' && *encoded != '#' &&
		    strlen(encoded) <= NAME_MAX_BYTES)
			return f; /* the common case, without encoding every name */
		struct err *err = name_encode(f->name, &name);
		if (err) {
			err_free(err); /* out of memory: not found */
			return NULL;
		}
		if (strcmp(name, encoded) == 0)
			return f;
	}
	return version_system_field(v, encoded);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

struct err *name_decode(const char *encoded, char **ret)
{
	AUTO_BUF struct buf out = {0};
	AUTO_MEM char *name = NULL;
	AUTO_MEM char *again = NULL;
	const char *p = strcmp(encoded, "%") == 0 ? "" : encoded;
	while (*p) {
		int hi = *p == '%' ? hex_digit(p[1]) : -1;
		int lo = hi >= 0 ? hex_digit(p[2]) : -1;
		if (*p == '%' && lo < 0)
			return err_new(EINVAL,
				       "'%s': write %% in a column name as %%25",
				       encoded);
		buf_byte(&out, lo >= 0 ? (uint8_t)(hi * 16 + lo) : (uint8_t)*p);
		p += lo >= 0 ? 3 : 1;
	}
	if (memchr(out.data ? (char *)out.data : "", 0, out.len))
		return err_new(EINVAL, "'%s': a column name holds no NUL", encoded);
	TRY(buf_take_str(&out, &name));
	TRY(name_encode(name, &again));
	if (strcmp(again, encoded) != 0)
		return err_new(EINVAL, "the column is spelled '%s' here, not '%s'",
			       again, encoded);
	*ret = TAKE(name);
	return NULL;
}

/* Columns that Lance computes; a stored one of the name would hide behind it. */
static struct err *check_reserved(const char *name)
{
	for (size_t i = 0; system_field_name(i); i++)
		if (strcmp(name, system_field_name(i)) == 0)
			return err_new(EINVAL, "'%s' is a name that Lance reserves",
				       name);
	return NULL;
}

/* --- NAME.TYPE.FORMAT --- */

static struct err *split_type(const struct version *base, char *stem, struct type **ret)
{
	char *dot = strrchr(stem, '.');
	if (!dot || dot == stem || name_find(base, stem))
		return NULL;
	*dot = 0;
	TRY_CTX(type_parse(dot + 1, ret),
		"'%s.%s': a dot in a column's file name must be followed by a type",
		stem, dot + 1);
	return NULL;
}

/* The formats that hold tables: "csv, jsonl or arrow". */
static struct err *list_table_formats(struct buf *out)
{
	unsigned n = 0, n_told = 0;
	for (size_t i = 0; format_at(i); i++)
		n += format_parses_tables(format_at(i));
	for (size_t i = 0; format_at(i); i++) {
		if (!format_parses_tables(format_at(i)))
			continue;
		if (n_told)
			buf_str(out, n_told + 1 == n ? " or " : ", ");
		buf_printf(out, ".%s", format_suffix(format_at(i)));
		n_told++;
	}
	buf_byte(out, 0);
	return buf_check(out);
}

struct err *rows_file_parse(const char *file_name, const struct format_ops **ret)
{
	AUTO_BUF struct buf formats = {0};
	const char *dot = strrchr(file_name, '.');
	*ret = dot && dot != file_name ? format_find(dot + 1) : NULL;
	if (*ret && format_parses_tables(*ret))
		return NULL;
	TRY(list_table_formats(&formats));
	return err_new(EINVAL, "'%s': a file of rows ends in %s", file_name,
		       (char *)formats.data);
}

struct err *column_file_parse(const struct version *base, const char *file_name,
			      char **ret_name, struct type **ret_type,
			      const struct format_ops **ret_format)
{
	AUTO_MEM char *stem = NULL;
	AUTO_MEM char *name = NULL;
	AUTO(type) struct type *type = NULL;
	TRY(str_dup(file_name, &stem));
	char *dot = strrchr(stem, '.');
	const struct format_ops *format = dot ? format_find(dot + 1) : NULL;
	if (!format || dot == stem)
		return err_new(
			EINVAL,
			"'%s': a column's file ends in .txt, .npy, .csv or .arrow",
			file_name);
	*dot = 0;
	TRY(split_type(base, stem, &type));
	struct field *f = name_find(base, stem);
	if (f)
		TRY(str_dup(f->name, &name));
	else
		TRY(name_decode(stem, &name));
	TRY(check_reserved(name));
	*ret_name = TAKE(name);
	*ret_type = TAKE(type);
	*ret_format = format;
	return NULL;
}
