// SPDX-License-Identifier: Apache-2.0
/*
 * staging_priv.h: one file that is being written, and the rules of its commit.
 */
#ifndef LANCEFS_STAGING_PRIV_H
#define LANCEFS_STAGING_PRIV_H

#include "fs.h"

/* --- staging_rules.c: pure decisions --- */

/* What is known when a file is flushed, synced or released. */
struct flush_facts {
	bool is_release; /* the last close; else a flush or fsync */
	bool is_fsync;
	bool is_held;	     /* a file without an end has other descriptors */
	bool has_no_end;     /* only its last close says that all is there */
	bool is_scratch;     /* a name that is no column's */
	bool is_settled;     /* committed, failed or removed already */
	bool has_bytes;	     /* anything was ever written */
	bool is_header_only; /* a header, and no row of a table that has rows */
	bool is_complete;    /* the structure ends, the row count fits */
	bool has_holes;	     /* bytes below the size were never written */
	bool by_opener; /* the flusher's process opened the file, or nobody knows */
	bool opener_lives;
	bool writer_failed; /* the (last) flusher is dying of a signal or a failure */
};

enum flush_verdict {
	FLUSH_NOTHING,	  /* success, nothing happens */
	FLUSH_COMMIT,	  /* now; its result is the answer */
	FLUSH_INCOMPLETE, /* EINVAL now, more bytes may come */
	FLUSH_REJECT,	  /* what is there goes to rejected/ */
};

enum flush_verdict flush_decide(const struct flush_facts *f);

/* Names under which programs write before they rename: ".x", "#x", "x~",
 * "x.tmp", "x.part", "x.swp", "x.swx", "x.bak", "sedXXXXXX", "XXXXXXXX", "4913". */
bool name_is_scratch(const char *name);

/* --- extents.c: which bytes were written --- */

struct extent {
	uint64_t first, end;
};

struct extents {
	struct extent *items; /* owned; sorted, disjoint, not adjacent */
	size_t n, cap;
};

MUST_CHECK struct err *extents_add(struct extents *e, uint64_t first, uint64_t end);
/* The file was cut to size; what lies behind was never written. */
void extents_cut(struct extents *e, uint64_t size);
bool extents_cover(const struct extents *e, uint64_t size);
void extents_fini(struct extents *e);

/* --- places.c --- */

/*
 * What becomes of the files that are made in a directory.
 *
 * To add one: a row in places.c, and .drops of the directory's node_ops.
 */
struct drop_place {
	const char *name;     /* of the directory; of joins/KEY owned */
	bool brings_programs; /* of who may */
	bool holds_columns;   /* names are columns', which may be there already */
	/* Begin the import of s->base that a file of this name is. */
	struct err *(*begin)(struct staged *s, const char *name);
	char *key;		 /* owned; of joins/KEY: the column */
	struct drop_place *next; /* owned; of another key */
};

/* --- staged.c --- */

enum staged_state { STAGED_OPEN, STAGED_COMMITTED, STAGED_FAILED, STAGED_REMOVED };

struct staged {
	atomic_int refs;
	struct mount *mount; /* borrowed */
	const struct drop_place *place;
	uint64_t id;
	pid_t opener;	       /* process; 0 unknown */
	char *name;	       /* read under either lock, set under both; owned */
	atomic_bool is_hidden; /* incomplete at its last flush */
	atomic_bool replaces;  /* the latest version had the column at create */

	pthread_mutex_t lock;	 /* serialises this file's writers; held over I/O */
	enum staged_state state; /* all below: guarded by .lock */
	bool is_scratch;
	int fd;		    /* the spool file; -1 if there is none */
	struct view *aside; /* owned; a live column's bytes under a scratch name */
	bool is_untouched;  /* .aside are the bytes that it is about to replace: some
			     * programs open a file first and cut it later */
	uint64_t shown_ino; /* stat's number, that of the column which is replaced: vim
			     * compares; 0: its own */
	uint64_t size;
	struct extents written;
	bool is_sequential;	 /* .import has seen exactly bytes [0, size) */
	bool is_streamed;	 /* large: only .import has the bytes, not the spool */
	struct import *import;	 /* owned; NULL for scratch names */
	struct version *base;	 /* owned reference; the rows expected */
	struct type *type;	 /* owned reference; set by an attribute */
	struct field *described; /* owned; NULL or what carries metadata that
				  * attributes set */
	unsigned n_open;
	bool writer_failed;
	int64_t mtime_ns; /* 0: not set */
	bool has_mtime;
	int64_t closed_ns;    /* monotonic time of the last close */
	struct version *done; /* owned reference; the version that has the column */
	char *column;	      /* owned; the column's name, after the commit */
	struct err *failure;  /* owned; what a failed file answers from then on */
};

struct staging {
	struct mount *mount; /* borrowed */
	pthread_mutex_t lock;
	struct staged **items; /* guarded by .lock; owned references */
	size_t n, cap;
	uint64_t next_id; /* guarded by .lock */
	struct expected {
		uint64_t ino;
		pid_t tid;
		int64_t until_ns;
	} expected[16]; /* guarded by .lock */
	unsigned next_expected;
};

/* A new staged file over a spool descriptor (taken; -1: made when needed). */
MUST_CHECK struct err *staged_new(struct mount *m, const struct drop_place *place,
				  const char *name, pid_t pid, struct staged **ret);
/* Forget it in listings; it lives on while open. */
void staging_detach(struct mount *m, struct staged *s);
/* A new unlinked spool file. */
MUST_CHECK struct err *spool_open(struct mount *m, int *ret_fd);
/* Commit a scratch or rejected file as the column that its name says; on an
 * error it is what it was.  .lock held. */
MUST_CHECK struct err *staged_commit_as(struct staged *s);
/* Begin parsing as the column that its name says. */
MUST_CHECK struct err *staged_begin(struct staged *s);
/* The same for a file that has bytes and got another name; .lock held. */
MUST_CHECK struct err *staged_begin_anew(struct staged *s);
/* Keep what is there in rejected/, with the reason; .lock held. */
void staged_keep(struct staged *s, const struct err *why);

#endif
