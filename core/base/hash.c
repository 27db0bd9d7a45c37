// SPDX-License-Identifier: Apache-2.0
/*
 * hash.c: hashing by xxHash, randomness by getrandom(2).
 */
#include "base/base.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

uint64_t hash_bytes(const void *p, size_t len, uint64_t seed)
{
	return XXH3_64bits_withSeed(p, len, seed);
}

uint64_t hash_str(const char *s, uint64_t seed)
{
	return hash_bytes(s, strlen(s), seed);
}

uint64_t hash_mix(uint64_t hash, uint64_t v)
{
	uint64_t pair[2] = {hash, v};
	return hash_bytes(pair, sizeof(pair), 0);
}

struct err *random_bytes(void *p, size_t n)
{
	uint8_t *dst = p;
	while (n) {
		ssize_t got = getrandom(dst, n, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_errno(errno, "getrandom");
		dst += got;
		n -= (size_t)got;
	}
	return NULL;
}

struct err *uuid_new(uint8_t raw[16], char text[UUID_TEXT_LEN + 1])
{
	TRY(random_bytes(raw, 16));
	raw[6] = (uint8_t)((raw[6] & 0x0f) | 0x40);
	raw[8] = (uint8_t)((raw[8] & 0x3f) | 0x80);
	char *p = text;
	for (int i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*p++ = '-';
		p += snprintf(p, 3, "%02x", raw[i]);
	}
	return NULL;
}
