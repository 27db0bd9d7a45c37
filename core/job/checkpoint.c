// SPDX-License-Identifier: Apache-2.0
/*
 * checkpoint.c: values that were computed and are in no version yet.
 *
 * In memory there is of each fragment which rows are there, a bit each, and where its
 * records lie, in few bytes; values are read when they are wanted.
 */
#include "job/checkpoint_log_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIRECTORY "_lancefs/checkpoints"
#define SYNC_NS INT64_C(2000000000) /* a log is durable at the latest after this */

/* Where a record is; there may be millions. */
struct place {
	uint64_t at;	      /* of its header */
	uint32_t file;	      /* index of its log */
	uint32_t first, last; /* offsets of its rows lie in between */
	bool is_broken;
};

/* What is there of a fragment with certain inputs. */
struct kept {
	uint64_t fragment, inputs_key;
	struct place *places; /* owned; those that came later count */
	size_t n_places, places_cap;
	uint8_t *bits;	      /* owned; by offset */
	uint64_t n_bits;      /* room in .bits */
	uint64_t n_rows;      /* with values */
	uint64_t outputs_key; /* of the last commit of them, at which there were: */
	uint64_t n_committed; /* rows; 0: none was */
};

struct log_file {
	char *path; /* owned; within the store */
	int fd;
	bool is_owners;
};

struct checkpoint {
	struct checkpoint_spec spec;
	struct field *table; /* owned; the outputs, as FORMAT_TABLE_KEY has it */
	char *dir;	     /* owned */
	pthread_mutex_t lock;
	struct log_file *files; /* guarded by .lock; owned; the last may be ours */
	size_t n_files;
	bool has_own;	   /* guarded by .lock */
	uint64_t end;	   /* guarded by .lock; of our log */
	struct kept *kept; /* guarded by .lock; owned; by fragment and key */
	size_t n_kept, kept_cap;
	uint64_t n_failed; /* at the beginning, of the owner */
	uint64_t unsynced; /* guarded by .lock; rows */
	int64_t synced_ns; /* guarded by .lock */
};

/* --- what is there --- */

static int compare(const struct kept *k, uint64_t fragment, uint64_t key)
{
	if (k->fragment != fragment)
		return k->fragment < fragment ? -1 : 1;
	return k->inputs_key == key ? 0 : k->inputs_key < key ? -1 : 1;
}

/* The place of a fragment's entry. */
static size_t place_of(const struct checkpoint *c, uint64_t fragment, uint64_t key)
{
	size_t first = 0, end = c->n_kept;
	while (first < end) {
		size_t mid = first + (end - first) / 2;
		if (compare(&c->kept[mid], fragment, key) < 0)
			first = mid + 1;
		else
			end = mid;
	}
	return first;
}

static struct kept *find(const struct checkpoint *c, uint64_t fragment, uint64_t key)
{
	size_t i = place_of(c, fragment, key);
	bool found = i < c->n_kept && compare(&c->kept[i], fragment, key) == 0;
	return found ? &c->kept[i] : NULL;
}

static struct err *need(struct checkpoint *c, uint64_t fragment, uint64_t key,
			struct kept **ret)
{
	size_t i = place_of(c, fragment, key);
	*ret = find(c, fragment, key);
	if (*ret)
		return NULL;
	TRY(mem_grow(c->n_kept + 1, sizeof(*c->kept), &c->kept_cap, &c->kept));
	memmove(c->kept + i + 1, c->kept + i, (c->n_kept - i) * sizeof(*c->kept));
	c->kept[i] = (struct kept){.fragment = fragment, .inputs_key = key};
	c->n_kept++;
	*ret = &c->kept[i];
	return NULL;
}

/* Half of a row's address. */
#define LIMIT_OFFSET ((uint64_t)1 << 32)

static struct err *make_room(struct kept *k, uint64_t n)
{
	if (n <= k->n_bits)
		return NULL;
	n = round_up(MAX_OF(n, MIN_OF(k->n_bits * 2, LIMIT_OFFSET)), 64);
	size_t old = bitmap_bytes(k->n_bits);
	TRY(mem_resize(bitmap_bytes(n), 1, &k->bits));
	memset(k->bits + old, 0, bitmap_bytes(n) - old);
	k->n_bits = n;
	return NULL;
}

static void add_range(struct kept *k, uint64_t first, uint64_t end)
{
	k->n_rows += end - first - bitmap_count(k->bits, first, end);
	bitmap_set_range(k->bits, first, end);
}

