// SPDX-License-Identifier: Apache-2.0
/*
 * bitpack_kernel.h: the FastLanes kernel for one word type; included by
 * bitpack.c with WORD (bits) defined.  1024 values lie in lanes of one word
 * each; rows are visited in the transposed order that all word types share, so
 * that the inner loops run over neighbouring words.
 */
#define T_(bits) uint##bits##_t
#define T__(bits) T_(bits)
#define T T__(WORD)
#define NAME_(stem, bits) stem##bits
#define NAME__(stem, bits) NAME_(stem, bits)
#define NAME(stem) NAME__(stem, WORD)

static void NAME(unpack)(unsigned width, const uint8_t *in, T *restrict out)
{
	enum { LANES = 1024 / WORD };
	T words[1024 + LANES];
	memcpy(words, in, (size_t)width * 128);
	T mask = (T)(width == WORD ? ~(T)0 : ((T)1 << width) - 1);
	for (unsigned row = 0; row < WORD; row++) {
		T *dst = out + order[row / 8] * 16 + (row % 8) * 128;
		unsigned bit = row * width;
		unsigned shift = bit % WORD;
		const T *src = words + LANES * (bit / WORD);
		if (shift + width <= WORD) {
			for (unsigned lane = 0; lane < LANES; lane++)
				dst[lane] = (T)((T)(src[lane] >> shift) & mask);
			continue;
		}
		unsigned rest = WORD - shift;
		for (unsigned lane = 0; lane < LANES; lane++)
			dst[lane] = (T)(((T)(src[lane] >> shift) |
					 (T)((T)src[lane + LANES] << rest)) &
					mask);
	}
}

static void NAME(pack)(unsigned width, const T *restrict in, uint8_t *out)
{
	enum { LANES = 1024 / WORD };
	T words[1024 + LANES];
	memset(words, 0, sizeof(words));
	for (unsigned row = 0; row < WORD; row++) {
		const T *src = in + order[row / 8] * 16 + (row % 8) * 128;
		unsigned bit = row * width;
		unsigned shift = bit % WORD;
		T *dst = words + LANES * (bit / WORD);
		for (unsigned lane = 0; lane < LANES; lane++)
			dst[lane] |= (T)((T)src[lane] << shift);
		if (shift + width <= WORD)
			continue;
		unsigned rest = WORD - shift;
		for (unsigned lane = 0; lane < LANES; lane++)
			dst[lane + LANES] |= (T)(src[lane] >> rest);
	}
	memcpy(out, words, (size_t)width * 128);
}

#undef T_
#undef T__
#undef T
#undef NAME_
#undef NAME__
#undef NAME
