// SPDX-License-Identifier: Apache-2.0
/*
 * flatbuf.c: checked FlatBuffers access.
 */
#include "base/base.h"

#include <errno.h>
#include <inttypes.h>

static struct err *at(struct cursor all, uint64_t pos, uint64_t len,
		      const uint8_t **ret)
{
	uint64_t end;
	if (ckd_add(&end, pos, len) || end > cursor_left(&all))
		return err_new(EIO, "flatbuffer: offset %" PRIu64 " past the end", pos);
	*ret = all.p + pos;
	return NULL;
}

static struct err *table_at(struct cursor all, uint64_t pos, struct fb_table *ret)
{
	const uint8_t *p;
	TRY(at(all, pos, 4, &p));
	int64_t vtable = (int64_t)pos - (int32_t)load_u32le(p);
	if (vtable < 0)
		return err_new(EIO, "flatbuffer: table without vtable");
	TRY(at(all, (uint64_t)vtable, 4, &p));
	uint16_t len = load_u16le(p);
	TRY(at(all, (uint64_t)vtable, len, &p));
	*ret = (struct fb_table){all, pos, (uint64_t)vtable, len};
	return NULL;
}

struct err *fb_root(struct cursor all, struct fb_table *ret)
{
	const uint8_t *p;
	TRY(at(all, 0, 4, &p));
	return table_at(all, load_u32le(p), ret);
}

/* position of a field's bytes, 0 if it is absent */
static uint64_t field_pos(const struct fb_table *t, unsigned field)
{
	uint64_t slot = 4 + (uint64_t)2 * field;
	if (slot + 2 > t->vtable_len)
		return 0;
	uint16_t off = load_u16le(t->all.p + t->vtable + slot);
	return off ? t->pos + off : 0;
}

struct err *fb_scalar(const struct fb_table *t, unsigned field, unsigned size,
		      int64_t absent, int64_t *ret)
{
	const uint8_t *p;
	uint64_t pos = field_pos(t, field);
	if (!pos) {
		*ret = absent;
		return NULL;
	}
	TRY(at(t->all, pos, size, &p));
	switch (size) {
	case 1:
		*ret = (int8_t)*p;
		break;
	case 2:
		*ret = (int16_t)load_u16le(p);
		break;
	case 4:
		*ret = (int32_t)load_u32le(p);
		break;
	default:
		*ret = (int64_t)load_u64le(p);
	}
	return NULL;
}

/* the position that an offset field points to, 0 if it is absent */
static struct err *follow(const struct fb_table *t, unsigned field, uint64_t *ret)
{
	const uint8_t *p;
	uint64_t pos = field_pos(t, field);
	*ret = 0;
	if (!pos)
		return NULL;
	TRY(at(t->all, pos, 4, &p));
	*ret = pos + load_u32le(p);
	return NULL;
}

struct err *fb_child(const struct fb_table *t, unsigned field, bool *ret_found,
		     struct fb_table *ret)
{
	uint64_t pos;
	TRY(follow(t, field, &pos));
	*ret_found = pos != 0;
	return pos ? table_at(t->all, pos, ret) : NULL;
}

struct err *fb_vector(const struct fb_table *t, unsigned field, size_t stride,
		      struct fb_vector *ret)
{
	const uint8_t *p;
	uint64_t pos;
	*ret = (struct fb_vector){0};
	TRY(follow(t, field, &pos));
	if (!pos)
		return NULL;
	TRY(at(t->all, pos, 4, &p));
	uint32_t n = load_u32le(p);
	TRY(at(t->all, pos + 4, (uint64_t)n * stride, &ret->items));
	ret->n = n;
	return NULL;
}

struct err *fb_item(const struct fb_table *t, const struct fb_vector *v, uint32_t i,
		    struct fb_table *ret)
{
	uint64_t pos = (uint64_t)(v->items - t->all.p) + (uint64_t)i * 4;
	return table_at(t->all, pos + load_u32le(t->all.p + pos), ret);
}
