// SPDX-License-Identifier: Apache-2.0
/*
 * proto.c: protobuf-c with a check before it.
 *
 * The walk follows message fields by the descriptor only, so bytes fields that
 * look like messages are not entered.  A message of n bytes may expand to a
 * multiple of n in memory; callers bound n.
 */
#include "proto/proto.h"

#include <errno.h>
#include <inttypes.h>

#define WIRE_VARINT 0
#define WIRE_64BIT 1
#define WIRE_LENGTH 2
#define WIRE_32BIT 5

static struct err *check(const ProtobufCMessageDescriptor *d, struct cursor c,
			 int depth)
{
	if (depth > LIMIT_NESTING)
		return err_new(EIO, "protobuf message nests deeper than %d",
			       LIMIT_NESTING);
	while (cursor_left(&c)) {
		uint64_t tag, n;
		struct cursor sub;
		TRY(cursor_varint(&c, &tag));
		switch (tag & 7) {
		case WIRE_VARINT:
			TRY(cursor_varint(&c, &n));
			break;
		case WIRE_64BIT:
			TRY(cursor_skip(&c, 8));
			break;
		case WIRE_32BIT:
			TRY(cursor_skip(&c, 4));
			break;
		case WIRE_LENGTH: {
			TRY(cursor_varint(&c, &n));
			TRY(cursor_sub(&c, n, &sub));
			const ProtobufCFieldDescriptor *f = NULL;
			if (tag >> 3 <= UINT32_MAX)
				f = protobuf_c_message_descriptor_get_field(
					d, (unsigned)(tag >> 3));
			if (f && f->type == PROTOBUF_C_TYPE_MESSAGE)
				TRY(check(f->descriptor, sub, depth + 1));
			break;
		}
		default:
			return err_new(EIO, "protobuf wire type %d", (int)(tag & 7));
		}
	}
	return NULL;
}

struct err *proto_unpack(const ProtobufCMessageDescriptor *descriptor, const void *p,
			 size_t len, ProtobufCMessage **ret)
{
	TRY_CTX(check(descriptor, cursor_of(p, len), 0), "%s", descriptor->name);
	ProtobufCMessage *m = protobuf_c_message_unpack(descriptor, NULL, len, p);
	if (!m)
		return err_new(EIO, "%zu bytes are not a %s message", len,
			       descriptor->name);
	*ret = m;
	return NULL;
}

void proto_free(ProtobufCMessage *m)
{
	if (m)
		protobuf_c_message_free_unpacked(m, NULL);
}

void proto_pack(const ProtobufCMessage *m, struct buf *out)
{
	size_t len = protobuf_c_message_get_packed_size(m);
	uint8_t *dst = len ? buf_room(out, len) : NULL;
	if (dst)
		protobuf_c_message_pack(m, dst);
}
