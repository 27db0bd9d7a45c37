// SPDX-License-Identifier: Apache-2.0
/*
 * io_priv.h: the vtable behind io.h.
 *
 * To add a backend: fill a struct io_ops, embed struct io_store, io_file and
 * io_writer in structs of its own, and offer one function that opens a store.
 * io.c does the checks, the counting and the messages' paths.
 */
#ifndef LANCEFS_IO_IO_PRIV_H
#define LANCEFS_IO_IO_PRIV_H

#include "io/io.h"

struct io_ops {
	struct err *(*open)(struct io_store *s, const char *path, struct io_file **ret);
	struct err *(*read)(struct io_file *f, uint64_t off, size_t len, void *dst);
	void (*close)(struct io_file *f);
	struct err *(*stat)(struct io_store *s, const char *path, bool *ret_found,
			    struct io_stat *ret);
	struct err *(*list)(struct io_store *s, const char *dir,
			    struct err *(*fn)(void *ctx, const char *name), void *ctx);
	struct err *(*scan)(struct io_store *s, const char *dir,
			    struct err *(*fn)(void *ctx, const struct io_entry *e),
			    void *ctx);
	struct err *(*create)(struct io_store *s, const char *path,
			      struct io_writer **ret);
	struct err *(*write)(struct io_writer *w, const void *p, size_t len);
	/* fdatasync and close; frees w */
	struct err *(*finish)(struct io_writer *w);
	/* close; frees w; the caller removes the file */
	void (*discard)(struct io_writer *w);
	struct err *(*publish)(struct io_store *s, const char *from, const char *to);
	struct err *(*replace)(struct io_store *s, const char *from, const char *to);
	struct err *(*sync_dir)(struct io_store *s, const char *dir);
	struct err *(*remove)(struct io_store *s, const char *path);
	struct err *(*remove_dir)(struct io_store *s, const char *dir, bool *ret_gone);
	struct err *(*mkdir)(struct io_store *s, const char *dir);
	struct err *(*open_dir)(struct io_store *s, const char *path,
				struct io_store **ret);
	struct err *(*statvfs)(struct io_store *s, struct statvfs *ret);
	bool (*writable)(struct io_store *s);
	int (*fd)(const struct io_store *s);
	void (*free)(struct io_store *s);
};

struct io_store {
	const struct io_ops *ops;
	atomic_int refs;
	char *name; /* owned */
	struct io_stats stats;
};

struct io_file {
	struct io_store *store; /* owned reference */
	atomic_int refs;
	char *path; /* owned */
	uint64_t size;
};

struct io_writer {
	struct io_store *store; /* owned reference */
	char *path;		/* owned */
	uint64_t written;	/* bytes taken, buffered ones included */
};

/* For backends: fill the common part. */
MUST_CHECK struct err *io_store_init(struct io_store *s, const struct io_ops *ops,
				     const char *name);
MUST_CHECK struct err *io_file_init(struct io_file *f, struct io_store *s,
				    const char *path, uint64_t size);
MUST_CHECK struct err *io_writer_init(struct io_writer *w, struct io_store *s,
				      const char *path);
void io_file_fini(struct io_file *f);
void io_writer_fini(struct io_writer *w);

#endif
