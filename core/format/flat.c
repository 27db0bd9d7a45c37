// SPDX-License-Identifier: Apache-2.0
/*
 * flat.c: writing FlatBuffers by hand.
 *
 * Fields are placed by falling size behind the 4-byte offset of the vtable, the
 * table at 4 modulo 8, so that every field is aligned.
 */
#include "format/flat_priv.h"

#include <string.h>

void flat_align(struct flat *f, size_t align)
{
	buf_zero(&f->out, (align - (f->out.len - f->base) % align) % align);
}

void flat_set(struct flat *f, size_t field, uint64_t v, size_t n_bytes)
{
	if (!f->out.failed)
		memcpy(f->out.data + field, &v, n_bytes);
}

struct flat_table flat_table(struct flat *f, size_t reference, const char *sizes)
{
	struct flat_table t = {{0}};
	size_t n = strlen(sizes), len = 4, vtable_len = 4 + 2 * n;
	uint16_t slots[FLAT_MAX_FIELDS] = {0};
	for (char size = '8'; size > '0'; size = (char)('0' + (size - '0') / 2)) {
		for (size_t i = 0; i < n; i++) {
			if (sizes[i] != size)
				continue;
			slots[i] = (uint16_t)len;
			len += (size_t)(size - '0');
		}
	}
	flat_align(f, 4);
	while ((f->out.len - f->base + vtable_len) % 8 != 4 && !f->out.failed)
		buf_zero(&f->out, 2);
	buf_u16le(&f->out, (uint16_t)vtable_len);
	buf_u16le(&f->out, (uint16_t)len);
	buf_append(&f->out, slots, 2 * n);
	size_t start = f->out.len;
	flat_set(f, reference, start - reference, 4);
	buf_u32le(&f->out, (uint32_t)vtable_len);
	buf_zero(&f->out, len - 4);
	for (size_t i = 0; i < n; i++)
		t.field[i] = start + slots[i];
	return t;
}

void flat_vector(struct flat *f, size_t field, uint32_t n, size_t align)
{
	flat_align(f, 4);
	while ((f->out.len - f->base + 4) % align != 0 && !f->out.failed)
		buf_zero(&f->out, 4);
	flat_set(f, field, f->out.len - field, 4);
	buf_u32le(&f->out, n);
}

size_t flat_references(struct flat *f, size_t field, uint32_t n)
{
	flat_vector(f, field, n, 4);
	size_t first = f->out.len;
	buf_zero(&f->out, (size_t)n * 4);
	return first;
}

void flat_string(struct flat *f, size_t field, const void *s, size_t len)
{
	flat_vector(f, field, (uint32_t)len, 4);
	buf_append(&f->out, s, len);
	buf_byte(&f->out, 0);
}
