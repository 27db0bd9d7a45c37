// SPDX-License-Identifier: Apache-2.0
/*
 * zone.c: time zones of the system's database.
 *
 * The C library knows one zone a process; columns have their own, so the files are
 * read here.  Beyond the transitions that a file lists (Debian's do up to 2037) the
 * last ones repeat, since 28 years have the same weekdays; up to 2099, as far as the
 * reference implementation goes.
 * Source: RFC 8536, "The Time Zone Information Format".
 */
#include "expr/calendar_priv.h"

#include "base/base.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#define ZONE_DIR "/usr/share/zoneinfo/"
#define ZONE_FILE_MAX 65536
#define ZONE_NAME_MAX 64
/* The last second of 2099; from then on offsets stay. */
#define RULES_END INT64_C(4102444799)

struct zone {
	size_t n;	  /* transitions */
	int64_t *at;	  /* owned: when, ascending */
	int32_t *offsets; /* owned: from then on; [n + 1], the first before all */
};

void zone_close(struct zone *z)
{
	if (!z)
		return;
	free(z->at);
	free(z->offsets);
	free(z);
}

static struct err *zone_alloc(size_t n, struct zone **ret)
{
	AUTO(zone) struct zone *z = NULL;
	TRY(mem_new(&z));
	z->n = n;
	TRY(mem_array(n, sizeof(*z->at), &z->at));
	TRY(mem_array(n + 1, sizeof(*z->offsets), &z->offsets));
	*ret = TAKE(z);
	return NULL;
}

/* --- offsets: "+02", "+0230", "+02:30" --- */

static bool two_digits(const char *s, int max, int32_t *ret)
{
	if (s[0] < '0' || s[0] > '9' || s[1] < '0' || s[1] > '9')
		return false;
	*ret = (s[0] - '0') * 10 + (s[1] - '0');
	return *ret <= max;
}

static bool parse_offset(const char *s, int32_t *ret)
{
	int32_t hours = 0, minutes = 0;
	size_t len = strlen(s);
	if ((*s != '+' && *s != '-') || (len != 3 && len != 5 && len != 6) ||
	    (len == 6 && s[3] != ':'))
		return false;
	if (!two_digits(s + 1, 23, &hours) ||
	    (len > 3 && !two_digits(s + len - 2, 59, &minutes)))
		return false;
	*ret = (hours * 3600 + minutes * 60) * (*s == '-' ? -1 : 1);
	return true;
}

/* --- files --- */

struct header {
	uint32_t n_utc, n_std, n_leap, n_times, n_types, n_chars;
};

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int64_t be64(const uint8_t *p)
{
	return (int64_t)((uint64_t)be32(p) << 32 | be32(p + 4));
}

static struct err *take_bytes(struct cursor *c, uint64_t len, const uint8_t **ret)
{
	struct cursor part;
	TRY(cursor_sub(c, len, &part));
	*ret = part.p;
	return NULL;
}

static struct err *take_header(struct cursor *c, struct header *ret)
{
	const uint8_t *p;
	TRY(take_bytes(c, 44, &p));
	if (memcmp(p, "TZif", 4) != 0 || p[4] < '2')
		return err_new(EINVAL, "not a time zone file of version 2");
	*ret = (struct header){be32(p + 20), be32(p + 24), be32(p + 28),
			       be32(p + 32), be32(p + 36), be32(p + 40)};
	return NULL;
}

static struct err *skip_first(struct cursor *c)
{
	struct header h;
	TRY(take_header(c, &h));
	uint64_t len = (uint64_t)h.n_times * 5 + (uint64_t)h.n_types * 6 + h.n_chars +
		       (uint64_t)h.n_leap * 8 + h.n_std + h.n_utc;
	return cursor_skip(c, len);
}

