// SPDX-License-Identifier: Apache-2.0
/*
 * commit.c: the engine of all commits.
 *
 * A change is applied to a copy of the latest manifest and published as the next
 * version.  Whoever loses that race applies it again, to the version that won: so
 * a change says what it wants, not what the manifest shall be, and refuses with
 * EBUSY if what it wants no longer fits.
 * Source: Lance's docs, "Table Format", commit protocol.
 */
#include "table/commit_priv.h"
#include "table/conflict_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <time.h>
#include <unistd.h>

/* Both must have passed before a writer that always loses gives up. */
#define COMMIT_ATTEMPTS 20
#define COMMIT_SECONDS 30
/* How long a writer waits for others of ours, so that all have their turn. */
#define LINE_NS INT64_C(1000000000)
#define COMMIT_MESSAGE "__lance_commit_message"

static void auto_attempt(struct attempt *a)
{
	version_unref(a->latest);
	proto_free((ProtobufCMessage *)a->manifest);
	proto_free((ProtobufCMessage *)a->indices);
	bytes_unref(a->raw);
}

struct err *proto_set_string(char **field, const char *value)
{
	AUTO_MEM char *copy = NULL;
	TRY(str_dup(value, &copy));
	if (*field != (const char *)protobuf_c_empty_string)
		free(*field);
	*field = TAKE(copy);
	return NULL;
}

static struct err *set_writer(Lance__Table__Manifest *m)
{
	proto_free((ProtobufCMessage *)m->writer_version);
	m->writer_version = malloc(sizeof(*m->writer_version));
	if (!m->writer_version)
		return err_nomem();
	lance__table__writer_version__init(m->writer_version);
	TRY(proto_set_string(&m->writer_version->library, "lancefs"));
	return proto_set_string(&m->writer_version->version, LANCEFS_VERSION);
}

struct err *manifest_set_time(Lance__Table__Manifest *m)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	if (!m->timestamp) {
		m->timestamp = malloc(sizeof(*m->timestamp));
		if (!m->timestamp)
			return err_nomem();
		lance__table__timestamp__init(m->timestamp);
	}
	m->timestamp->seconds = now.tv_sec;
	m->timestamp->nanos = (int32_t)now.tv_nsec;
	return NULL;
}

struct err *manifest_set_header(Lance__Table__Manifest *m, uint64_t read_version,
				const char *uuid)
{
	AUTO_MEM char *file = NULL;
	m->version = read_version + 1;
	TRY(str_printf(&file, "%" PRIu64 "-%s.txn", read_version, uuid));
	TRY(proto_set_string(&m->transaction_file, file));
	TRY(proto_set_string(&m->tag, ""));
	TRY(set_writer(m));
	return manifest_set_time(m);
}

struct err *manifest_set_storage(Lance__Table__Manifest *m, enum lance_version storage)
{
	m->data_format = malloc(sizeof(*m->data_format));
	if (!m->data_format)
		return err_nomem();
	lance__table__data_storage_format__init(m->data_format);
	TRY(proto_set_string(&m->data_format->file_format, "lance"));
	return proto_set_string(&m->data_format->version, lance_version_name(storage));
}

struct err *attempt_set_header(struct attempt *a)
{
	enum lance_version storage;
	if (!a->manifest->data_format) { /* the flag may have been all that told it */
		TRY(old_storage(a->manifest, &storage));
		TRY(manifest_set_storage(a->manifest, storage));
	}
	a->manifest->reader_feature_flags &= ~FLAG_V2_FILES;
	a->manifest->writer_feature_flags &= ~FLAG_V2_FILES;
	return manifest_set_header(a->manifest, a->latest->number, a->uuid);
}

/* Publish what the change made of the attempt. */
static struct err *publish(struct table *t, const struct change *c, struct attempt *a,
			   enum publish_result *ret_result)
{
	Lance__Table__StringEntry message = LANCE__TABLE__STRING_ENTRY__INIT;
	Lance__Table__StringEntry *properties[] = {&message};
	char key[] = COMMIT_MESSAGE;
	AUTO_MEM char *text = NULL;
	a->tx.read_version = a->latest->number;
	a->tx.uuid = a->uuid;
	if (c->message) {
		TRY(str_dup_utf8(c->message, &text));
		message.key = key;
		message.value = text;
		a->tx.n_transaction_properties = 1;
		a->tx.transaction_properties = properties;
	}
	return manifest_publish(t, a->manifest, &a->tx, a->indices, ret_result,
				&a->raw);
}

