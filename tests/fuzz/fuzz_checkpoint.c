// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_checkpoint.c: any bytes as the log of a checkpoint.
 *
 * The input: flags, a number of changes (u16 place, u8 value), further bytes.  The log
 * is one that was made here if the flags say so, with those changes, and the further
 * bytes behind it; its hashes are made right again if they say so, because otherwise
 * little gets past them.  What is found must be whole, and what is put beside it must
 * be found.
 */
#include "job/checkpoint_log_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "input.h"

#define LOGS "_lancefs/checkpoints/k"
#define LOG LOGS "/1-fuzz.log"
#define MOST_ROWS 512
#define OWN_FRAGMENT UINT64_MAX
enum { HAS_MADE = 1, MENDS = 2, IS_OTHERS = 4 };

static struct {
	char root[64];
	struct io_store *store;
	struct type *outputs[2];
	struct bytes *made;
} place;

static struct checkpoint *open_as(uint64_t owner)
{
	struct checkpoint *c;
	struct checkpoint_spec spec = {.store = place.store,
				       .key = "k",
				       .owner = owner,
				       .most_rows = MOST_ROWS,
				       .outputs = place.outputs,
				       .n_outputs = 2};
	must(checkpoint_open(&spec, &c));
	return c;
}

static void put(struct checkpoint *c, uint64_t fragment, const uint64_t *offsets,
		uint64_t n, size_t n_failed)
{
	static const uint64_t failed[] = {0};
	struct array *outputs[2];
	for (size_t i = 0; i < 2; i++)
		must(array_new_null(place.outputs[i], n, &outputs[i]));
	struct computed_rows rows = {fragment, 0,      offsets, n,
				     outputs,  failed, n_failed};
	must(checkpoint_put(c, &rows));
	array_unref(outputs[0]);
	array_unref(outputs[1]);
}

/* --- once --- */

static struct err *take_log(void *ctx, const char *name)
{
	AUTO_MEM char *path = NULL;
	(void)ctx;
	TRY(str_printf(&path, LOGS "/%s", name));
	return io_read_all(place.store, path, 1 << 20, &place.made);
}

static void remove_place(void)
{
	io_store_unref(place.store);
	type_unref(place.outputs[0]);
	type_unref(place.outputs[1]);
	bytes_unref(place.made);
	for (const char *const *name = (const char *const[]){"_lancefs/checkpoints",
							     "_lancefs", "", NULL};
	     *name; name++) {
		char path[128];
		snprintf(path, sizeof(path), "%s/%s", place.root, *name);
		rmdir(path);
	}
}

static void make_place(void)
{
	snprintf(place.root, sizeof(place.root), "/dev/shm/fuzz_checkpoint.XXXXXX");
	if (!mkdtemp(place.root))
		abort();
	must(io_store_open_local(place.root, &place.store));
	if (atexit(remove_place) != 0)
		abort();
	must(type_parse("int64", &place.outputs[0]));
	must(type_parse("string", &place.outputs[1]));
}

static void make_log(void)
{
	static const uint64_t offsets[] = {2, 3, 4, 40};
	struct checkpoint *c = open_as(1);
	put(c, 1, offsets, 4, 1);
	put(c, 1, offsets + 1, 1, 0);
	must(checkpoint_put_committed(c, 1, 0, 9));
	put(c, 2, offsets, 2, 0);
	must(io_list(place.store, LOGS, take_log, NULL));
	checkpoint_remove(c);
}

/* --- the log --- */

static void store_hash(uint8_t *at, const uint8_t *p, uint64_t len)
{
	uint64_t hash = hash_bytes(p, (size_t)len, 0);
	for (unsigned i = 0; i < 8; i++)
		at[i] = (uint8_t)(hash >> 8 * i);
}

static void mend(uint8_t *p, size_t left)
{
	while (left >= RECORD_HEADER) {
		uint64_t runs = load_u64le(p + 32), data = load_u64le(p + 40), len;
		bool fits = !ckd_add(&len, runs, data) && len <= left - RECORD_HEADER;
		if (fits) {
			store_hash(p + 48, p + RECORD_HEADER, runs);
			store_hash(p + 56, p + RECORD_HEADER + runs, data);
		}
		store_hash(p + 72, p, 72);
		if (!fits)
			return;
		p += RECORD_HEADER + len;
		left -= RECORD_HEADER + (size_t)len;
	}
}

static void put_log(struct input *in, uint8_t flags, struct buf *log)
{
	if (flags & HAS_MADE)
		buf_append(log, place.made->data, place.made->len);
	for (unsigned n = take_u8(in) % 16; n; n--) {
		size_t at = take_u16(in);
		uint8_t value = take_u8(in);
		if (log->len)
			log->data[at % log->len] = value;
	}
	buf_append(log, in->p, in->left);
	must(buf_check(log));
	if (flags & MENDS && log->len)
		mend(log->data, log->len);
}

static void write_log(const struct buf *log)
{
	int dir = io_store_fd(place.store);
	must(io_mkdir(place.store, "_lancefs"));
	must(io_mkdir(place.store, "_lancefs/checkpoints"));
	must(io_mkdir(place.store, LOGS));
	AUTO_FD int fd = openat(dir, LOG, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	MUST_HOLD(fd >= 0);
	MUST_HOLD(write(fd, log->data, log->len) == (ssize_t)log->len);
}

/* --- what is found --- */

static void look_at(struct checkpoint *c, uint64_t fragment, uint64_t key)
{
	uint64_t offsets[MOST_ROWS], from[MOST_ROWS], n = 0;
	AUTO(array) struct array *values = NULL;
	for (uint64_t o = 0; o < MOST_ROWS; o++)
		if (checkpoint_has(c, fragment, key, o))
			offsets[n++] = o;
	(void)checkpoint_is_committed(c, fragment, key, 9);
	if (!n)
		return;
	struct err *err = checkpoint_get(c, fragment, key, offsets, n, from, &values);
	MUST_HOLD(!err || err->code == ESTALE);
	for (uint64_t i = 0; !err && i < n; i++)
		MUST_HOLD(from[i] == CHECKPOINT_FAILED || from[i] < values->n_rows);
	err_free(err); /* what damaged logs should give */
}

/* Every fragment that a header names. */
static void look_at_all(struct checkpoint *c, const struct buf *log)
{
	const uint8_t *p = log->data;
	for (size_t at = 0, n = 0; log->len - at >= RECORD_HEADER && n < 16; n++) {
		uint64_t len;
		look_at(c, load_u64le(p + at + 8), load_u64le(p + at + 16));
		if (ckd_add(&len, load_u64le(p + at + 32), load_u64le(p + at + 40)) ||
		    len > log->len - at - RECORD_HEADER)
			return;
		at += RECORD_HEADER + (size_t)len;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	static const uint64_t offsets[] = {3, 4, MOST_ROWS * 4};
	AUTO_BUF struct buf log = {0};
	if (!place.store) {
		make_place();
		make_log();
	}
	uint8_t flags = take_u8(&in);
	put_log(&in, flags, &log);
	write_log(&log);
	struct checkpoint *c = open_as(flags & IS_OTHERS ? 2 : 1);
	look_at_all(c, &log);
	put(c, OWN_FRAGMENT, offsets, 3, 1);
	for (unsigned i = 0; i < 3; i++)
		MUST_HOLD(checkpoint_has(c, OWN_FRAGMENT, 0, offsets[i]));
	checkpoint_remove(c);
	return 0;
}