/* All rows but those that failed, which another job gave up: they are not there, unless
 * another record has them. */
static void add_good(struct kept *k, const struct record_rows *rows)
{
	uint64_t place = 0;
	size_t at = 0;
	for (size_t i = 0; i < rows->n_runs; i++) {
		uint64_t first = rows->runs[2 * i], len = rows->runs[2 * i + 1];
		uint64_t from = first;
		for (; at < rows->n_failed && rows->failed[at] < place + len; at++) {
			uint64_t offset = first + rows->failed[at] - place;
			add_range(k, from, offset);
			from = offset + 1;
		}
		add_range(k, from, first + len);
		place += len;
	}
}

static struct err *count_in(struct checkpoint *c, struct kept *k, struct place at,
			    const struct record_rows *rows)
{
	TRY(make_room(k, (uint64_t)at.last + 1));
	TRY(mem_grow(k->n_places + 1, sizeof(*k->places), &k->places_cap, &k->places));
	k->places[k->n_places++] = at;
	if (!c->files[at.file].is_owners) {
		add_good(k, rows);
		return NULL;
	}
	for (size_t i = 0; i < rows->n_runs; i++)
		add_range(k, rows->runs[2 * i],
			  rows->runs[2 * i] + rows->runs[2 * i + 1]);
	if (!c->has_own)
		c->n_failed += rows->n_failed;
	return NULL;
}

uint64_t checkpoint_n_failed(const struct checkpoint *c)
{
	return c->n_failed;
}

bool checkpoint_has(const struct checkpoint *c, uint64_t fragment, uint64_t inputs_key,
		    uint64_t offset)
{
	const struct kept *k = find(c, fragment, inputs_key);
	return k && offset < k->n_bits && bit_get(k->bits, offset);
}

bool checkpoint_is_committed(const struct checkpoint *c, uint64_t fragment,
			     uint64_t inputs_key, uint64_t outputs_key)
{
	const struct kept *k = find(c, fragment, inputs_key);
	return k && k->n_committed && k->n_committed == k->n_rows &&
	       k->outputs_key == outputs_key;
}

/* --- finding logs --- */

static bool read_at(int fd, uint64_t off, size_t len, uint8_t *dst)
{
	while (len) {
		ssize_t n = pread(fd, dst, len, (off_t)off);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		dst += n;
		off += (uint64_t)n;
		len -= (size_t)n;
	}
	return true;
}

/* Rows of a fragment that is there. */
static struct err *take_rows(struct checkpoint *c, const struct record *r,
			     const struct record_rows *rows, uint32_t file, uint64_t at)
{
	uint64_t first = rows->runs[0];
	uint64_t end =
		rows->runs[2 * rows->n_runs - 2] + rows->runs[2 * rows->n_runs - 1];
	struct kept *k;
	if (end > (c->has_own ? LIMIT_OFFSET : c->spec.most_rows))
		return NULL; /* of no fragment that we shall see */
	TRY(need(c, r->fragment, r->inputs_key, &k));
	return count_in(c, k,
			(struct place){.at = at,
				       .file = file,
				       .first = (uint32_t)first,
				       .last = (uint32_t)(end - 1)},
			rows);
}

/* A record of a log; runs: its r->runs_len bytes. */
static struct err *take_record(struct checkpoint *c, const struct record *r,
			       const uint8_t *runs, uint32_t file, uint64_t at)
{
	struct record_rows rows = {0};
	struct kept *k;
	if (r->kind == RECORD_COMMITTED) {
		TRY(need(c, r->fragment, r->inputs_key, &k));
		k->outputs_key = r->outputs_key;
		k->n_committed = k->n_rows;
		return NULL;
	}
	if (r->kind != RECORD_ROWS || !record_rows_parse(r, runs, &rows))
		return err_new(EIO, "a record at %" PRIu64 " is broken", at);
	struct err *err = take_rows(c, r, &rows, file, at);
	record_rows_fini(&rows);
	return err;
}

static bool read_record(int fd, uint64_t at, uint64_t size, struct record *ret)
{
	uint8_t header[RECORD_HEADER];
	uint64_t len;
	return size - at >= RECORD_HEADER && read_at(fd, at, sizeof(header), header) &&
	       record_parse(header, ret) &&
	       !ckd_add(&len, ret->runs_len, ret->data_len) &&
	       len <= size - at - RECORD_HEADER;
}

