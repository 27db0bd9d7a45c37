// SPDX-License-Identifier: Apache-2.0
/*
 * input.h: a fuzzer's bytes, taken apart.  What is not there is zero, and a run
 * that is too long ends with the input, so that every input means something.
 * Runs are copied out, so that a sanitizer sees their ends.
 */
#ifndef LANCEFS_FUZZ_INPUT_H
#define LANCEFS_FUZZ_INPUT_H

#include "base/base.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *p;
	size_t left;
};

/* A copy of a run of the input; freed by run_fini. */
struct run {
	uint8_t *p; /* owned; exactly len bytes */
	size_t len;
};

static inline uint8_t take_u8(struct input *in)
{
	if (in->left == 0)
		return 0;
	in->left--;
	return *in->p++;
}

static inline uint16_t take_u16(struct input *in)
{
	unsigned low = take_u8(in);
	return (uint16_t)(low | (unsigned)take_u8(in) << 8);
}

static inline struct run take_run(struct input *in, size_t len)
{
	len = MIN_OF(len, in->left);
	struct run r = {malloc(len ? len : 1), len};
	if (!r.p)
		abort();
	memcpy(r.p, in->p, len);
	in->p += len;
	in->left -= len;
	return r;
}

static inline void run_fini(struct run *r)
{
	free(r->p);
}
#define AUTO_RUN __attribute__((cleanup(run_fini)))

/* What must not fail, or must hold, for any input. */
static inline void must(struct err *err)
{
	if (err) {
		fprintf(stderr, "must not fail: %s\n", err->msg);
		abort();
	}
}

static inline void must_hold(bool claim, const char *what)
{
	if (!claim) {
		fprintf(stderr, "does not hold: %s\n", what);
		abort();
	}
}
#define MUST_HOLD(claim) must_hold((claim), #claim)

#endif
