// SPDX-License-Identifier: Apache-2.0
/*
 * bitpack.c: the FastLanes bit-packing kernel for 8, 16, 32 and 64 bit words.
 *
 * Callers have proven that 128 * width bytes of packed words are there.
 * Source: "The FastLanes Compression Layout" (Afroozeh, Boncz), as Lance uses it.
 */
#include "encoding/encoding_priv.h"

static const unsigned order[8] = {0, 4, 2, 6, 1, 5, 3, 7};

#define WORD 8
#include "encoding/bitpack_kernel.h"
#undef WORD
#define WORD 16
#include "encoding/bitpack_kernel.h"
#undef WORD
#define WORD 32
#include "encoding/bitpack_kernel.h"
#undef WORD
#define WORD 64
#include "encoding/bitpack_kernel.h"
#undef WORD

void bitpack_unpack(unsigned bits, unsigned width, const uint8_t *in, void *out)
{
	if (width == 0) {
		memset(out, 0, bits * (size_t)128);
		return;
	}
	switch (bits) {
	case 8:
		unpack8(width, in, out);
		break;
	case 16:
		unpack16(width, in, out);
		break;
	case 32:
		unpack32(width, in, out);
		break;
	default:
		unpack64(width, in, out);
	}
}

void bitpack_pack(unsigned bits, unsigned width, const void *in, uint8_t *out)
{
	switch (bits) {
	case 8:
		pack8(width, in, out);
		break;
	case 16:
		pack16(width, in, out);
		break;
	case 32:
		pack32(width, in, out);
		break;
	default:
		pack64(width, in, out);
	}
}

unsigned bitpack_width(unsigned bits, const void *in, uint64_t n)
{
	uint64_t all = 0;
	const uint8_t *p = in;
	for (uint64_t i = 0; i < n; i++) {
		switch (bits) {
		case 8:
			all |= p[i];
			break;
		case 16:
			all |= load_u16le(p + 2 * i);
			break;
		case 32:
			all |= load_u32le(p + 4 * i);
			break;
		default:
			all |= load_u64le(p + 8 * i);
		}
	}
	return all ? 64 - (unsigned)__builtin_clzll(all) : 0;
}
