// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_table.c: any bytes as a manifest, or as either kind of deletion file.
 *
 * The first byte chooses the door.  A manifest's framing is made right, so that
 * the fuzzer spends its time in the message; what opens is listed and checked as
 * `info`, `schema`, `history` and `verify` would.
 */
#include "command/command.h"
#include "table/table_priv.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_ROWS 100000

static char dir[] = "/dev/shm/lancefs-fuzz-XXXXXX";

static void write_manifest(const uint8_t *p, size_t len)
{
	AUTO_BUF struct buf out = {0};
	char path[96];
	buf_u32le(&out, (uint32_t)len);
	buf_append(&out, p, len);
	buf_u64le(&out, 0);
	buf_u16le(&out, 0);
	buf_u16le(&out, 2);
	buf_str(&out, "LANC");
	snprintf(path, sizeof(path), "%s/_versions/1.manifest", dir);
	AUTO_FD int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || write(fd, out.data, out.len) != (ssize_t)out.len)
		abort();
}

static void no_problem(void *ctx, const char *text)
{
	(void)ctx;
	(void)text;
}

static struct err *look(struct table *t)
{
	AUTO(version) struct version *v = table_latest(t);
	AUTO_BUF struct buf out = {0};
	uint64_t n;
	int32_t id;
	struct verify_options options = {.found = no_problem, .note = no_problem};
	TRY(render_info(v, true, &out));
	TRY(render_schema(v, true, &out));
	TRY(version_verify(v, &options, &n));
	TRY(version_next_field_id(v, &id));
	err_free(version_check_writable(v)); /* either answer will do */
	for (size_t i = 0; i < version_n_fields(v); i++) {
		AUTO(array) struct array *a = NULL;
		TRY(version_read(v, version_field(v, i), 0,
				 MIN_OF(version_rows(v), 1000u), &a));
	}
	return render_history(t, 1, true, &out);
}

static void open_manifest(const uint8_t *p, size_t len)
{
	AUTO(io_store) struct io_store *store = NULL;
	AUTO(table) struct table *t = NULL;
	write_manifest(p, len);
	if (io_store_open_local(dir, &store))
		abort();
	struct err *err = table_open(store, NULL, &t);
	if (!err)
		err = look(t);
	err_free(err); /* what damaged manifests should give */
}

static void set_up(void)
{
	static bool done;
	char path[96];
	if (done)
		return;
	done = true;
	if (!mkdtemp(dir))
		abort();
	snprintf(path, sizeof(path), "%s/_versions", dir);
	if (mkdir(path, 0700) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_MEM uint8_t *bits = calloc(1, bitmap_bytes(FUZZ_ROWS) + 8);
	set_up();
	if (size == 0 || !bits)
		return 0;
	struct cursor c = cursor_of(data + 1, size - 1);
	switch (data[0] % 3) {
	case 0:
		open_manifest(data + 1, size - 1);
		break;
	case 1:
		err_free(roaring_read(c, FUZZ_ROWS, bits));
		break;
	default:
		err_free(ipc_offsets_read(c, FUZZ_ROWS, bits));
	}
	return 0;
}
