// SPDX-License-Identifier: Apache-2.0
/*
 * staged.c: one file that is being written into columns/ or append/.
 *
 * Bytes go to a spool file without a name and, as long as they come in order,
 * straight on to the parser, so that a bad value fails its own write.  If they
 * come out of order, the parser starts over from the spool when somebody wants
 * to know whether the file is complete.
 */
#include "staging_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

#define REPLAY_BYTES ((size_t)1 << 20)
#define STREAM_AFTER_BYTES (16 << 20)

struct staged *staged_ref(struct staged *s)
{
	atomic_fetch_add(&s->refs, 1);
	return s;
}

void staged_unref(struct staged *s)
{
	if (!s || atomic_fetch_sub(&s->refs, 1) != 1)
		return;
	import_close(s->import);
	version_unref(s->base);
	version_unref(s->done);
	field_unref(s->described);
	type_unref(s->type);
	view_unref(s->aside);
	err_free(s->failure);
	extents_fini(&s->written);
	if (s->fd >= 0)
		close(s->fd);
	pthread_mutex_destroy(&s->lock);
	free(s->name);
	free(s->column);
	free(s);
}

struct err *staged_node(struct staged *s, struct node **ret)
{
	AUTO(node) struct node *n = NULL;
	TRY(node_new(s->mount, &staged_file_ops, s->id, NULL, &n));
	n->staged = staged_ref(s);
	n->entry_timeout = 0;
	*ret = TAKE(n);
	return NULL;
}

struct err *staged_show(struct staged *s, struct node *column)
{
	struct version *v = column->version;
	LOCK_SCOPE(&s->lock);
	TRY(column_view(v, column->field, column->format, 0, version_rows(v),
			&s->aside));
	s->is_untouched = true;
	s->shown_ino = column->ino;
	return NULL;
}

/* --- the parser --- */

/* Begin anew, on the latest version if none is set. */
static struct err *begin_import(struct staged *s, const char *name)
{
	import_close(TAKE(s->import));
	if (!s->base)
		s->base = table_latest(s->mount->table);
	return s->place->begin(s, name);
}

struct err *staged_begin(struct staged *s)
{
	return begin_import(s, s->name);
}

struct err *staged_begin_anew(struct staged *s)
{
	s->is_sequential = false;
	return begin_import(s, s->name);
}

static struct err *spool_read(void *ctx, uint64_t off, size_t len, void *dst,
			      size_t *ret_len)
{
	struct staged *s = ctx;
	ssize_t n;
	if (s->aside)
		return view_pread(s->aside, off, len, dst, ret_len);
	do
		n = pread(s->fd, dst, len, (off_t)off);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_errno(errno, "spool file");
	*ret_len = (size_t)n;
	return NULL;
}

/* Push the whole spool file into a new parser. */
static struct err *replay(struct staged *s)
{
	AUTO_MEM uint8_t *buf = NULL;
	TRY(begin_import(s, s->name));
	TRY(mem_array(REPLAY_BYTES, 1, &buf));
	for (uint64_t off = 0; off < s->size;) {
		size_t n, want = (size_t)MIN_OF(s->size - off, (uint64_t)REPLAY_BYTES);
		TRY(spool_read(s, off, want, buf, &n));
		if (n == 0)
			return err_new(EIO, "the spool file ends at %" PRIu64, off);
		TRY(import_push(s->import, buf, n));
		off += n;
	}
	s->is_sequential = true;
	return NULL;
}

/* --- failing --- */

/* state changes under .lock; the name goes from listings */
static void settle(struct staged *s, enum staged_state state)
{
	s->state = state;
	import_close(TAKE(s->import));
	staging_detach(s->mount, s);
}

