// SPDX-License-Identifier: Apache-2.0
/*
 * io.h: where bytes lie.  A store is a directory of a dataset; paths inside
 * it are relative, with '/', never empty, never with "..".
 *
 * Three kinds of access: random reads of immutable files (io_file), files
 * written once from start to end (io_writer), and atomic publishing.  Each
 * goes through a small vtable, so that a store may be a local directory, a
 * memory image, or one that injects faults.
 *
 * A store and an open file are internally locked: any thread may use them.
 * A writer belongs to one thread at a time.
 *
 * To add a backend: write io_<scheme>.c with a struct io_ops, and let its
 * constructor return a store.
 */
#ifndef LANCEFS_IO_IO_H
#define LANCEFS_IO_IO_H

#include "base/base.h"

#include <sys/statvfs.h>
#include <sys/types.h>

struct io_store;
struct io_file;
struct io_writer;

struct io_stat {
	uint64_t size;
	int64_t mtime_ns; /* since the epoch */
	bool is_dir;
};

/* Counters since the store was opened; read with relaxed atomics. */
struct io_stats {
	atomic_ullong n_reads;
	atomic_ullong read_bytes;
	atomic_ullong write_bytes;
};

/*
 * A local directory, held by a descriptor from now on.
 * Errors: ENOENT, ENOTDIR, EACCES.
 */
MUST_CHECK struct err *io_store_open_local(const char *path, struct io_store **ret);
/* The same for files that somebody else names: besides links that lead out of it, what
 * is mounted below it is not found either (EIO).  Nothing can be opened where the
 * kernel cannot promise that. */
MUST_CHECK struct err *io_store_open_confined(const char *path, struct io_store **ret);
/* A directory inside a store as a store of its own.  The same errors. */
MUST_CHECK struct err *io_store_open_dir(struct io_store *s, const char *path,
					 struct io_store **ret);
/* An empty store in memory; it goes with its last reference.  Directories are there
 * while files lie in them. */
MUST_CHECK struct err *io_store_new_memory(struct io_store **ret);

/* What goes wrong in a store, and when; calls are counted from 0. */
struct io_faults {
	unsigned at;	/* the call that fails */
	int code;	/* with this errno */
	bool stays;	/* so do writes after it: a disk that is full */
	bool publishes; /* a publish that fails has made the name all the same */
	void (*die)(
		void *ctx); /* called there instead, if it does not return; or NULL */
	void *ctx;
	atomic_uint n_calls; /* out */
};
/* A store over another, for tests of what callers do when calls fail.  faults is
 * borrowed for the store's life. */
MUST_CHECK struct err *io_store_new_faulty(struct io_store *store,
					   struct io_faults *faults,
					   struct io_store **ret);
struct io_store *io_store_ref(struct io_store *s);
void io_store_unref(struct io_store *s);
DEFINE_AUTO(io_store, io_store_unref)

const char *io_store_name(const struct io_store *s); /* for messages; borrowed */
bool io_store_writable(struct io_store *s);
const struct io_stats *io_store_stats(const struct io_store *s);
/* The local directory's descriptor, -1 if there is none; borrowed. */
int io_store_fd(const struct io_store *s);
/* Its absolute path with no link in it; of what is no local directory its name. */
MUST_CHECK struct err *io_store_real_path(const struct io_store *s, char **ret);
/* Are both the same directory? */
bool io_store_is_same(const struct io_store *a, const struct io_store *b);
MUST_CHECK struct err *io_statvfs(struct io_store *s, struct statvfs *ret);

/* --- reading --- */

/* Errors: ENOENT, EACCES, EISDIR. */
MUST_CHECK struct err *io_open(struct io_store *s, const char *path,
			       struct io_file **ret);
struct io_file *io_file_ref(struct io_file *f);
void io_file_unref(struct io_file *f);
DEFINE_AUTO(io_file, io_file_unref)
uint64_t io_size(const struct io_file *f);	   /* bytes, at open */
const char *io_file_path(const struct io_file *f); /* borrowed */