/* Does the attempt stand beside what version `number` did? */
static struct err *check_version(struct table *t, const struct change *c,
				 const struct attempt *a, uint64_t number)
{
	AUTO_PROTO Lance__Table__Transaction *tx = NULL;
	TRY(transaction_of(t, number, &tx));
	if (tx && c->makes_schema_anew &&
	    tx->operation_case == LANCE__TABLE__TRANSACTION__OPERATION_PROJECT)
		return NULL;
	/* what is to be made anew was: apply() has just seen the latest version */
	if (tx && conflict_between(&a->tx, tx) != CONFLICT_FATAL)
		return NULL;
	return err_new(EBUSY, "version %" PRIu64 " %s meanwhile; do it again", number,
		       tx ? transaction_deed(tx) : "did something unknown");
}

static struct err *check_meanwhile(struct table *t, const struct change *c,
				   const struct attempt *a)
{
	uint64_t first = c->base ? c->base->number + 1 : UINT64_MAX;
	for (uint64_t number = first; number <= a->latest->number; number++)
		TRY(check_version(t, c, a, number));
	return NULL;
}

static struct err *try_once(struct table *t, const struct change *c,
			    enum publish_result *ret_result, struct attempt *a)
{
	uint8_t raw[16];
	__attribute__((unused)) AUTO_FD int in_line =
		io_lock_dir(t->store, "_versions", LINE_NS);
	TRY(table_refresh(t));
	a->latest = table_latest(t);
	TRY(version_check_writable(a->latest));
	TRY(PROTO_UNPACK(lance__table__manifest,
			 a->latest->raw->data + a->latest->manifest_off,
			 a->latest->manifest_len, &a->manifest));
	TRY(version_indices(a->latest, &a->indices));
	lance__table__transaction__init(&a->tx);
	TRY(uuid_new(raw, a->uuid));
	TRY(attempt_set_header(a));
	TRY(c->apply(c->ctx, a));
	if (a->is_unchanged)
		return NULL;
	TRY(check_meanwhile(t, c, a));
	return publish(t, c, a, ret_result);
}

/* Wait a random part of a slot that doubles: 2, 4, ... ms. */
static struct err *back_off(unsigned attempt)
{
	uint32_t r;
	TRY(random_bytes(&r, sizeof(r)));
	usleep(r % (1000u << MIN_OF(attempt + 1, 10u)));
	return NULL;
}

/* The version that the attempt became, without reading it back. */
static struct err *take_version(struct table *t, const struct attempt *a,
				struct version **ret)
{
	if (a->is_unchanged) {
		*ret = version_ref(a->latest);
		return NULL;
	}
	TRY_CTX(version_of_bytes(t, t->naming, a->manifest->version, a->raw, ret),
		"version %" PRIu64 " was committed", a->manifest->version);
	table_set_latest(t, *ret);
	return NULL;
}

static bool may_try_again(unsigned attempt, int64_t start_ns)
{
	return attempt < COMMIT_ATTEMPTS ||
	       monotonic_ns() - start_ns < COMMIT_SECONDS * 1000000000LL;
}

struct err *change_commit(struct table *t, struct change *c, struct version **ret)
{
	int64_t start_ns = monotonic_ns();
	unsigned i = 0;
	c->is_published = false;
	for (; may_try_again(i, start_ns); i++) {
		__attribute__((cleanup(auto_attempt))) struct attempt a = {.table = t};
		enum publish_result result = PUBLISH_LOST;
		struct err *err = try_once(t, c, &result, &a);
		c->is_published = result != PUBLISH_LOST;
		TRY(err);
		if (c->is_published || a.is_unchanged)
			return take_version(t, &a, ret);
		log_line(t->log, LEVEL_INFO, "commit lost a race version=%" PRIu64,
			 a.manifest->version);
		TRY(back_off(i));
	}
	return err_new(EBUSY,
		       "%u commits in a row lost against other writers; run it again",
		       i);
}

