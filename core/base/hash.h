// SPDX-License-Identifier: Apache-2.0
/*
 * hash.h: 64-bit hashing (xxHash, XXH3) and random names.
 */
#ifndef LANCEFS_BASE_HASH_H
#define LANCEFS_BASE_HASH_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

uint64_t hash_bytes(const void *p, size_t len, uint64_t seed);
uint64_t hash_str(const char *s, uint64_t seed);
/* Mix one number into a running hash. */
uint64_t hash_mix(uint64_t hash, uint64_t v);

/* n bytes from the kernel's generator. */
MUST_CHECK struct err *random_bytes(void *p, size_t n);

#define UUID_TEXT_LEN 36
/* A random (version 4) UUID: 16 bytes, and hyphenated text with its NUL. */
MUST_CHECK struct err *uuid_new(uint8_t raw[16], char text[UUID_TEXT_LEN + 1]);

#endif