/* Exactly len bytes at off into dst.  EIO if the file is shorter (the message
 * says the file and the offset); ESTALE if it vanished. */
MUST_CHECK struct err *io_read(struct io_file *f, uint64_t off, size_t len, void *dst);
/* The same into new shared bytes. */
MUST_CHECK struct err *io_read_bytes(struct io_file *f, uint64_t off, size_t len,
				     struct bytes **ret);
/* A whole small file; EFBIG over limit. */
MUST_CHECK struct err *io_read_all(struct io_store *s, const char *path, uint64_t limit,
				   struct bytes **ret);

/* A missing path is not an error: *ret_found says. */
MUST_CHECK struct err *io_stat(struct io_store *s, const char *path, bool *ret_found,
			       struct io_stat *ret);
/* Names in a directory, in no order; a missing directory lists nothing. */
MUST_CHECK struct err *io_list(struct io_store *s, const char *dir,
			       struct err *(*fn)(void *ctx, const char *name),
			       void *ctx);

/* What lies in a directory. */
struct io_entry {
	const char *name;     /* borrowed for the call */
	bool is_dir, is_file; /* neither: a link, a pipe … */
	uint64_t size;	      /* of a file */
	int64_t mtime_ns;     /* since the epoch */
};
/* Each entry, in no order; a missing directory has none.  No link is followed:
 * EOPNOTSUPP if the directory is one, or lies below one. */
MUST_CHECK struct err *io_scan(struct io_store *s, const char *dir,
			       struct err *(*fn)(void *ctx, const struct io_entry *e),
			       void *ctx);

/* --- writing --- */

/* A new file, which must not exist (EEXIST).  Missing directories are made. */
MUST_CHECK struct err *io_create(struct io_store *s, const char *path,
				 struct io_writer **ret);
/* Append.  Small writes are gathered. */
MUST_CHECK struct err *io_write(struct io_writer *w, const void *p, size_t len);
uint64_t io_written(const struct io_writer *w); /* bytes so far: the next offset */
/* Make it durable (fdatasync) and close.  Takes w, also on failure; then the
 * file is removed. */
MUST_CHECK struct err *io_writer_finish(struct io_writer *w);
/* Close and remove the file.  Accepts NULL. */
void io_writer_abort(struct io_writer *w);
DEFINE_AUTO(io_writer, io_writer_abort)

/* A whole small file by io_create, io_write, io_writer_finish. */
MUST_CHECK struct err *io_put(struct io_store *s, const char *path, const void *p,
			      size_t len);
/* Replace a small file: temporary name, fsync, rename.  For hints only. */
MUST_CHECK struct err *io_replace(struct io_store *s, const char *path, const void *p,
				  size_t len);
/*
 * Give `from`, a file or a directory, the final name `to`, failing with EEXIST if
 * that exists: link(2) and unlink, or RENAME_NOREPLACE where there are no links.
 * Never replaces.
 */
MUST_CHECK struct err *io_publish(struct io_store *s, const char *from, const char *to);
/* fsync a directory, so that names in it are durable. */
MUST_CHECK struct err *io_sync_dir(struct io_store *s, const char *dir);
/* A missing file is fine. */
MUST_CHECK struct err *io_remove(struct io_store *s, const char *path);
/* A directory, if nothing is left in it; *ret_gone: it is not there now. */
MUST_CHECK struct err *io_remove_dir(struct io_store *s, const char *dir,
				     bool *ret_gone);
/*
 * Wait until no other program of ours holds the lock of a directory: a descriptor to
 * close when done, or -1 if there is no such lock or timeout_ns have passed.
 */
int io_lock_dir(struct io_store *s, const char *dir, int64_t timeout_ns);
/* A new file without a name in an open directory, for reading and writing: it vanishes
 * with its last descriptor.  -1, and errno tells why. */
int io_open_nameless(int dir, mode_t mode);
MUST_CHECK struct err *io_mkdir(struct io_store *s, const char *dir);

#endif