/* --- what changes share --- */

#define TOMBSTONE (-2)

static bool file_is_live(const Lance__Table__DataFile *d,
			 const Lance__Table__Manifest *m)
{
	for (size_t i = 0; i < d->n_fields; i++) {
		if (d->fields[i] < TOMBSTONE)
			return true; /* spilled row ids */
		for (size_t k = 0; k < m->n_fields; k++)
			if (m->fields[k]->id == d->fields[i])
				return true;
	}
	return false;
}

void fragment_drop_dead_files(Lance__Table__DataFragment *f,
			      const Lance__Table__Manifest *m)
{
	size_t n = 0;
	for (size_t i = 0; i < f->n_files; i++) {
		if (file_is_live(f->files[i], m))
			f->files[n++] = f->files[i];
		else
			proto_free(&f->files[i]->base);
	}
	f->n_files = n;
}

static void tombstone(Lance__Table__DataFragment *f, const int32_t *ids, size_t n)
{
	for (size_t i = 0; i < f->n_files; i++)
		for (size_t k = 0; k < f->files[i]->n_fields; k++)
			for (size_t j = 0; j < n; j++)
				if (f->files[i]->fields[k] == ids[j])
					f->files[i]->fields[k] = TOMBSTONE;
}

struct err *fragment_put_file(Lance__Table__DataFragment *f,
			      Lance__Table__DataFile *file,
			      const Lance__Table__Manifest *m)
{
	AUTO_PROTO Lance__Table__DataFile *d = file;
	tombstone(f, d->fields, d->n_fields);
	fragment_drop_dead_files(f, m);
	TRY(mem_resize(f->n_files + 1, sizeof(struct Lance__Table__DataFile *),
		       &f->files));
	f->files[f->n_files++] = TAKE(d);
	return NULL;
}

static bool file_is_same(const Lance__Table__DataFile *a,
			 const Lance__Table__DataFile *b)
{
	return strcmp(a->path, b->path) == 0 && a->n_fields == b->n_fields &&
	       (a->n_fields == 0 ||
		memcmp(a->fields, b->fields, a->n_fields * sizeof(*a->fields)) == 0);
}

bool fragment_has_same_files(const Lance__Table__DataFragment *a,
			     const Lance__Table__DataFragment *b)
{
	bool is_same = a->n_files == b->n_files && a->physical_rows == b->physical_rows;
	for (size_t i = 0; is_same && i < a->n_files; i++)
		is_same = file_is_same(a->files[i], b->files[i]);
	return is_same;
}

void manifest_flag_deletions(Lance__Table__Manifest *m)
{
	uint64_t flag = 0;
	for (size_t i = 0; i < m->n_fragments; i++)
		if (m->fragments[i]->deletion_file)
			flag = FLAG_DELETION_FILES;
	m->reader_feature_flags =
		(m->reader_feature_flags & ~FLAG_DELETION_FILES) | flag;
	m->writer_feature_flags =
		(m->writer_feature_flags & ~FLAG_DELETION_FILES) | flag;
}

struct err *data_file_new(const struct column_file *file, enum lance_version version,
			  Lance__Table__DataFile **ret)
{
	const struct file_written *w = &file->written;
	static const uint32_t minors[] = {
		[LANCE_2_0] = 0, [LANCE_2_1] = 1, [LANCE_2_2] = 2};
	Lance__Table__DataFile *d = malloc(sizeof(*d));
	if (!d)
		return err_nomem();
	lance__table__data_file__init(d);
	*ret = d;
	TRY(str_dup(file->name, &d->path));
	TRY(mem_array(w->n_columns, sizeof(*d->fields), &d->fields));
	d->n_fields = w->n_columns;
	TRY(mem_array(w->n_columns, sizeof(*d->column_indices), &d->column_indices));
	d->n_column_indices = w->n_columns;
	for (size_t i = 0; i < w->n_columns; i++) {
		d->fields[i] = w->field_ids[i];
		d->column_indices[i] = w->columns[i];
	}
	d->file_major_version = 2;
	d->file_minor_version = minors[version];
	d->file_size_bytes = w->size_bytes;
	return NULL;
}