/* The records of a log up to the first that is broken. */
static struct err *scan_log(struct checkpoint *c, uint32_t file, uint64_t size)
{
	int fd = c->files[file].fd;
	uint64_t at = 0;
	while (at < size) {
		struct record r = {0};
		AUTO_MEM uint8_t *runs = NULL;
		bool good = read_record(fd, at, size, &r);
		if (good)
			TRY(mem_array((size_t)r.runs_len, 1, &runs));
		if (!good || !read_at(fd, at + RECORD_HEADER, (size_t)r.runs_len, runs))
			return err_new(EIO,
				       "it is broken from byte %" PRIu64 " of %" PRIu64
				       " on",
				       at, size);
		TRY(take_record(c, &r, runs, file, at));
		at += RECORD_HEADER + r.runs_len + r.data_len;
	}
	return NULL;
}

static void tell_lost(struct checkpoint *c, const char *path, const struct err *why)
{
	AUTO_MEM char *text = NULL;
	struct err *err = str_printf(&text,
				     "checkpoint %s: %s; what is missing is computed "
				     "again",
				     path, why->msg);
	if (!err && c->spec.tell)
		c->spec.tell(c->spec.ctx, text);
	err_free(err); /* it is only told */
}

static struct err *add_file(struct checkpoint *c, const char *path, bool is_owners,
			    int fd)
{
	AUTO_MEM char *copy = NULL;
	TRY(str_dup(path, &copy));
	TRY(mem_resize(c->n_files + 1, sizeof(*c->files), &c->files));
	c->files[c->n_files++] = (struct log_file){TAKE(copy), fd, is_owners};
	return NULL;
}

