// SPDX-License-Identifier: Apache-2.0
/*
 * test_syscalls.c: whatever system call of a commit to a local directory fails, the
 * dataset is the old version or the new one, whole; and short reads, short writes and
 * signals are no failures.
 *
 * test_crash.c does the same one floor higher, above io_local.c.  Here the linker puts
 * each __wrap_ function below in the place of the system call (-Wl,--wrap), and
 * __real_ is what it was.  Nothing is synced for real.
 */
#include "operations.h"
#include "store_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TAG "kept"

/* --- the system calls --- */

enum call {
	CALL_WRITE,
	CALL_PREAD,
	CALL_OPEN,
	CALL_OPENAT,
	CALL_OPENAT2,
	CALL_FSTAT,
	CALL_MKDIRAT,
	CALL_LINKAT,
	CALL_RENAMEAT,
	CALL_RENAMEAT2,
	CALL_UNLINKAT,
	CALL_FDATASYNC,
	CALL_FSYNC,
	CALL_SYNC_FILE_RANGE,
	CALL_CLOSE,
	N_CALLS,
};

static const struct {
	const char *name;
	bool is_interruptible; /* its manual page has EINTR */
	bool takes_room;       /* its manual page has ENOSPC */
} calls[N_CALLS] = {
	[CALL_WRITE] = {"write", true, true},
	[CALL_PREAD] = {"pread", true, false},
	[CALL_OPEN] = {"open", true, false},
	[CALL_OPENAT] = {"openat", true, true},
	[CALL_OPENAT2] = {"openat2", true, true},
	[CALL_FSTAT] = {"fstat", false, false},
	[CALL_MKDIRAT] = {"mkdirat", false, true},
	[CALL_LINKAT] = {"linkat", false, true},
	[CALL_RENAMEAT] = {"renameat", false, true},
	[CALL_RENAMEAT2] = {"renameat2", false, true},
	[CALL_UNLINKAT] = {"unlinkat", false, false},
	[CALL_FDATASYNC] = {"fdatasync", true, true},
	[CALL_FSYNC] = {"fsync", true, true},
	[CALL_SYNC_FILE_RANGE] = {"sync_file_range", false, true},
	[CALL_CLOSE] = {"close", true, true},
};

#define MAX_SEEN 512
#define NEVER UINT32_MAX

struct faults {
	unsigned at;   /* the call that fails, from 0, or NEVER */
	int code;      /* with this errno */
	bool stays;    /* so do writes after it: a disk that is full */
	bool tears;    /* a write gets half way, and only those after it fail */
	bool is_rough; /* reads and writes are short, every third call interrupted */
	bool is_old;   /* neither openat2 nor links: old kernels, FAT */
};

/* Of the operation that runs: all of its system calls are made by one thread. */
static struct {
	struct faults f;
	bool is_on, is_full, is_torn;
	unsigned n;		  /* calls until now */
	enum call seen[MAX_SEEN]; /* which */
} now;

static unsigned n_injected, n_trials; /* of all tests */

static bool answer(int code)
{
	n_injected++;
	errno = code;
	return true;
}

/* Count a call; true: it is to fail, with errno. */
static bool fails(enum call c)
{
	if (!now.is_on)
		return false;
	unsigned n = now.n++;
	if (n < MAX_SEEN)
		now.seen[n] = c;
	if (now.is_full && c == CALL_WRITE)
		return answer(now.f.code);
	if (now.f.is_rough && n % 3 == 2 && calls[c].is_interruptible)
		return answer(EINTR);
	if (n != now.f.at)
		return false;
	now.is_torn = now.f.tears;
	now.is_full = now.f.stays || now.f.tears;
	return !now.f.tears && answer(now.f.code);
}

/* How much of len is done. */
static size_t part_of(size_t len)
{
	bool is_short = now.is_on && (now.f.is_rough || now.is_torn);
	now.is_torn = false;
	n_injected += is_short && len > 1;
	return is_short ? (len + 1) / 2 : len;
}

#define WRAPPED(type, name, ...)                                                       \
	type __real_##name(__VA_ARGS__);                                               \
	type __wrap_##name(__VA_ARGS__);                                               \
	type __wrap_##name(__VA_ARGS__)

WRAPPED(ssize_t, write, int fd, const void *p, size_t len)
{
	return fails(CALL_WRITE) ? -1 : __real_write(fd, p, part_of(len));
}

WRAPPED(ssize_t, pread64, int fd, void *p, size_t len, off_t off)
{
	return fails(CALL_PREAD) ? -1 : __real_pread64(fd, p, part_of(len), off);
}

/* No caller of open() makes files by it, so that there is no mode to hand on. */
WRAPPED(int, open64, const char *path, int flags, ...)
{
	return fails(CALL_OPEN) ? -1 : __real_open64(path, flags);
}

