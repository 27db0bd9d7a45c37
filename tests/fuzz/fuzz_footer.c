// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_footer.c: any bytes as what a data file says of itself: its descriptor,
 * columns' metadata, offset tables and footer.
 *
 * The input: version, number of columns, which field to read, which number to spoil
 * (a byte each), its bits (u16), the sizes of the descriptor and of each column's
 * metadata (u16 each), these messages, and then the file's pages, which lie at its
 * start.  The framing
 * is made right but for one number of it, so that the fuzzer spends its time in
 * the messages.
 */
#include "open_file.h"

#define MAX_COLUMNS 12
#define MAX_ROWS 30

static const uint16_t versions[][2] = {{0, 3}, {2, 1}, {2, 2}, {2, 0},
				       {2, 3}, {0, 2}, {9, 9}};

#define N_VERSIONS (sizeof(versions) / sizeof(versions[0]))

struct parts {
	struct run descriptor, columns[MAX_COLUMNS], pages;
	unsigned n_columns;
	unsigned version, field;
	unsigned spoiled; /* this one of the framing's numbers, counted from 1 */
	uint64_t spoil;	  /* by these bits */
	unsigned n_put;
};

static void take_parts(struct input *in, struct parts *ret)
{
	size_t sizes[MAX_COLUMNS];
	ret->version = take_u8(in) % N_VERSIONS;
	ret->n_columns = take_u8(in) % (MAX_COLUMNS + 1);
	ret->field = take_u8(in);
	ret->spoiled = take_u8(in);
	ret->spoil = take_u16(in);
	if (ret->spoiled & 128) /* high bits */
		ret->spoil <<= 48;
	ret->spoiled &= 127;
	size_t descriptor = take_u16(in);
	for (unsigned i = 0; i < ret->n_columns; i++)
		sizes[i] = take_u16(in);
	ret->descriptor = take_run(in, descriptor);
	for (unsigned i = 0; i < ret->n_columns; i++)
		ret->columns[i] = take_run(in, sizes[i]);
	ret->pages = take_run(in, in->left);
}

static void parts_fini(struct parts *p)
{
	run_fini(&p->descriptor);
	for (unsigned i = 0; i < p->n_columns; i++)
		run_fini(&p->columns[i]);
	run_fini(&p->pages);
}

/* A number of the framing, perhaps spoiled. */
static uint64_t number(struct parts *p, uint64_t n)
{
	return ++p->n_put == p->spoiled ? n ^ p->spoil : n;
}

static void put_entry(struct parts *p, struct buf *out, uint64_t pos, uint64_t len)
{
	buf_u64le(out, number(p, pos));
	buf_u64le(out, number(p, len));
}

static void put_file(struct parts *p, struct buf *out)
{
	uint64_t metas[MAX_COLUMNS], descriptor, tables[2];
	buf_append(out, p->pages.p, p->pages.len);
	descriptor = out->len;
	buf_append(out, p->descriptor.p, p->descriptor.len);
	for (unsigned i = 0; i < p->n_columns; i++) {
		metas[i] = out->len;
		buf_append(out, p->columns[i].p, p->columns[i].len);
	}
	tables[0] = out->len;
	for (unsigned i = 0; i < p->n_columns; i++)
		put_entry(p, out, metas[i], p->columns[i].len);
	tables[1] = out->len;
	put_entry(p, out, descriptor, p->descriptor.len);
	buf_u64le(out, number(p, p->n_columns ? metas[0] : tables[0]));
	buf_u64le(out, number(p, tables[0]));
	buf_u64le(out, number(p, tables[1]));
	buf_u32le(out, (uint32_t)number(p, 1));
	buf_u32le(out, (uint32_t)number(p, p->n_columns));
	buf_u16le(out, versions[p->version][0]);
	buf_u16le(out, versions[p->version][1]);
	buf_str(out, "LANC");
	must(buf_check(out));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	struct parts p = {0};
	AUTO_BUF struct buf out = {0};
	take_parts(&in, &p);
	put_file(&p, &out);
	err_free(open_file(out.data, out.len, MAX_ROWS,
			   p.field)); /* any error will do */
	parts_fini(&p);
	return 0;
}