static struct err *load_log(void *ctx, const char *name)
{
	struct checkpoint *c = ctx;
	AUTO_MEM char *path = NULL;
	struct stat st;
	if (!str_ends(name, ".log"))
		return NULL;
	TRY(str_printf(&path, "%s/%s", c->dir, name));
	int fd = openat(io_store_fd(c->spec.store), path,
			O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return NULL; /* as if it were not there */
	char *end;
	bool is_owners = strtoull(name, &end, 10) == c->spec.owner && *end == '-';
	struct err *err = add_file(c, path, is_owners, fd);
	if (err) {
		close(fd);
		return err;
	}
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		return NULL;
	err = scan_log(c, (uint32_t)(c->n_files - 1), (uint64_t)st.st_size);
	if (err && err->code == ENOMEM)
		return err;
	if (err)
		tell_lost(c, path, err);
	err_free(err); /* told */
	return NULL;
}

/* --- opening and closing --- */

static struct err *make_table(const struct checkpoint_spec *spec, struct field **ret)
{
	AUTO(type) struct type *t = NULL;
	TRY(type_new_nested(TYPE_STRUCT, spec->n_outputs, &t));
	for (size_t i = 0; i < spec->n_outputs; i++) {
		AUTO_MEM char *name = NULL;
		TRY(str_printf(&name, "%zu", i));
		TRY(field_new(name, spec->outputs[i], true, &t->children[i]));
	}
	TRY(field_new("", t, false, ret));
	return field_set_metadata(*ret, FORMAT_TABLE_KEY, "", 0);
}

struct err *checkpoint_open(const struct checkpoint_spec *spec, struct checkpoint **ret)
{
	AUTO(checkpoint) struct checkpoint *c = NULL;
	if (io_store_fd(spec->store) < 0)
		return err_new(EOPNOTSUPP, "checkpoints need a local directory");
	TRY(mem_new(&c));
	pthread_mutex_init(&c->lock, NULL);
	c->spec = *spec;
	c->synced_ns = monotonic_ns();
	TRY(str_printf(&c->dir, DIRECTORY "/%s", spec->key));
	TRY(make_table(spec, &c->table));
	TRY(io_list(spec->store, c->dir, load_log, c));
	*ret = TAKE(c);
	return NULL;
}

void checkpoint_close(struct checkpoint *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->n_files; i++) {
		close(c->files[i].fd);
		free(c->files[i].path);
	}
	for (size_t i = 0; i < c->n_kept; i++) {
		free(c->kept[i].bits);
		free(c->kept[i].places);
	}
	free(c->files);
	free(c->kept);
	free(c->dir);
	field_unref(c->table);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

void checkpoint_remove(struct checkpoint *c)
{
	for (size_t i = 0; i < c->n_files; i++) {
		struct err *err = io_remove(c->spec.store, c->files[i].path);
		err_free(err); /* it will be found, and removed then */
	}
	(void)unlinkat(io_store_fd(c->spec.store), c->dir, AT_REMOVEDIR);
	(void)unlinkat(io_store_fd(c->spec.store), DIRECTORY, AT_REMOVEDIR);
	checkpoint_close(c);
}

/* --- adding --- */

static struct err *begin_log(struct checkpoint *c)
{
	uint8_t raw[16];
	char uuid[UUID_TEXT_LEN + 1];
	AUTO_MEM char *path = NULL;
	TRY(uuid_new(raw, uuid));
	TRY(str_printf(&path, "%s/%" PRIu64 "-%s.log", c->dir, c->spec.owner, uuid));
	TRY(io_mkdir(c->spec.store, "_lancefs"));
	TRY(io_mkdir(c->spec.store, DIRECTORY));
	TRY(io_mkdir(c->spec.store, c->dir));
	int fd = openat(io_store_fd(c->spec.store), path,
			O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return err_errno(errno, "checkpoint %s", path);
	struct err *err = add_file(c, path, true, fd);
	if (err)
		close(fd);
	c->has_own = !err;
	return err;
}

/* All of it or nothing, at the end of our log. */
static struct err *append(struct checkpoint *c, const struct buf *b, uint64_t *ret_at)
{
	TRY(buf_check(b));
	if (!c->has_own)
		TRY(begin_log(c));
	const struct log_file *f = &c->files[c->n_files - 1];
	for (size_t done = 0; done < b->len;) {
		ssize_t n = pwrite(f->fd, b->data + done, b->len - done,
				   (off_t)(c->end + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			int code = errno;
			if (ftruncate(f->fd, (off_t)c->end) != 0)
				code = errno; /* what is torn is seen */
			return err_errno(code, "checkpoint %s", f->path);
		}
		done += (size_t)n;
	}
	*ret_at = c->end;
	c->end += b->len;
	return NULL;
}

/* The log, if it is time to make it durable; else -1. */
static int due_log(struct checkpoint *c)
{
	int64_t now = monotonic_ns();
	LOCK_SCOPE(&c->lock);
	if (!c->spec.sync_rows || !c->unsynced ||
	    (c->unsynced < c->spec.sync_rows && now - c->synced_ns < SYNC_NS))
		return -1;
	c->unsynced = 0;
	c->synced_ns = now;
	return c->files[c->n_files - 1].fd;
}

struct err *checkpoint_sync(struct checkpoint *c)
{
	int fd = due_log(c);
	if (fd >= 0 && fdatasync(fd) != 0)
		return err_errno(errno, "checkpoint: sync");
	return NULL;
}

static struct err *put_record(struct checkpoint *c, const struct buf *b)
{
	struct record r;
	uint64_t at;
	LOCK_SCOPE(&c->lock);
	TRY(append(c, b, &at));
	if (!record_parse(b->data, &r))
		return err_new(EIO, "checkpoint: a record that cannot be read");
	TRY(take_record(c, &r, b->data + RECORD_HEADER, (uint32_t)(c->n_files - 1),
			at));
	c->unsynced += r.n_rows;
	return NULL;
}

struct err *checkpoint_put(struct checkpoint *c, const struct computed_rows *rows)
{
	AUTO_BUF struct buf b = {0};
	TRY(record_render(rows, c->table, &b));
	return put_record(c, &b);
}

struct err *checkpoint_put_committed(struct checkpoint *c, uint64_t fragment,
				     uint64_t inputs_key, uint64_t outputs_key)
{
	AUTO_BUF struct buf b = {0};
	record_render_committed(fragment, inputs_key, outputs_key, &b);
	TRY(buf_check(&b));
	return put_record(c, &b);
}

/* --- values --- */

/* A record that is being read. */
struct loaded {
	struct record_rows rows;
	struct array *values; /* owned reference */
};

static void loaded_fini(struct loaded *l)
{
	record_rows_fini(&l->rows);
	array_unref(l->values);
}

static struct err *load(const struct checkpoint *c, int fd, uint64_t at,
			struct loaded *ret)
{
	AUTO_MEM uint8_t *p = NULL;
	uint8_t header[RECORD_HEADER];
	struct record r;
	if (!read_at(fd, at, sizeof(header), header) || !record_parse(header, &r))
		return err_new(EIO, "it cannot be read");
	uint64_t len = r.runs_len + r.data_len;
	TRY(mem_array((size_t)len, 1, &p));
	if (!read_at(fd, at + RECORD_HEADER, (size_t)len, p) ||
	    !record_rows_parse(&r, p, &ret->rows))
		return err_new(EIO, "it cannot be read");
	return record_values(&r, p + r.runs_len, c->spec.outputs, c->spec.n_outputs,
			     &ret->values);
}

/* Tell where the rows of a record are, of those that are wanted. */
static void tell_places(const struct loaded *l, bool is_owners, const uint64_t *offsets,
			uint64_t n, uint64_t base, uint64_t *from)
{
	uint64_t at = 0, place = 0;
	size_t failed = 0;
	for (size_t i = 0; i < l->rows.n_runs; i++) {
		uint64_t first = l->rows.runs[2 * i], len = l->rows.runs[2 * i + 1];
		while (at < n && offsets[at] < first)
			at++;
		for (; at < n && offsets[at] < first + len; at++) {
			uint64_t k = place + offsets[at] - first;
			while (failed < l->rows.n_failed && l->rows.failed[failed] < k)
				failed++;
			bool is_bad = failed < l->rows.n_failed &&
				      l->rows.failed[failed] == k;
			if (!is_bad)
				from[at] = base + k;
			else if (is_owners)
				from[at] = CHECKPOINT_FAILED;
		}
		place += len;
	}
}

/* What is wanted of a fragment. */
struct wanted {
	uint64_t fragment, key;
	const uint64_t *offsets;
	uint64_t n;
};

/* The next record of a fragment that may have some of the rows; false: no more. */
static bool next_record(struct checkpoint *c, const struct wanted *w, size_t *at,
			struct place *ret, struct log_file *ret_file)
{
	LOCK_SCOPE(&c->lock);
	const struct kept *k = find(c, w->fragment, w->key);
	for (; k && *at < k->n_places; (*at)++) {
		const struct place *p = &k->places[*at];
		if (p->is_broken || p->last < w->offsets[0] ||
		    p->first > w->offsets[w->n - 1])
			continue;
		*ret = *p;
		*ret_file = c->files[p->file];
		(*at)++;
		return true;
	}
	return false;
}

/* As if it had never been there. */
static void forget_record(struct checkpoint *c, const struct wanted *w, size_t i,
			  const struct err *why)
{
	LOCK_SCOPE(&c->lock);
	struct kept *k = find(c, w->fragment, w->key);
	struct place *p = &k->places[i];
	p->is_broken = true;
	for (uint64_t o = p->first; o <= p->last; o++)
		bit_clear(k->bits, o);
	k->n_rows = bitmap_count(k->bits, 0, k->n_bits);
	k->n_committed = 0;
	tell_lost(c, c->files[p->file].path, why);
}

struct gathering {
	struct array **parts; /* owned */
	size_t n, cap;
	uint64_t n_rows;
};

static void gathering_fini(struct gathering *g)
{
	for (size_t i = 0; i < g->n; i++)
		array_unref(g->parts[i]);
	free(g->parts);
}

static struct err *gather(struct checkpoint *c, struct gathering *g,
			  const struct wanted *w, uint64_t *from)
{
	struct place p;
	size_t at = 0;
	struct log_file file;
	while (next_record(c, w, &at, &p, &file)) {
		struct loaded l = {0};
		struct err *err = load(c, file.fd, p.at, &l);
		if (!err)
			err = mem_grow(g->n + 1, sizeof(*g->parts), &g->cap, &g->parts);
		if (!err) {
			tell_places(&l, file.is_owners, w->offsets, w->n, g->n_rows,
				    from);
			g->n_rows += l.values->n_rows;
			g->parts[g->n++] = TAKE(l.values);
		}
		loaded_fini(&l);
		if (!err)
			continue;
		if (err->code == ENOMEM)
			return err;
		forget_record(c, w, at - 1, err);
		err_free(err); /* told */
		return err_new(ESTALE, "a checkpoint is broken");
	}
	return NULL;
}

struct err *checkpoint_get(struct checkpoint *c, uint64_t fragment, uint64_t inputs_key,
			   const uint64_t *offsets, uint64_t n, uint64_t *ret_from,
			   struct array **ret)
{
	__attribute__((cleanup(gathering_fini))) struct gathering g = {0};
	const struct wanted wanted = {fragment, inputs_key, offsets, n};
	const uint64_t none = CHECKPOINT_FAILED - 1;
	for (uint64_t i = 0; i < n; i++)
		ret_from[i] = none;
	TRY(gather(c, &g, &wanted, ret_from));
	for (uint64_t i = 0; i < n; i++)
		if (ret_from[i] == none)
			return err_new(ESTALE,
				       "row %" PRIu64 " of fragment %" PRIu64
				       " was not computed",
				       offsets[i], fragment);
	return array_concat(g.parts, g.n, ret);
}
