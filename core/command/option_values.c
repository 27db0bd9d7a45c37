// SPDX-License-Identifier: Apache-2.0
/*
 * option_values.c: options whose value is a number, a time or a size.
 */
#include "command/command_priv.h"

#include <errno.h>

struct err *option_time(const struct words *w, const char *name, int64_t *ret_ns)
{
	static const struct {
		const char *unit;
		double seconds;
	} units[] = {{"", 1},	  {"s", 1},	{"ms", 0.001}, {"m", 60},
		     {"h", 3600}, {"d", 86400}, {"w", 604800}};
	const char *text = words_option(w, name);
	char *end;
	if (!text)
		return NULL;
	double n = strtod(text, &end);
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		double s = n * units[i].seconds;
		if (end == text || strcmp(end, units[i].unit) != 0)
			continue;
		if (!(s >= 0 && s < 8e9))
			break;
		*ret_ns = (int64_t)(s * 1e9);
		return NULL;
	}
	return err_new(EINVAL, "--%s=%s: a time, as 30s, 10m, 2h or 14d", name, text);
}

struct err *option_bytes(const struct words *w, const char *name, uint64_t *ret)
{
	static const char units[] = "KMGT";
	const char *text = words_option(w, name);
	char *end;
	if (!text)
		return NULL;
	double n = strtod(text, &end);
	const char *unit = *end ? strchr(units, *end & ~0x20) : NULL;
	if (unit && *unit)
		for (const char *p = units; p <= unit; p++)
			n *= 1024;
	end += unit && *unit;
	if (end == text || *end || !(n >= 0 && n < 1e18))
		return err_new(EINVAL, "--%s=%s: bytes, as 512M or 2G", name, text);
	*ret = (uint64_t)n;
	return NULL;
}

struct err *option_count(const struct words *w, const char *name, uint64_t least,
			 uint64_t *ret)
{
	const char *text = words_option(w, name);
	if (text && (!str_to_u64(text, ret) || *ret < least))
		return err_new(EINVAL, "--%s=%s: a number%s", name, text,
			       least ? " from 1 on" : "");
	return NULL;
}

struct err *option_share(const struct words *w, const char *name, double *ret)
{
	const char *text = words_option(w, name);
	char *end;
	if (!text)
		return NULL;
	double share = strtod(text, &end);
	if (end == text || *end || !(share >= 0 && share <= 1))
		return err_new(EINVAL, "--%s=%s: a share from 0 to 1, as 0.1", name,
			       text);
	*ret = share;
	return NULL;
}