void staged_keep(struct staged *s, const struct err *why)
{
	struct err *err;
	if (!s->size || s->fd < 0 || why->code == ENOSPC || why->code == EDQUOT)
		return; /* on a full disk what was cut short would be in the way */
	err = rejected_keep(s->mount, s->place, s->name, s->is_streamed ? -1 : s->fd,
			    why->msg);
	if (!err)
		return;
	log_line(&s->mount->server->log, LEVEL_ERROR, "%s/%s is lost: %s",
		 s->place->name, s->name, err->msg);
	err_free(err); /* the reason itself is being told */
}

static struct err *name_it(const struct staged *s, struct err *err)
{
	size_t len = strlen(s->place->name);
	bool is_named = !strncmp(err->msg, s->place->name, len) && err->msg[len] == '/';
	return is_named ? err : err_wrap(err, "%s/%s", s->place->name, s->name);
}

/* The file fails: what is there moves to rejected/ with the reason, which is
 * also what it answers from then on.  Takes err, gives it back. */
static struct err *fail(struct staged *s, struct err *err)
{
	if (!err || s->state != STAGED_OPEN)
		return err;
	err = name_it(s, err);
	s->failure = err_new(err->code, "%s", err->msg);
	settle(s, STAGED_FAILED); /* first: what is in rejected/ is not in columns/ */
	staged_keep(s, err);
	return err;
}

/* The same words again, which report() tells once. */
static struct err *failed_earlier(const struct staged *s)
{
	if (!s->failure)
		return err_new(EINVAL, "%s/%s was removed", s->place->name, s->name);
	return err_new(s->failure->code, "%s", s->failure->msg);
}

/* --- node: attributes, open, read, write --- */

static struct err *staged_attr(struct mount *m, struct node *n, bool is_exact,
			       struct stat *st, double *ret_timeout)
{
	struct staged *s = n->staged;
	(void)m;
	LOCK_SCOPE(&s->lock);
	st->st_size = (off_t)s->size;
	if (s->shown_ino)
		st->st_ino = s->shown_ino;
	if (s->is_untouched && is_exact) {
		uint64_t size;
		TRY(view_size(s->aside, &size));
		st->st_size = (off_t)size;
	}
	if (s->has_mtime) {
		st->st_mtim.tv_sec = s->mtime_ns / 1000000000;
		st->st_mtim.tv_nsec = s->mtime_ns % 1000000000;
	}
	*ret_timeout = 0;
	return NULL;
}

/* Another writer of the name was faster: the next lookup makes a new file. */
static bool is_gone(struct staged *s)
{
	LOCK_SCOPE(&s->lock);
	return !s->place->holds_columns && s->state != STAGED_OPEN;
}

static struct err *staged_open(struct mount *m, struct handle *h,
			       struct fuse_file_info *fi)
{
	struct staged *s = h->node->staged;
	if (h->can_write && s->place->brings_programs)
		TRY(server_check_programs(m->server, h->uid));
	if (h->can_write && s->aside && !s->is_untouched)
		return err_new(EOPNOTSUPP,
			       "this is a column set aside by a rename; it is read, "
			       "renamed or removed");
	if (h->can_write && is_gone(s))
		return err_new(ESTALE, "%s/%s was committed", s->place->name, s->name);
	if (h->can_write && (fi->flags & O_TRUNC))
		TRY(staged_truncate(m, s, 0));
	LOCK_SCOPE(&s->lock);
	s->n_open++;
	return NULL;
}

static struct err *staged_read(struct mount *m, struct handle *h, uint64_t off,
			       size_t len, uint8_t *dst, size_t *ret_len)
{
	struct staged *s = h->node->staged;
	(void)m;
	*ret_len = 0;
	LOCK_SCOPE(&s->lock);
	if (s->is_untouched)
		return spool_read(s, off, len, dst, ret_len);
	if (s->is_streamed)
		return err_new(EOPNOTSUPP,
			       "%s/%s is large and not read back before it is "
			       "committed",
			       s->place->name, s->name);
	if (off >= s->size || (s->fd < 0 && !s->aside))
		return NULL;
	return spool_read(s, off, (size_t)MIN_OF(len, s->size - off), dst, ret_len);
}

