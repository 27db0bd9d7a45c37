// SPDX-License-Identifier: Apache-2.0
/*
 * proto.h: Lance's protobuf messages, the subset that lancefs needs.
 *
 * The .proto files beside this header are written from the format's published
 * message definitions; protobuf-c makes the structs.  Fields that they do not
 * name survive: protobuf-c keeps unknown fields and packs them again.
 *
 * Everything unpacked here is untrusted.  proto_unpack() first walks the wire
 * form with the message's descriptor and refuses deep recursion and absurd
 * counts, because protobuf-c recurses and allocates as the bytes tell it to.
 */
#ifndef LANCEFS_PROTO_PROTO_H
#define LANCEFS_PROTO_PROTO_H

#include "base/base.h"

#include <protobuf-c/protobuf-c.h>

#include "encodings.pb-c.h"
#include "file.pb-c.h"
#include "index.pb-c.h"
#include "table.pb-c.h"
#include "transaction.pb-c.h"

/*
 * Unpack len bytes as a message.  ret receives a message the caller frees with
 * proto_free().  EIO if the bytes are not such a message or nest too deeply.
 */
MUST_CHECK struct err *proto_unpack(const ProtobufCMessageDescriptor *descriptor,
				    const void *p, size_t len, ProtobufCMessage **ret);
void proto_free(ProtobufCMessage *m); /* accepts NULL */
/* Append the packed form. */
void proto_pack(const ProtobufCMessage *m, struct buf *out);

/* PROTO_UNPACK(lance__table__manifest, p, len, &manifest) */
#define PROTO_UNPACK(prefix, p, len, ret)                                              \
	proto_unpack(&prefix##__descriptor, (p), (len),                                \
		     (ProtobufCMessage **)(void *)(ret))

static inline void auto_proto(void *p)
{
	proto_free(*(ProtobufCMessage **)p);
}
#define AUTO_PROTO __attribute__((cleanup(auto_proto)))

#endif