WRAPPED(int, openat64, int dirfd, const char *path, int flags, ...)
{
	va_list args;
	va_start(args, flags);
	mode_t mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
	va_end(args);
	return fails(CALL_OPENAT) ? -1 : __real_openat64(dirfd, path, flags, mode);
}

/* Only of openat2, which has no function. */
WRAPPED(long, syscall, long number, ...)
{
	va_list args;
	va_start(args, number);
	int dirfd = va_arg(args, int);
	const char *path = va_arg(args, const char *);
	struct open_how *how = va_arg(args, struct open_how *);
	size_t size = va_arg(args, size_t);
	va_end(args);
	assert_int_equal(number, SYS_openat2);
	if (now.is_on && now.f.is_old) {
		errno = ENOSYS;
		return -1;
	}
	return fails(CALL_OPENAT2) ? -1
				   : __real_syscall(number, dirfd, path, how, size);
}

WRAPPED(int, fstat64, int fd, struct stat *ret)
{
	return fails(CALL_FSTAT) ? -1 : __real_fstat64(fd, ret);
}

WRAPPED(int, mkdirat, int dirfd, const char *path, mode_t mode)
{
	return fails(CALL_MKDIRAT) ? -1 : __real_mkdirat(dirfd, path, mode);
}

WRAPPED(int, linkat, int fromfd, const char *from, int tofd, const char *to, int flags)
{
	if (now.is_on && now.f.is_old) {
		errno = EPERM;
		return -1;
	}
	return fails(CALL_LINKAT) ? -1 : __real_linkat(fromfd, from, tofd, to, flags);
}

WRAPPED(int, renameat, int fromfd, const char *from, int tofd, const char *to)
{
	return fails(CALL_RENAMEAT) ? -1 : __real_renameat(fromfd, from, tofd, to);
}

WRAPPED(int, renameat2, int fromfd, const char *from, int tofd, const char *to,
	unsigned flags)
{
	return fails(CALL_RENAMEAT2) ? -1
				     : __real_renameat2(fromfd, from, tofd, to, flags);
}

WRAPPED(int, unlinkat, int dirfd, const char *path, int flags)
{
	return fails(CALL_UNLINKAT) ? -1 : __real_unlinkat(dirfd, path, flags);
}

WRAPPED(int, fdatasync, int fd)
{
	(void)fd;
	return fails(CALL_FDATASYNC) ? -1 : 0;
}

WRAPPED(int, fsync, int fd)
{
	(void)fd;
	return fails(CALL_FSYNC) ? -1 : 0;
}

WRAPPED(int, sync_file_range, int fd, off_t off, off_t len, unsigned flags)
{
	(void)fd, (void)off, (void)len, (void)flags;
	return fails(CALL_SYNC_FILE_RANGE) ? -1 : 0;
}

/* Linux has closed, whatever it answers. */
WRAPPED(int, close, int fd)
{
	int r = __real_close(fd);
	return fails(CALL_CLOSE) ? -1 : r;
}

static void switch_on(const struct faults *f)
{
	memset(&now, 0, sizeof(now));
	now.f = *f;
	now.is_on = true;
}

static void switch_off(void)
{
	now.is_on = false;
}

/* --- datasets --- */

static char base_dir[4096]; /* of all tests */
static char template[4200]; /* what every test begins with */
static char dataset[4200];  /* the one that is worked on */

static int link_entry(const char *path, const struct stat *st, int type,
		      struct FTW *where)
{
	char to[8400];
	(void)st, (void)where;
	snprintf(to, sizeof(to), "%s%s", dataset, path + strlen(template));
	return type == FTW_D ? mkdir(to, 0777) : link(path, to);
}

static int remove_entry(const char *path, const struct stat *st, int type,
			struct FTW *where)
{
	(void)st, (void)type, (void)where;
	return remove(path);
}