static struct err *spool_write(struct staged *s, uint64_t off, const uint8_t *p,
			       size_t len)
{
	if (s->fd < 0)
		TRY(spool_open(s->mount, &s->fd));
	while (len) {
		ssize_t n = pwrite(s->fd, p, len, (off_t)off);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(errno, "spool file");
		TRY(extents_add(&s->written, off, off + (uint64_t)n));
		p += n;
		off += (uint64_t)n;
		len -= (size_t)n;
		s->size = MAX_OF(s->size, off);
	}
	return NULL;
}

/* The next bytes of a streamed file, which must come in order. */
static struct err *stream_write(struct staged *s, uint64_t off, size_t len)
{
	if (off != s->size)
		return err_new(
			EOPNOTSUPP,
			"written out of order behind its first %d MiB; write it in "
			"order, or elsewhere and copy it here",
			STREAM_AFTER_BYTES >> 20);
	TRY(extents_add(&s->written, off, off + len));
	s->size += len;
	return NULL;
}

/*
 * Large files that come in order, with a type that is known, are encoded as they
 * come and written once: the spool file, of use only for small ones, is dropped.
 */
static struct err *stop_spooling(struct staged *s)
{
	if (s->is_streamed || s->size < STREAM_AFTER_BYTES || !s->import ||
	    !s->is_sequential || import_needs_bytes(s->import))
		return NULL;
	if (ftruncate(s->fd, 0) != 0)
		return err_errno(errno, "spool file");
	s->is_streamed = true;
	return NULL;
}

static struct err *feed(struct staged *s, uint64_t off, const void *p, size_t len)
{
	if (!s->import)
		return NULL;
	if (!s->is_sequential || off != import_pushed(s->import)) {
		s->is_sequential = false;
		return NULL;
	}
	TRY(import_push(s->import, p, len));
	return stop_spooling(s);
}

static struct err *in_place(const struct staged *s)
{
	return err_new(
		EOPNOTSUPP,
		"%s/%s cannot be changed in place; write the whole column (cp, or "
		"> without >>)",
		s->place->name, s->name);
}

static struct err *staged_write(struct mount *m, struct handle *h, uint64_t off,
				const void *p, size_t len)
{
	struct staged *s = h->node->staged;
	(void)m;
	LOCK_SCOPE(&s->lock);
	if (s->state == STAGED_COMMITTED)
		return err_new(EINVAL,
			       "%s/%s has all its rows already and was committed",
			       s->place->name, s->name);
	if (s->state != STAGED_OPEN)
		return failed_earlier(s);
	if (s->is_untouched)
		return in_place(s);
	s->is_hidden = false;
	s->has_mtime = false;
	TRY(fail(s, s->is_streamed ? stream_write(s, off, len)
				   : spool_write(s, off, p, len)));
	return fail(s, feed(s, off, p, len));
}

struct err *staged_truncate(struct mount *m, struct staged *s, uint64_t size)
{
	(void)m;
	LOCK_SCOPE(&s->lock);
	if (s->state == STAGED_COMMITTED && size != s->size)
		return err_new(EOPNOTSUPP, "%s/%s was committed", s->place->name,
			       s->name);
	if (s->is_untouched && size)
		return in_place(s);
	if (s->is_untouched)
		view_unref(TAKE(s->aside));
	s->is_untouched = false;
	if (s->state != STAGED_OPEN || size == s->size)
		return NULL;
	if (s->is_streamed && size)
		return err_new(EOPNOTSUPP, "%s/%s is too large to be cut",
			       s->place->name, s->name);
	s->is_streamed = false;
	if (s->fd < 0)
		TRY(spool_open(s->mount, &s->fd));
	if (ftruncate(s->fd, (off_t)size) != 0)
		return err_errno(errno, "spool file");
	extents_cut(&s->written, size);
	s->size = size;
	s->is_sequential = false;
	if (size == 0 && !s->is_scratch) { /* starts over, on the latest rows */
		version_unref(TAKE(s->base));
		TRY(begin_import(s, s->name));
		s->is_sequential = true;
	}
	return NULL;
}

