// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_jsonb.c: any bytes as a value of binary JSON.  What becomes text is UTF-8 and
 * not much longer than the bytes.
 */
#include "format/format_priv.h"

#include "input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_BUF struct buf out = {0};
	struct err *err = jsonb_render(data, size, &out);
	if (!err) {
		must(buf_check(&out));
		MUST_HOLD(out.len > 0 && utf8_valid(out.data, out.len));
		MUST_HOLD(out.len <= size * 8 + 64);
	}
	err_free(err); /* what damaged values should give */
	return 0;
}
