// SPDX-License-Identifier: Apache-2.0
/*
 * checked.h: arithmetic on numbers that came from outside.  Each returns true
 * if the result did not fit, as C23's stdckdint.h does.
 */
#ifndef LANCEFS_BASE_CHECKED_H
#define LANCEFS_BASE_CHECKED_H

#include <stdint.h>

#define ckd_add(ret, a, b) __builtin_add_overflow((a), (b), (ret))
#define ckd_sub(ret, a, b) __builtin_sub_overflow((a), (b), (ret))
#define ckd_mul(ret, a, b) __builtin_mul_overflow((a), (b), (ret))

#define MIN_OF(a, b) ((a) < (b) ? (a) : (b))
#define MAX_OF(a, b) ((a) > (b) ? (a) : (b))

/* ceil(a / b) without overflow; b > 0 */
static inline uint64_t div_ceil(uint64_t a, uint64_t b)
{
	return a / b + (a % b != 0);
}

/* x rounded up to a multiple of to (a power of two); wraps near the maximum,
 * so only for numbers that have passed a limit. */
static inline uint64_t round_up(uint64_t x, uint64_t to)
{
	return (x + to - 1) & ~(to - 1);
}

#endif