/* --- commit --- */

/* What setfattr and cp -a said of the column. */
static struct err *describe(struct staged *s)
{
	const struct field *f = s->described;
	for (size_t i = 0; f && i < f->n_metadata; i++)
		TRY(import_describe(s->import, f->metadata[i].key, f->metadata[i].value,
				    f->metadata[i].value_len));
	return NULL;
}

static struct err *commit(struct staged *s)
{
	struct import_bytes bytes = {spool_read, s};
	if (!s->is_sequential)
		TRY(replay(s));
	TRY(describe(s));
	TRY(import_commit(TAKE(s->import), &bytes, &s->done));
	return NULL;
}

static void remember_mtime(struct staged *s)
{
	const struct field *f = NULL;
	if (s->done && s->column)
		f = version_find_field(s->done, s->column);
	if (f && s->has_mtime)
		memo_put(s->mount->memo, MEMO_TOUCHED, version_column_key(s->done, f),
			 (uint64_t)s->mtime_ns);
}

static void committed(struct staged *s)
{
	remember_mtime(s);
	settle(s, STAGED_COMMITTED);
	atomic_fetch_add(&s->mount->server->metrics.n_commits, 1);
	watch_wake(s->mount->server);
}

static struct err *commit_or_reject(struct staged *s)
{
	TRY(fail(s, commit(s)));
	committed(s);
	return NULL;
}

static struct err *commit_whole(struct staged *s)
{
	version_unref(TAKE(s->base)); /* the rows of now */
	TRY(replay(s));
	TRY(import_check_complete(s->import));
	return commit(s);
}

struct err *staged_commit_as(struct staged *s)
{
	struct err *err = commit_whole(s);
	if (!err) {
		s->is_scratch = false;
		committed(s);
		return NULL;
	}
	import_close(TAKE(s->import));
	s->replaces = false;
	return name_it(s, err);
}

void staged_touch(struct staged *s, int64_t mtime_ns)
{
	LOCK_SCOPE(&s->lock);
	s->mtime_ns = mtime_ns;
	s->has_mtime = true;
	if (s->state == STAGED_COMMITTED)
		remember_mtime(s);
}

/* --- flush and release --- */

static void gather(struct staged *s, struct flush_facts *f)
{
	f->is_scratch = s->is_scratch;
	f->has_no_end = s->import && import_has_no_end(s->import);
	f->is_settled = s->state != STAGED_OPEN;
	f->has_bytes = s->size > 0;
	if (f->is_settled || f->is_scratch || !f->has_bytes)
		return;
	f->has_holes = !extents_cover(&s->written, s->size);
	f->is_complete = s->is_sequential && import_is_complete(s->import);
	f->is_header_only = s->is_sequential && import_is_header_only(s->import);
}

/* Bytes that came out of order are looked at when it matters. */
static struct err *catch_up(struct staged *s, bool is_release)
{
	if (s->state != STAGED_OPEN || s->is_scratch || s->is_sequential || !s->size)
		return NULL;
	if (!is_release && !extents_cover(&s->written, s->size))
		return NULL;
	struct err *err = replay(s);
	s->is_sequential = true; /* as far as it went: do not try again */
	return err;
}

static struct err *incomplete(struct staged *s)
{
	s->is_hidden = true;
	return import_check_complete(s->import);
}