static void remove_all(const char *dir)
{
	if (access(dir, F_OK) == 0)
		assert_int_equal(nftw(dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
}

/* The dataset as it was.  No file of it is ever changed, so that links will do. */
static void begin_anew(void)
{
	remove_all(dataset);
	assert_int_equal(nftw(template, link_entry, 16, FTW_PHYS), 0);
}

struct state {
	uint64_t number, key; /* the latest version, and all there is to see of it */
	unsigned n_files;
};

static struct {
	unsigned n_files, n_temporary;
} found;

static int count_entry(const char *path, const struct stat *st, int type,
		       struct FTW *where)
{
	(void)st;
	found.n_files += type != FTW_D;
	found.n_temporary += strncmp(path + where->base, ".tmp_", 5) == 0;
	return 0;
}

static void count_files(void)
{
	memset(&found, 0, sizeof(found));
	assert_int_equal(nftw(dataset, count_entry, 16, FTW_PHYS), 0);
}

/* The dataset opened anew. */
static struct state look(void)
{
	AUTO(io_store) struct io_store *s = NULL;
	AUTO(table) struct table *t = NULL;
	struct table_tag *tags = NULL;
	size_t n_tags;
	must(io_store_open_local(dataset, &s));
	must(table_open(s, NULL, &t));
	must(table_list_tags(t, &tags, &n_tags));
	AUTO(version) struct version *v = table_latest(t);
	struct state state = {version_number(v), fingerprint(v), 0};
	for (size_t i = 0; i < n_tags; i++)
		state.key = hash_str(tags[i].name, state.key + tags[i].version);
	tags_free(tags, n_tags);
	count_files();
	state.n_files = found.n_files;
	return state;
}

static struct err *set_tag(struct table *t)
{
	return table_set_tag(t, TAG, 1);
}

static const struct operation tagging = {"tag", set_tag};

static const struct operation *operation_at(size_t i)
{
	return i < n_operations ? &operations[i] : &tagging;
}

static struct err *run(const struct operation *op)
{
	AUTO(io_store) struct io_store *s = NULL;
	AUTO(table) struct table *t = NULL;
	TRY(io_store_open_local(dataset, &s));
	TRY(table_open(s, NULL, &t));
	return op->run(t);
}

static struct err *run_with(const struct operation *op, const struct faults *f)
{
	switch_on(f);
	struct err *err = run(op);
	switch_off();
	return err;
}

static bool is_same(struct state a, struct state b)
{
	return a.number == b.number && a.key == b.key;
}

/* --- nothing fails --- */

static void run_roughly(const struct operation *op, bool is_old)
{
	struct faults rough = {.at = NEVER, .is_rough = true, .is_old = is_old};
	struct faults none = {.at = NEVER};
	begin_anew();
	must(run_with(op, &none));
	struct state expected = look();
	begin_anew();
	must(run_with(op, &rough));
	assert_true(is_same(look(), expected));
	switch_on(&rough);
	assert_true(is_same(look(), expected));
	switch_off();
	assert_int_equal(found.n_files, expected.n_files);
	assert_int_equal(found.n_temporary, 0);
}

static void test_short_and_interrupted(void **state)
{
	(void)state;
	for (size_t i = 0; i <= n_operations; i++) {
		run_roughly(operation_at(i), false);
		run_roughly(operation_at(i), true);
	}
}

/* A hint to the disk need not be understood. */
static void test_large_file(void **state)
{
	const size_t len = (size_t)17 << 20;
	AUTO(io_store) struct io_store *s = NULL;
	AUTO_MEM uint8_t *p = NULL;
	struct faults rough = {.at = NEVER, .is_rough = true};
	struct faults hint = {.at = 2, .code = ENOSYS}; /* behind openat2 and write */
	AUTO(bytes) struct bytes *back = NULL;
	(void)state;
	begin_anew();
	must(io_store_open_local(dataset, &s));
	must(mem_array(len, 1, &p));
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)(i * 7 >> 3);
	switch_on(&hint);
	must(io_put(s, "hinted", p, len));
	switch_off();
	assert_int_equal(now.seen[hint.at], CALL_SYNC_FILE_RANGE);
	switch_on(&rough);
	must(io_put(s, "large", p, len));
	must(io_read_all(s, "large", len, &back));
	switch_off();
	assert_int_equal(back->len, len);
	assert_memory_equal(back->data, p, len);
}

/* What made a directory syncs the one that it is in. */
static void test_new_directories_are_durable(void **state)
{
	AUTO(io_store) struct io_store *s = NULL;
	struct faults none = {.at = NEVER};
	unsigned n_made = 0, n_synced = 0;
	(void)state;
	begin_anew();
	must(io_store_open_local(dataset, &s));
	switch_on(&none);
	must(io_put(s, "new/newer/file", "x", 1));
	switch_off();
	for (unsigned i = 0; i < now.n; i++) {
		n_made += now.seen[i] == CALL_MKDIRAT;
		n_synced += now.seen[i] == CALL_FSYNC;
		assert_true(now.seen[i] != CALL_MKDIRAT || n_synced == n_made - 1);
	}
	assert_int_equal(n_made, 2);
	assert_int_equal(n_synced, 2);
}

/* --- a call fails --- */

struct trial {
	const struct operation *op;
	struct state before, after;
	unsigned n;		  /* calls */
	enum call seen[MAX_SEEN]; /* which */
};

static unsigned n_failed[N_CALLS];

static void explain(const struct trial *t, const struct faults *f,
		    const struct err *err, const char *what)
{
	fail_msg("%s: call %u of %u, %s, errno %d%s%s: %s; answer: %s", t->op->name,
		 f->at, t->n, calls[t->seen[f->at]].name, f->code,
		 f->tears ? ", torn" : "", f->is_old ? ", old kernel" : "", what,
		 err ? err->msg : "success");
}

static void fail_once(const struct trial *t, const struct faults *f)
{
	begin_anew();
	AUTO_ERR struct err *err = run_with(t->op, f);
	enum call c = now.seen[f->at];
	unsigned n_stuck = c == CALL_UNLINKAT; /* one file was to go, and did not */
	struct state state = look();
	bool is_new = is_same(state, t->after);
	n_failed[c]++;
	n_trials++;
	if (!is_new && !is_same(state, t->before))
		explain(t, f, err, "neither the old version nor the new one");
	if (is_new != !err)
		explain(t, f, err, is_new ? "the new version" : "the old version");
	if (err && f->code == EINTR)
		explain(t, f, err, "a signal is no failure");
	if (state.n_files > (is_new ? t->after : t->before).n_files + n_stuck)
		explain(t, f, err, "files are left");
	if (found.n_temporary > n_stuck)
		explain(t, f, err, "a temporary file is left");
	if (err) /* what is left does not stand in the way */
		must(run(t->op));
}

static struct trial prepare(const struct operation *op, bool is_old)
{
	struct faults none = {.at = NEVER, .is_old = is_old};
	struct trial t = {.op = op};
	begin_anew();
	t.before = look();
	must(run_with(op, &none));
	t.n = now.n;
	assert_true(t.n <= MAX_SEEN);
	memcpy(t.seen, now.seen, sizeof(t.seen));
	t.after = look();
	assert_false(is_same(t.before, t.after));
	return t;
}

static void fail_each_way(const struct trial *t, unsigned at, bool is_old)
{
	enum call c = t->seen[at];
	struct faults f = {.at = at, .code = EIO, .is_old = is_old};
	fail_once(t, &f);
	if (calls[c].is_interruptible) {
		f.code = EINTR;
		fail_once(t, &f);
	}
	if (!calls[c].takes_room)
		return;
	f.code = EDQUOT;
	fail_once(t, &f);
	f.code = ENOSPC;
	f.stays = true;
	fail_once(t, &f);
	f.stays = false;
	f.tears = c == CALL_WRITE;
	if (f.tears)
		fail_once(t, &f);
}

static void fail_operation(const char *name, bool is_old)
{
	size_t i = 0;
	while (strcmp(operation_at(i)->name, name) != 0)
		i++;
	struct trial t = prepare(operation_at(i), is_old);
	for (unsigned at = 0; at < t.n; at++)
		fail_each_way(&t, at, is_old);
}

static void test_every_call_fails(void **state)
{
	(void)state;
	fail_operation("add", false);
	fail_operation("replace", false);
	fail_operation("rename", false);
	fail_operation("append", false);
	fail_operation("restore", false);
	fail_operation("tag", false);
	fail_operation("rename", true);
	fail_operation("tag", true);
}

/* That the linker has put them there. */
static void test_all_were_called(void **state)
{
	(void)state;
	for (unsigned c = 0; c < N_CALLS; c++)
		if (!n_failed[c] && c != CALL_SYNC_FILE_RANGE)
			fail_msg("%s never failed", calls[c].name);
	print_message("%u trials, %u faults\n", n_trials, n_injected);
}

/* --- */

static int make_template(void **state)
{
	const char *tmp = getenv("TMPDIR");
	AUTO(io_store) struct io_store *from = NULL;
	AUTO(io_store) struct io_store *to = NULL;
	(void)state;
	snprintf(base_dir, sizeof(base_dir), "%s/lancefs-syscalls-XXXXXX",
		 tmp ? tmp : "/tmp");
	if (!mkdtemp(base_dir))
		return -1;
	snprintf(dataset, sizeof(dataset), "%s/t.lance", base_dir);
	snprintf(template, sizeof(template), "%s/template.lance", base_dir);
	assert_int_equal(mkdir(template, 0777), 0);
	must(io_store_open_local(TEST_DATA OPERATIONS_ON, &from));
	must(io_store_open_local(template, &to));
	must(store_copy(from, ".", to));
	return 0;
}

static int remove_template(void **state)
{
	(void)state;
	remove_all(base_dir);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_short_and_interrupted),
		cmocka_unit_test(test_large_file),
		cmocka_unit_test(test_new_directories_are_durable),
		cmocka_unit_test(test_every_call_fails),
		cmocka_unit_test(test_all_were_called),
	};
	return cmocka_run_group_tests(tests, make_template, remove_template);
}
