// SPDX-License-Identifier: Apache-2.0
/*
 * memo.c: numbers remembered of content: sizes that took a scan, times that took
 * a stat a fragment, times that a user set.
 *
 * Keys are hashes of content, so an entry is never wrong, only forgotten: a slot
 * may be taken by another key.  Sizes are kept in cache-dir, one file a dataset;
 * times that users set are part of the dataset's state in _lancefs/.
 */
#include "fs.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <unistd.h>

#define N_SLOTS 8192
#define N_PROBES 16
#define RECORD_LEN 24 /* kind, key, value: u64 each */

struct slot {
	uint64_t kind, key, value;
	bool used;
};

struct memo {
	pthread_mutex_t lock;
	struct slot slots[N_SLOTS];  /* guarded by .lock */
	bool is_dirty[N_MEMO_KINDS]; /* guarded by .lock */
};

void memo_free(struct memo *memo)
{
	if (!memo)
		return;
	pthread_mutex_destroy(&memo->lock);
	free(memo);
}

static size_t first_slot(enum memo_kind kind, uint64_t key)
{
	return hash_mix(key, kind) % N_SLOTS;
}

bool memo_get(struct memo *memo, enum memo_kind kind, uint64_t key, uint64_t *ret)
{
	size_t first = first_slot(kind, key);
	LOCK_SCOPE(&memo->lock);
	for (unsigned i = 0; i < N_PROBES; i++) {
		const struct slot *s = &memo->slots[(first + i) % N_SLOTS];
		if (s->used && s->key == key && s->kind == kind) {
			*ret = s->value;
			return true;
		}
	}
	return false;
}

void memo_put(struct memo *memo, enum memo_kind kind, uint64_t key, uint64_t value)
{
	size_t first = first_slot(kind, key);
	LOCK_SCOPE(&memo->lock);
	struct slot *s = &memo->slots[first];
	for (unsigned i = 0; i < N_PROBES; i++) {
		struct slot *at = &memo->slots[(first + i) % N_SLOTS];
		if (!at->used || (at->key == key && at->kind == kind)) {
			s = at;
			break;
		}
	}
	*s = (struct slot){kind, key, value, true};
	memo->is_dirty[kind] = true;
}

/* --- where it is kept --- */

static struct err *default_cache_dir(char **ret)
{
	const char *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	if (geteuid() == 0)
		return str_dup("/var/cache/lancefs", ret);
	if (xdg && *xdg)
		return str_printf(ret, "%s/lancefs", xdg);
	return str_printf(ret, "%s/.cache/lancefs", home ? home : "");
}

static struct err *open_cache_dir(struct mount *m, int *ret_fd)
{
	AUTO_MEM char *dir = NULL;
	if (m->server->options.cache_dir)
		TRY(str_dup(m->server->options.cache_dir, &dir));
	else
		TRY(default_cache_dir(&dir));
	if (mkdir(dir, 0755) != 0 && errno != EEXIST)
		return err_errno(errno, "%s", dir);
	*ret_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *ret_fd < 0 ? err_errno(errno, "%s", dir) : NULL;
}

/* Each kept kind has a directory and a file name. */
static struct err *open_place(struct mount *m, enum memo_kind kind, int *ret_fd,
			      char **ret_name)
{
	AUTO_MEM char *source = NULL;
	if (kind == MEMO_TOUCHED) {
		TRY(str_dup("mtimes", ret_name));
		return state_dir(m, "times", ret_fd);
	}
	source = realpath(m->source, NULL);
	TRY(str_printf(ret_name, "%016" PRIx64 ".sizes2",
		       hash_str(source ? source : m->source, 0)));
	return open_cache_dir(m, ret_fd);
}

static void tell(struct mount *m, struct err *err)
{
	if (err)
		log_line(&m->server->log, LEVEL_INFO, "not remembered: %s", err->msg);
	err_free(err); /* what is forgotten is computed again */
}

/* --- loading --- */

static struct err *load(struct mount *m, struct memo *memo, enum memo_kind kind)
{
	AUTO_FD int dir = -1;
	AUTO_MEM char *name = NULL;
	uint8_t record[RECORD_LEN];
	if (kind == MEMO_TOUCHED &&
	    faccessat(io_store_fd(m->store), "_lancefs/times", R_OK, AT_EACCESS) != 0)
		return NULL; /* nobody set one; do not make the directory */
	TRY(open_place(m, kind, &dir, &name));
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "r");
	if (!f && fd >= 0)
		close(fd);
	while (f && fread(record, RECORD_LEN, 1, f) == 1)
		if (load_u64le(record) == kind)
			memo_put(memo, kind, load_u64le(record + 8),
				 load_u64le(record + 16));
	if (f)
		fclose(f);
	return NULL;
}

static const enum memo_kind kept[] = {MEMO_SIZE, MEMO_TOUCHED};

struct err *memo_open(struct mount *m, struct memo **ret)
{
	struct memo *memo;
	TRY(mem_new(&memo));
	pthread_mutex_init(&memo->lock, NULL);
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		tell(m, load(m, memo, kept[i]));
		memo->is_dirty[kept[i]] = false;
	}
	*ret = memo;
	return NULL;
}

/* --- saving --- */

/* All records of a kind; false if nothing is new. */
static bool collect(struct memo *memo, enum memo_kind kind, struct buf *out)
{
	LOCK_SCOPE(&memo->lock);
	if (!memo->is_dirty[kind])
		return false;
	for (size_t i = 0; i < N_SLOTS; i++) {
		const struct slot *s = &memo->slots[i];
		if (!s->used || s->kind != kind)
			continue;
		buf_u64le(out, s->kind);
		buf_u64le(out, s->key);
		buf_u64le(out, s->value);
	}
	memo->is_dirty[kind] = false;
	return true;
}

static struct err *write_file(int dir, const char *name, const struct buf *bytes)
{
	AUTO_MEM char *tmp = NULL;
	TRY(str_printf(&tmp, ".%s.%d.tmp", name, (int)getpid()));
	AUTO_FD int fd =
		openat(dir, tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return err_errno(errno, "%s", tmp);
	ssize_t n = write(fd, bytes->data, bytes->len);
	if (n != (ssize_t)bytes->len || renameat(dir, tmp, dir, name) != 0) {
		struct err *err = err_errno(n < 0 ? errno : ENOSPC, "%s", name);
		unlinkat(dir, tmp, 0);
		return err;
	}
	return NULL;
}

static struct err *save(struct mount *m, enum memo_kind kind)
{
	AUTO_BUF struct buf out = {0};
	AUTO_FD int dir = -1;
	AUTO_MEM char *name = NULL;
	if ((kind == MEMO_TOUCHED && !m->is_writable) || !collect(m->memo, kind, &out))
		return NULL;
	TRY(buf_check(&out));
	TRY(open_place(m, kind, &dir, &name));
	return write_file(dir, name, &out);
}

void memo_save(struct mount *m)
{
	if (m->main)
		return; /* it is the main branch's */
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		tell(m, save(m, kept[i]));
}