static struct err *staged_flush(struct mount *m, struct handle *h, pid_t tid,
				bool is_fsync)
{
	struct staged *s = h->node->staged;
	pid_t pid = process_of(tid);
	(void)m;
	LOCK_SCOPE(&s->lock);
	struct flush_facts f = {
		.is_fsync = is_fsync,
		.by_opener = pid == 0 || s->opener == 0 || pid == s->opener,
		.opener_lives = process_lives(s->opener),
		.writer_failed = process_fails(tid),
	};
	if (s->state == STAGED_FAILED && s->size)
		return failed_earlier(s);
	s->writer_failed = f.writer_failed;
	if (!f.writer_failed && (f.by_opener || !f.opener_lives))
		TRY(fail(s, catch_up(s, false)));
	gather(s, &f);
	if (f.has_no_end && f.has_bytes && !is_fsync)
		f.is_held = file_is_held(h->node->ino);
	switch (flush_decide(&f)) {
	case FLUSH_COMMIT:
		return commit_or_reject(s);
	case FLUSH_INCOMPLETE:
		return incomplete(s);
	default:
		return NULL;
	}
}

static struct err *last_close(struct staged *s)
{
	struct flush_facts f = {.is_release = true, .writer_failed = s->writer_failed};
	TRY(fail(s, catch_up(s, true)));
	gather(s, &f);
	switch (flush_decide(&f)) {
	case FLUSH_COMMIT:
		return commit_or_reject(s);
	case FLUSH_REJECT: {
		struct err *err = f.writer_failed
					  ? err_new(EINVAL,
						    "%s/%s: its writer was killed or "
						    "failed; nothing was committed",
						    s->place->name, s->name)
					  : import_check_complete(s->import);
		return fail(s, err);
	}
	default:
		return NULL;
	}
}

/* The kernel may remember the node for long, its bytes are of no use. */
static void drop_spool(struct staged *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

static void staged_release(struct mount *m, struct handle *h)
{
	struct staged *s = h->node->staged;
	struct err *err = NULL;
	pthread_mutex_lock(&s->lock);
	s->closed_ns = monotonic_ns();
	bool was_hidden = s->is_hidden;
	if (--s->n_open == 0)
		err = last_close(s);
	if (s->n_open == 0 && s->is_untouched)
		staging_detach(m, s); /* nothing came of it */
	if (s->n_open == 0 && s->state != STAGED_OPEN)
		drop_spool(s);
	pthread_mutex_unlock(&s->lock);
	if (err && was_hidden)
		err_free(err); /* the flush has told it */
	else
		report(m, s->opener, NULL, err);
}

const struct node_ops staged_file_ops = {
	.kind = "staged",
	.mode = S_IFREG | 0644,
	.attr = staged_attr,
	.open = staged_open,
	.read = staged_read,
	.write = staged_write,
	.flush = staged_flush,
	.release = staged_release,
};

/* --- attributes that take effect at the commit --- */

#define METADATA "user.lance.metadata."

static struct err *keep_metadata(struct staged *s, const char *key, const void *value,
				 size_t len)
{
	AUTO(type) struct type *any = NULL;
	LOCK_SCOPE(&s->lock);
	if (!s->described) {
		TRY(type_new(TYPE_NULL, &any));
		TRY(field_new("metadata", any, true, &s->described));
	}
	return field_set_metadata(s->described, key, value, len);
}

struct err *staged_set_xattr(struct staged *s, const char *name, const void *value,
			     size_t len)
{
	AUTO_MEM char *text = NULL;
	AUTO(type) struct type *type = NULL;
	if (str_starts(name, METADATA))
		return keep_metadata(s, name + strlen(METADATA), value, len);
	if (strcmp(name, "user.lance.type") != 0)
		return NULL; /* cp -a brings others along */
	TRY(str_dup_len(value, len, &text));
	TRY(type_parse(text, &type));
	LOCK_SCOPE(&s->lock);
	if (s->state != STAGED_OPEN)
		return NULL;
	if (s->is_streamed)
		return NULL; /* its values are written as the type they came with */
	type_unref(s->type);
	s->type = TAKE(type);
	s->is_sequential = false; /* parse again, as this type */
	return NULL;
}