static struct err *parse_file(struct cursor c, struct zone **ret)
{
	AUTO(zone) struct zone *z = NULL;
	struct header h;
	const uint8_t *times, *kinds, *types;
	TRY(skip_first(&c));
	TRY(take_header(&c, &h));
	TRY(take_bytes(&c, (uint64_t)h.n_times * 8, &times));
	TRY(take_bytes(&c, h.n_times, &kinds));
	TRY(take_bytes(&c, (uint64_t)h.n_types * 6, &types));
	if (h.n_types == 0)
		return err_new(EINVAL, "a time zone file without types");
	TRY(zone_alloc(h.n_times, &z));
	z->offsets[0] = (int32_t)be32(types);
	for (size_t i = 0; i < z->n; i++) {
		if (kinds[i] >= h.n_types)
			return err_new(EINVAL, "a broken time zone file");
		z->at[i] = be64(times + i * 8);
		z->offsets[i + 1] = (int32_t)be32(types + kinds[i] * 6);
	}
	*ret = TAKE(z);
	return NULL;
}

static bool is_zone_name(const char *name)
{
	size_t len = strlen(name);
	for (size_t i = 0; i < len; i++) {
		char c = name[i];
		bool is_letter = (c | 32) >= 'a' && (c | 32) <= 'z';
		if (!is_letter && (c < '0' || c > '9') && !strchr("_+-/", c))
			return false;
	}
	return len > 0 && len <= ZONE_NAME_MAX && *name != '/';
}

static struct err *read_zone(const char *name, struct zone **ret)
{
	AUTO_MEM char *path = NULL;
	AUTO_MEM uint8_t *bytes = NULL;
	TRY(str_printf(&path, ZONE_DIR "%s", name));
	TRY(mem_array(ZONE_FILE_MAX, 1, &bytes));
	FILE *f = fopen(path, "re");
	if (!f)
		return err_new(EINVAL, "no time zone '%s'", name);
	size_t len = fread(bytes, 1, ZONE_FILE_MAX, f);
	(void)fclose(f); /* it was only read */
	return parse_file((struct cursor){bytes, bytes + len}, ret);
}

struct err *zone_open(const char *name, struct zone **ret)
{
	int32_t offset = 0;
	bool is_utc = strcasecmp(name, "utc") == 0 || strcmp(name, "Z") == 0;
	if (!is_utc && !parse_offset(name, &offset)) {
		if (!is_zone_name(name))
			return err_new(EINVAL, "no time zone '%.40s'", name);
		TRY_CTX(read_zone(name, ret), "time zone '%s'", name);
		return NULL;
	}
	TRY(zone_alloc(0, ret));
	(*ret)->offsets[0] = offset;
	return NULL;
}

/* --- asking --- */

/* Transitions at or before t. */
static size_t count_before(const struct zone *z, int64_t t)
{
	size_t low = 0, high = z->n;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (z->at[middle] <= t)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int32_t zone_offset(const struct zone *z, int64_t utc_seconds)
{
	const int64_t years28 = (28 * 365 + 7) * DAY_SECONDS;
	if (!z)
		return 0;
	int64_t last = z->n ? z->at[z->n - 1] : 0;
	bool repeats = z->n > 1 && last - z->at[z->n - 2] < 400 * DAY_SECONDS;
	utc_seconds = MIN_OF(utc_seconds, RULES_END);
	while (repeats && utc_seconds > last)
		utc_seconds -= years28;
	return z->offsets[count_before(z, utc_seconds)];
}

bool zone_to_utc(const struct zone *z, int64_t local_seconds, int64_t *ret)
{
	const int64_t day = DAY_SECONDS;
	int found = 0;
	if (local_seconds < INT64_MIN + 2 * day || local_seconds > INT64_MAX - 2 * day)
		return false; /* the hours of such days do not fit */
	int32_t before = zone_offset(z, local_seconds - day);
	int32_t after = zone_offset(z, local_seconds + day);
	for (int i = 0; i < 1 + (before != after); i++) {
		int64_t t = local_seconds - (i ? after : before);
		if (zone_offset(z, t) != local_seconds - t)
			continue;
		*ret = t;
		found++;
	}
	return found == 1;
}
