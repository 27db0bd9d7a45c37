// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_file.c: any bytes as a data file: footer, descriptor, and all fields.
 */
#include "open_file.h"

#define MAX_ROWS 5000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	err_free(open_file(data, size, MAX_ROWS, ALL_FIELDS)); /* any error will do */
	return 0;
}
