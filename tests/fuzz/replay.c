// SPDX-License-Identifier: Apache-2.0
/*
 * replay.c: run a fuzz door over files, without a fuzzer: what once crashed
 * must not crash again, in every mode and with every compiler.
 */
#include "base/base.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_BYTES ((size_t)1 << 20)

int main(int argc, char **argv)
{
	AUTO_MEM uint8_t *bytes = malloc(MAX_BYTES);
	if (!bytes || argc < 2)
		return 2;
	for (int i = 1; i < argc; i++) {
		FILE *f = fopen(argv[i], "rb");
		if (!f)
			return 2;
		size_t n = fread(bytes, 1, MAX_BYTES, f);
		fclose(f);
		uint8_t *exact = malloc(n ? n : 1); /* so that its end is seen */
		if (!exact)
			return 2;
		memcpy(exact, bytes, n);
		LLVMFuzzerTestOneInput(exact, n);
		free(exact);
		printf("%s: %zu bytes\n", argv[i], n);
	}
	return 0;
}
