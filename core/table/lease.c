// SPDX-License-Identifier: Apache-2.0
/*
 * lease.c: versions that processes have open, as others see them.
 *
 * _lancefs/leases/HOST-PID-RANDOM has a line for each version that a process has open.
 * Its holder keeps it locked (flock): a lease that can be locked is a dead process's,
 * and is removed.  Other hosts' locks cannot always be seen, so theirs count for as
 * long as their files are touched now and then.  What a lease says is never less than
 * what its holder has open: it is replaced by a new file before it goes, and a number
 * that is being written is not relied on before it is whole.
 */
#include "table/lease_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LIMIT_LEASE_BYTES ((uint64_t)16 << 20)
#define MOST_TRIES 100

struct err *numbers_add(struct numbers *l, uint64_t n)
{
	TRY(mem_grow(l->n + 1, sizeof(*l->items), &l->cap, &l->items));
	l->items[l->n++] = n;
	return NULL;
}

/* HOST-PID-RANDOM; a host's name may have a '-'. */
static bool is_of_this_host(const char *name)
{
	char host[256] = "";
	size_t len = strlen(name);
	for (unsigned dashes = 0; len && dashes < 2;)
		dashes += name[--len] == '-';
	lease_host(host, sizeof(host));
	return strlen(host) == len && memcmp(host, name, len) == 0;
}

/* Lines that are numbers; the last one may not be whole. */
static struct err *parse(char *text, struct numbers *ret)
{
	char *line = text;
	for (char *end; (end = strchr(line, '\n')); line = end + 1) {
		uint64_t number;
		*end = 0;
		if (!str_to_u64(line, &number))
			return err_new(EIO, "'%.40s' is no version", line);
		TRY(numbers_add(ret, number));
	}
	return NULL;
}

static struct err *read_text(int fd, const char *path, char **ret)
{
	AUTO_BUF struct buf text = {.limit = LIMIT_LEASE_BYTES};
	char some[4096];
	for (ssize_t n = 1; n;) {
		n = pread(fd, some, sizeof(some), (off_t)text.len);
		if (n < 0)
			return err_errno(errno, "%s", path);
		buf_append(&text, some, (size_t)n);
		TRY(buf_check(&text));
	}
	return buf_take_str(&text, ret);
}

enum life { LIVES, IS_DEAD, IS_GONE };

/* Its holder takes a file away before he unlocks it. */
static enum life life_of(int fd, const char *name)
{
	struct stat st;
	struct timespec now;
	bool is_locked = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
	if (is_locked || fstat(fd, &st) != 0)
		return LIVES;
	if (st.st_nlink == 0)
		return IS_GONE;
	clock_gettime(CLOCK_REALTIME, &now);
	return !is_of_this_host(name) &&
			       now.tv_sec - st.st_mtim.tv_sec < LEASE_TRUSTED_S
		       ? LIVES
		       : IS_DEAD;
}

/* *ret_gone: it has gone since it was listed: its holder may have another one. */
static struct err *read_lease(struct io_store *s, const char *name, bool *ret_gone,
			      struct numbers *ret)
{
	AUTO_MEM char *path = NULL;
	AUTO_MEM char *text = NULL;
	struct stat st;
	TRY(str_printf(&path, LEASES_DIR "/%s", name));
	AUTO_FD int fd = openat(io_store_fd(s), path,
				O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	*ret_gone = fd < 0 && errno == ENOENT;
	if (*ret_gone)
		return NULL;
	if (fd < 0 || fstat(fd, &st) != 0)
		return err_errno(errno, "%s", path);
	if (!S_ISREG(st.st_mode))
		return err_new(EIO, "%s is no file", path);
	enum life life = life_of(fd, name);
	*ret_gone = life == IS_GONE;
	if (life != LIVES)
		return life == IS_DEAD ? io_remove(s, path) : NULL;
	TRY(read_text(fd, path, &text));
	TRY_CTX(parse(text, ret), "%s (remove it if no lancefs holds it)", path);
	return NULL;
}

struct names {
	char **items; /* owned */
	size_t n, cap;
	uint64_t key; /* of all of them, in any order */
};

static void auto_names(struct names *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->items[i]);
	free(l->items);
}

static struct err *collect(void *ctx, const char *name)
{
	struct names *l = ctx;
	if (name[0] == '.')
		return NULL; /* it is being made */
	TRY(mem_grow(l->n + 1, sizeof(*l->items), &l->cap, &l->items));
	TRY(str_dup(name, &l->items[l->n]));
	l->n++;
	l->key += hash_str(name, 0);
	return NULL;
}

/* A large directory's listing may lack both of a lease that went and the one that came
 * for it, if they did so meanwhile. */
static struct err *read_all(struct io_store *s, bool *ret_changed, struct numbers *ret)
{
	__attribute__((cleanup(auto_names))) struct names l = {0};
	__attribute__((cleanup(auto_names))) struct names again = {0};
	TRY(io_list(s, LEASES_DIR, collect, &l));
	TRY(io_list(s, LEASES_DIR, collect, &again));
	*ret_changed = l.key != again.key;
	for (size_t i = 0; i < l.n; i++) {
		bool is_gone;
		TRY(read_lease(s, l.items[i], &is_gone, ret));
		*ret_changed = *ret_changed || is_gone;
	}
	return NULL;
}

struct err *leases_read(struct io_store *s, struct numbers *ret)
{
	bool is_changed = io_store_fd(s) >= 0;
	for (unsigned i = 0; is_changed; i++) {
		TRY(read_all(s, &is_changed, ret));
		if (i == MOST_TRIES)
			return err_new(EBUSY, LEASES_DIR ": it keeps changing");
	}
	return NULL;
}

/* --- names --- */

void lease_host(char *ret, size_t size)
{
	if (gethostname(ret, size) != 0)
		ret[0] = 0;
	ret[size - 1] = 0;
	for (char *p = ret; *p; p++)
		*p = strchr("/\n\\", *p) || *p < '!' ? '_' : *p;
}
