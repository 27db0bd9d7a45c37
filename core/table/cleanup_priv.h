// SPDX-License-Identifier: Apache-2.0
/*
 * cleanup_priv.h: the parts of a cleanup.
 *
 * cleanup.c         the order of things        cleanup_mark.c    what a version names
 * cleanup_list.c    the files that are there   cleanup_keep.c    which versions stay
 * cleanup_remove.c  removing them              cleanup_walk.c    bytes, and branches
 */
#ifndef LANCEFS_TABLE_CLEANUP_PRIV_H
#define LANCEFS_TABLE_CLEANUP_PRIV_H

#include "table/branches_priv.h"
#include "table/table_priv.h"

/* --- cleanup_list.c: the files that are there --- */

/* What a manifest names: a file, or a directory with all in it. */
struct cleanup_name {
	const char *text;  /* within the table's directory; owned by the list */
	int64_t newest_ns; /* mtime, of what belongs to it */
	bool is_kept;	   /* a version that stays names it */
	bool is_expired;   /* one that goes names it */
};

/* Something that may be removed: a file, or a directory once it is empty. */
struct cleanup_file {
	char *path;    /* owned; within the table's directory */
	uint32_t name; /* index of what it belongs to */
	bool is_dir;
	enum cleanup_kind kind;
	uint64_t bytes;
};

struct cleanup_list {
	struct cleanup_file *files; /* owned; what is in a directory before it */
	size_t n_files, files_cap;
	struct cleanup_name *names; /* owned */
	size_t n_names, names_cap;
	uint32_t
		*slots; /* owned; a hash table of indices of names, plus one; 0: free */
	size_t n_slots; /* a power of two */
	char **texts;	/* owned; of names that are no file's path */
	size_t n_texts, texts_cap;
};
void cleanup_list_fini(struct cleanup_list *l); /* accepts zeroed */
/* Everything that cleanup knows how to remove, but manifests. */
MUST_CHECK struct err *cleanup_list_read(struct io_store *s, struct cleanup_list *ret);
/* A name of nothing, for sets of texts; *ret_is_new: it was not there. */
MUST_CHECK struct err *cleanup_list_add(struct cleanup_list *l, const char *text,
					bool *ret_is_new);
/* Borrowed until the list grows; NULL: nothing of that name is there. */
struct cleanup_name *cleanup_list_find(const struct cleanup_list *l, const char *text);

/* --- cleanup_walk.c --- */

struct cleanup_names {
	char **items; /* owned */
	size_t n, cap;
};
void cleanup_names_fini(struct cleanup_names *l);

/* The bytes of all files below the store's directory but those of _lancefs/. */
MUST_CHECK struct err *cleanup_bytes(struct io_store *s, uint64_t *ret);
/* Names of branches, by where versions lie below tree/: also of those that are being
 * made, or were left. */
MUST_CHECK struct err *cleanup_branches(struct io_store *root,
					struct cleanup_names *ret);

/* --- cleanup_keep.c: which versions stay --- */

enum cleanup_fate { FATE_UNKNOWN, FATE_EXPIRES, FATE_STAYS };

struct cleanup_version {
	uint64_t number;
	bool is_visible;
	bool is_hidden; /* it has a name that readers pass over */
	enum cleanup_fate fate;
	enum cleanup_reason reason; /* of one that stays */
	uint64_t bytes;		    /* of its manifest */
	int64_t time_ns;
};

struct cleanup_versions {
	struct cleanup_version *items; /* owned; ascending */
	size_t n, cap;
};

struct cleanup {
	struct table *table; /* borrowed, as .options and .result */
	const struct cleanup_options *options;
	struct cleanup_result *result;
	int64_t now_ns;	       /* since the epoch, at the start */
	uint64_t first_latest; /* the latest version at the start */
	char *prefix; /* owned; the table's place in its dataset: "" or "tree/x/" */
	struct cleanup_list list;
	struct cleanup_versions versions;
	/* Sets of texts. */
	struct cleanup_list others;  /* versions of other branches, and detached ones,
				      * that  were looked at */
	struct cleanup_list foreign; /* paths of bases that are in other datasets */
	struct err *failure; /* owned; why the first file could not be removed */
};

/* The name of a version that is out of sight, within _versions/. */
#define HIDDEN_PREFIX ".tmp_expired_"
MUST_CHECK struct err *hidden_path(uint64_t number, char **ret);

/*
 * Look at the versions, tags, leases and branches there are now, and mark what they
 * name.  A version that was to expire and is wanted now stays.
 */
MUST_CHECK struct err *cleanup_look(struct cleanup *c);
/* A step of the work: may it go on? */
MUST_CHECK struct err *cleanup_step(const struct cleanup *c, uint64_t done,
				    uint64_t total);

/* --- cleanup_mark.c: what a version names --- */

/* Mark what a manifest of a table names, in the list of the table that is cleaned. */
MUST_CHECK struct err *cleanup_mark(struct cleanup *c, struct version *v, bool stays);

/* --- cleanup_remove.c --- */

/* Put the versions that expire out of sight. */
MUST_CHECK struct err *cleanup_hide(struct cleanup *c);
/* EIO if one of them is to be seen all the same. */
MUST_CHECK struct err *cleanup_check_hidden(const struct cleanup *c);
/* Bring back those that stay; all: every one of this cleanup.  On an error some are not
 * back. */
MUST_CHECK struct err *cleanup_bring_back(struct cleanup *c, bool all);
/* Remove files, then the versions that are out of sight. */
MUST_CHECK struct err *cleanup_remove(struct cleanup *c);
/* Count what would be removed. */
void cleanup_count(struct cleanup *c);

#endif
