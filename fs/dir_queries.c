// SPDX-License-Identifier: Apache-2.0
/*
 * dir_queries.c: queries/: NAME.sql is a SELECT, NAME.csv and its like are its rows.
 *
 * A query is run when its file is closed, and again when it is touched, against the
 * then latest version.  Its rows are kept as a table in SOURCE/_lancefs/queries/NAME,
 * its text beside them in query.sql, and every mount shows both.  The directory is made
 * under another name and put in place when it is whole.
 */
#include "staging_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define QUERIES "_lancefs/queries"
#define TEXT "query.sql"
#define SQL ".sql"

static const char *const suffixes[] = {"csv", "jsonl", "arrow", "txt"};

#define N_SUFFIXES (sizeof(suffixes) / sizeof(suffixes[0]))

/* --- directories --- */

static int existing_dir(struct mount *m)
{
	return openat(io_store_fd(m->store), QUERIES,
		      O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* Remove a directory of files and directories of files. */
static void remove_tree(int at, const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	while (d && (e = readdir(d))) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		if (unlinkat(fd, e->d_name, 0) != 0 &&
		    (errno == EISDIR || errno == EPERM))
			remove_tree(fd, e->d_name);
	}
	if (d)
		closedir(d);
	else if (fd >= 0)
		close(fd);
	unlinkat(at, name, AT_REMOVEDIR);
}

static struct err *open_store(struct mount *m, const char *name, struct io_store **ret)
{
	AUTO_MEM char *path = NULL;
	TRY(str_printf(&path, QUERIES "/%s", name));
	return io_store_open_dir(m->store, path, ret);
}

/* --- running --- */

static struct err *write_text(int dir, const char *text)
{
	AUTO_FD int fd =
		openat(dir, TEXT, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	size_t len = strlen(text);
	while (fd >= 0 && len) {
		ssize_t n = write(fd, text, len);
		if (n < 0 && errno != EINTR)
			break;
		text += n < 0 ? 0 : n;
		len -= n < 0 ? 0 : (size_t)n;
	}
	return fd < 0 || len ? err_errno(errno, "queries: " TEXT) : NULL;
}

static struct err *find_beside(void *ctx, const char *name, struct table **ret)
{
	struct mount *m = ctx;
	return server_find_table(m->server, name, ret);
}

/* A query of a mount reads tables; files it reads through control alone, which knows
 * whose they are. */
static struct err *find_scope(void *ctx, const char *name, struct scope *ret,
			      bool *ret_found)
{
	struct command_env env = {.find_table = find_beside, .ctx = ctx};
	const char *dot = strrchr(name, '.');
	if (dot && format_find(dot + 1))
		return err_new(EINVAL,
			       "'%s': files are read by `query` in control, not here",
			       name);
	return command_find_scope(&env, name, ret, ret_found);
}

static struct err *save(struct mount *m, const char *sql, const char *temporary)
{
	AUTO_SCOPE struct scope scope = {0};
	AUTO(io_store) struct io_store *store = NULL;
	AUTO(table) struct table *table = NULL;
	AUTO(version) struct version *v = NULL;
	TRY(table_refresh(m->table));
	v = table_latest(m->table);
	TRY(scope_of(v, &scope));
	TRY(open_store(m, temporary, &store));
	struct query_env env = {&scope, mount_table_name(m), find_scope, m};
	return query_save(&env, sql, store, &table);
}

/*
 * The directory takes the name at once, another mount may do the same; what had the
 * name before has the temporary one then, and goes.
 */
static struct err *put_in_place(int dir, const char *temporary, const char *name)
{
	for (;;) {
		if (renameat2(dir, temporary, dir, name, RENAME_NOREPLACE) == 0)
			return NULL;
		if (errno != EEXIST)
			return err_errno(errno, "queries/%s", name);
		if (renameat2(dir, temporary, dir, name, RENAME_EXCHANGE) == 0)
			break;
		if (errno == EINVAL) /* file systems that cannot exchange names */
			remove_tree(dir, name);
		else if (errno != ENOENT)
			return err_errno(errno, "queries/%s", name);
	}
	remove_tree(dir, temporary);
	return NULL;
}

static struct err *make_result(struct mount *m, int dir, const char *temporary,
			       const char *name, const char *sql)
{
	if (mkdirat(dir, temporary, 0777) != 0)
		return err_errno(errno, "queries");
	AUTO_FD int fd = openat(dir, temporary, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* the lock tells it from what a crash left */
	if (fd < 0 || flock(fd, LOCK_EX) != 0)
		return err_errno(errno, "queries");
	TRY(save(m, sql, temporary));
	TRY(write_text(fd, sql));
	return put_in_place(dir, temporary, name);
}

#define LEFT_AFTER_S 60

/* Nobody makes it, and it is not as new as one whose lock is still to be taken. */
static bool is_left(int dir, const char *name)
{
	struct stat st;
	AUTO_FD int fd =
		openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return fd >= 0 && fstat(fd, &st) == 0 &&
	       time(NULL) - st.st_mtim.tv_sec > LEFT_AFTER_S &&
	       flock(fd, LOCK_EX | LOCK_NB) == 0;
}

/* Remove what runs that were killed have left. */
static void remove_left(int at)
{
	int fd = openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	while (d && (e = readdir(d)))
		if (e->d_name[0] == '.' && strlen(e->d_name) > UUID_TEXT_LEN &&
		    is_left(at, e->d_name))
			remove_tree(at, e->d_name);
	if (d)
		closedir(d);
	else if (fd >= 0)
		close(fd);
}

static struct err *run(struct mount *m, const char *name, const char *sql)
{
	uint8_t raw[16];
	char uuid[UUID_TEXT_LEN + 1], temporary[UUID_TEXT_LEN + 2];
	AUTO_FD int dir = -1;
	TRY(state_dir(m, "queries", &dir));
	remove_left(dir);
	TRY(uuid_new(raw, uuid));
	snprintf(temporary, sizeof(temporary), ".%s", uuid);
	struct err *err = make_result(m, dir, temporary, name, sql);
	if (err)
		remove_tree(dir, temporary);
	return err;
}

/* --- NAME.sql is written --- */

static struct err *stem_of(const char *file, char **ret)
{
	if (!str_ends(file, SQL) || file[0] == '.' || strlen(file) <= strlen(SQL))
		return err_new(EINVAL, "queries/%s: write NAME.sql, then read NAME.csv",
			       file);
	return str_dup_len(file, strlen(file) - strlen(SQL), ret);
}

static struct err *take(void *ctx, const char *text)
{
	struct staged *s = ctx;
	AUTO_MEM char *name = NULL;
	TRY(stem_of(s->name, &name));
	return run(s->mount, name, text);
}

static struct err *begin(struct staged *s, const char *name)
{
	AUTO_MEM char *stem = NULL;
	struct import_spec spec = {
		.kind = IMPORT_TEXT, .name = name, .text = name, .taker = {take, s}};
	TRY(stem_of(name, &stem));
	return import_open(s->mount->table, s->base, &spec, &s->import);
}

static const struct drop_place place_queries = {
	.name = "queries",
	.begin = begin,
};

/* --- what is there --- */

struct query_dir {
	int fd; /* of queries/NAME; -1 */
	struct stat st;
};

static void query_dir_fini(struct query_dir *d)
{
	if (d->fd >= 0)
		close(d->fd);
}

#define AUTO_QUERY __attribute__((cleanup(query_dir_fini)))

static struct err *open_query(struct mount *m, const char *name, struct query_dir *ret)
{
	AUTO_FD int dir = existing_dir(m);
	ret->fd = dir < 0 || name[0] == '.'
			  ? -1
			  : openat(dir, name,
				   O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (ret->fd >= 0 && fstat(ret->fd, &ret->st) != 0)
		return err_errno(errno, "queries/%s", name);
	return NULL;
}

/* A result is another one when its directory is. */
static uint64_t result_key(const char *name, const struct stat *st)
{
	return hash_mix(hash_str(name, (uint64_t)st->st_ino),
			(uint64_t)st->st_mtim.tv_nsec ^ (uint64_t)st->st_mtim.tv_sec);
}

static const struct node_ops *ops_of(const char *suffix, const struct format_ops **ret)
{
	for (size_t i = 0; i < N_SUFFIXES; i++)
		if (strcmp(suffix, suffixes[i]) == 0) {
			*ret = format_find(suffix);
			return &query_rows_ops;
		}
	return strcmp(suffix, "sql") == 0 ? &query_sql_ops : NULL;
}

static struct err *queries_lookup(struct mount *m, struct node *dir, const char *name,
				  struct node **ret)
{
	AUTO_QUERY struct query_dir q = {.fd = -1};
	AUTO_MEM char *stem = NULL;
	AUTO(node) struct node *n = NULL;
	const struct format_ops *format = NULL;
	const char *dot = strrchr(name, '.');
	const struct node_ops *ops = dot ? ops_of(dot + 1, &format) : NULL;
	(void)dir;
	if (!ops)
		return NULL;
	TRY(str_dup_len(name, (size_t)(dot - name), &stem));
	TRY(open_query(m, stem, &q));
	if (q.fd < 0)
		return NULL;
	TRY(node_new(m, ops, result_key(name, &q.st), NULL, &n));
	n->name = TAKE(stem);
	n->format = format;
	n->entry_timeout = 0;
	*ret = TAKE(n);
	return NULL;
}

/* Of each query its text and its rows. */
static bool list_query(struct mount *m, const char *stem, uint64_t *at, uint64_t off,
		       const struct list_sink *sink)
{
	char name[512];
	for (size_t i = 0; i <= N_SUFFIXES; i++) {
		const char *suffix = i ? suffixes[i - 1] : "sql";
		if ((*at)++ < off)
			continue;
		snprintf(name, sizeof(name), "%s.%s", stem, suffix);
		const struct node_ops *ops = i ? &query_rows_ops : &query_sql_ops;
		if (sink->fn(sink->ctx, name, node_ino(m, ops, hash_str(name, 0)),
			     S_IFREG, *at))
			return false;
	}
	return true;
}

static struct err *queries_list(struct mount *m, struct handle *h, uint64_t off,
				const struct list_sink *sink)
{
	int fd = existing_dir(m);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	uint64_t at = 0;
	if (!d && fd >= 0)
		close(fd);
	while (d && (e = readdir(d)))
		if (e->d_name[0] != '.' && !list_query(m, e->d_name, &at, off, sink)) {
			closedir(d);
			return NULL;
		}
	if (d)
		closedir(d);
	staging_list(m, node_drops(h->node), at, off, sink);
	return NULL;
}

struct err *query_remove(struct mount *m, const char *name)
{
	AUTO_MEM char *stem = NULL;
	AUTO_FD int dir = existing_dir(m);
	struct stat st;
	if (!str_ends(name, SQL))
		return err_new(EPERM, "queries/%s goes with its .sql", name);
	TRY(stem_of(name, &stem));
	if (dir < 0 || fstatat(dir, stem, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return err_errno(ENOENT, "queries/%s", name);
	remove_tree(dir, stem);
	return NULL;
}

bool query_exists(struct mount *m, const char *name)
{
	AUTO_MEM char *stem = NULL;
	AUTO_FD int dir = existing_dir(m);
	struct stat st;
	AUTO_ERR struct err *no = stem_of(name, &stem); /* not the name of a query */
	return !no && dir >= 0 && fstatat(dir, stem, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

struct err *query_rename(struct mount *m, const char *from, const char *to,
			 unsigned flags)
{
	AUTO_MEM char *old = NULL;
	AUTO_MEM char *new = NULL;
	AUTO_FD int dir = existing_dir(m);
	TRY(stem_of(from, &old));
	TRY(stem_of(to, &new));
	if (dir < 0)
		return err_errno(ENOENT, "queries/%s", from);
	if (!(flags & RENAME_NOREPLACE))
		return put_in_place(dir, old, new);
	if (renameat2(dir, old, dir, new, RENAME_NOREPLACE) != 0)
		return err_errno(errno, "queries/%s", to);
	return NULL;
}

const struct node_ops queries_ops = {
	.kind = "queries",
	.mode = S_IFDIR | 0755,
	.drops = &place_queries,
	.lookup = queries_lookup,
	.list = queries_list,
};

/* --- NAME.csv and its like --- */

static struct err *rows_view(struct node *n, struct view **ret)
{
	AUTO(io_store) struct io_store *store = NULL;
	AUTO(table) struct table *table = NULL;
	TRY(open_store(n->mount, n->name, &store));
	TRY(table_open(store, &n->mount->server->log, &table));
	return whole_table_view(table, n->format, ret);
}

static struct err *set_time(const struct node *n, struct stat *st)
{
	AUTO_QUERY struct query_dir q = {.fd = -1};
	TRY(open_query(n->mount, n->name, &q));
	if (q.fd >= 0)
		st->st_mtim = q.st.st_mtim;
	return NULL;
}

static struct err *rows_attr(struct mount *m, struct node *n, bool is_exact,
			     struct stat *st, double *ret_timeout)
{
	TRY(set_time(n, st));
	return view_attr(m, n, is_exact, st, ret_timeout);
}

static struct err *rows_open(struct mount *m, struct handle *h,
			     struct fuse_file_info *fi)
{
	(void)m;
	if (h->can_write)
		return err_new(EPERM, "the rows of a query are read; write its .sql");
	fi->keep_cache = 1;
	return NULL;
}

const struct node_ops query_rows_ops = {
	.kind = "query rows",
	.mode = S_IFREG | 0444,
	.attr = rows_attr,
	.open = rows_open,
	.read = view_read,
	.view = rows_view,
};

/* --- NAME.sql, once it was run --- */

static struct err *open_text(const struct node *n, int *ret_fd)
{
	AUTO_QUERY struct query_dir q = {.fd = -1};
	TRY(open_query(n->mount, n->name, &q));
	*ret_fd = q.fd < 0 ? -1 : openat(q.fd, TEXT, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	return *ret_fd < 0 ? err_errno(ENOENT, "queries/%s" SQL, n->name) : NULL;
}

static struct err *sql_attr(struct mount *m, struct node *n, bool is_exact,
			    struct stat *st, double *ret_timeout)
{
	AUTO_FD int fd = -1;
	struct stat real;
	(void)m;
	(void)is_exact;
	TRY(open_text(n, &fd));
	if (fstat(fd, &real) != 0)
		return err_errno(errno, "queries/%s" SQL, n->name);
	st->st_size = real.st_size;
	st->st_mtim = real.st_mtim;
	*ret_timeout = 0;
	return NULL;
}

/* touch opens without cutting, and then sets the time. */
static struct err *sql_open(struct mount *m, struct handle *h,
			    struct fuse_file_info *fi)
{
	(void)m;
	if (!h->can_write || !(fi->flags & O_TRUNC))
		return NULL;
	/* the kernel looks the name up again and gets a staging node */
	return err_new(ESTALE, "queries/%s" SQL " is replaced by a new file",
		       h->node->name);
}

static struct err *sql_write(struct mount *m, struct handle *h, uint64_t off,
			     const void *p, size_t len)
{
	(void)m;
	(void)off;
	(void)p;
	(void)len;
	return err_new(EOPNOTSUPP,
		       "queries/%s" SQL " is not changed in place; write the whole "
		       "query (>)",
		       h->node->name);
}

static struct err *sql_read(struct mount *m, struct handle *h, uint64_t off, size_t len,
			    uint8_t *dst, size_t *ret_len)
{
	AUTO_FD int fd = -1;
	(void)m;
	TRY(open_text(h->node, &fd));
	ssize_t n = pread(fd, dst, len, (off_t)off);
	if (n < 0)
		return err_errno(errno, "queries/%s" SQL, h->node->name);
	*ret_len = (size_t)n;
	return NULL;
}

#define MOST_TEXT ((size_t)1 << 20)

/* touch runs it again. */
static struct err *sql_touch(struct mount *m, struct node *n)
{
	AUTO_FD int fd = -1;
	AUTO_MEM char *text = NULL;
	TRY(open_text(n, &fd));
	TRY(mem_array(MOST_TEXT + 1, 1, &text));
	if (pread(fd, text, MOST_TEXT, 0) < 0)
		return err_errno(errno, "queries/%s" SQL, n->name);
	return run(m, n->name, text);
}

const struct node_ops query_sql_ops = {
	.kind = "query",
	.mode = S_IFREG | 0644,
	.is_replaced = true,
	.attr = sql_attr,
	.open = sql_open,
	.read = sql_read,
	.write = sql_write,
	.touch = sql_touch,
};
