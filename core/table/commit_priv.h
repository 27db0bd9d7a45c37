// SPDX-License-Identifier: Apache-2.0
/*
 * commit_priv.h: changes, which commit.c makes versions of.
 *
 * To add one: write a function that applies it to an attempt and hand it to
 * change_commit() in a struct change.
 */
#ifndef LANCEFS_TABLE_COMMIT_PRIV_H
#define LANCEFS_TABLE_COMMIT_PRIV_H

#include "table/table_priv.h"

/* One attempt: the next manifest and what goes with it. */
struct attempt {
	struct table *table;		  /* borrowed */
	struct version *latest;		  /* owned; what the change goes on top of */
	Lance__Table__Manifest *manifest; /* owned; a copy of latest's, to change; its
					   * version is the next one already */
	Lance__Table__IndexSection *indices; /* owned; may be NULL */
	struct bytes *raw;		     /* owned; the file that was published */
	char uuid[UUID_TEXT_LEN + 1];
	bool is_unchanged; /* out: there is nothing to commit */

	/* Out: what was done, for other writers; may borrow from manifest and from the
	 * change's context. */
	Lance__Table__Transaction tx;
	union {
		Lance__Table__OpMerge merge;
		Lance__Table__OpProject project;
		Lance__Table__OpRestore restore;
		Lance__Table__OpUpdateConfig config;
		Lance__Table__OpAppend append;
		Lance__Table__OpDelete delete_;
		Lance__Table__OpUpdate update;
		Lance__Table__OpOverwrite overwrite;
		Lance__Table__OpDataReplacement data_replacement;
		Lance__Table__OpRewrite rewrite;
	} op; /* room for tx's message */
};

struct change {
	/* Apply to a->manifest and a->indices, and tell it in a->tx.  EBUSY if it no
	 * longer fits.  Called again, with a new attempt, when a race was lost. */
	struct err *(*apply)(void *ctx, struct attempt *a);
	void *ctx;
	const char *message;	/* in the history; may be NULL */
	struct version *base;	/* what it was made from, borrowed; NULL: nothing, apply
				 * looks all up in the latest version */
	bool makes_schema_anew; /* columns renamed and dropped meanwhile do no harm */
	bool is_published;	/* out: there is, or may be, a version with it */
};

/* Commit on top of the latest version, durable on return; ret receives the new version,
 * or the latest if nothing was to be changed. */
MUST_CHECK struct err *change_commit(struct table *t, struct change *c,
				     struct version **ret);

/* --- what changes share --- */

/* Make a->manifest the next version's: number, flags, writer, time; done before apply,
 * and by whoever puts another manifest there. */
MUST_CHECK struct err *attempt_set_header(struct attempt *a);

/* The same for a manifest alone, made from version read_version. */
MUST_CHECK struct err *manifest_set_header(Lance__Table__Manifest *m,
					   uint64_t read_version, const char *uuid);
/* data_format of a version that is written. */
MUST_CHECK struct err *manifest_set_storage(Lance__Table__Manifest *m,
					    enum lance_version storage);

/* Now. */
MUST_CHECK struct err *manifest_set_time(Lance__Table__Manifest *m);
MUST_CHECK struct err *proto_set_string(char **field, const char *value);
/* What a manifest says of a finished data file; the ids are those in the file. */
MUST_CHECK struct err *data_file_new(const struct column_file *file,
				     enum lance_version version,
				     Lance__Table__DataFile **ret);
/* A fragment's rows, all of them last changed (created, too) in that version. */
MUST_CHECK struct err *fragment_set_updated(Lance__Table__DataFragment *f,
					    uint64_t version);
MUST_CHECK struct err *fragment_set_created(Lance__Table__DataFragment *f,
					    uint64_t version);
/* The same of some of its rows, whose offsets these are. */
MUST_CHECK struct err *fragment_set_rows_updated(Lance__Table__DataFragment *f,
						 const struct row_set *rows,
						 uint64_t version);
/* Its rows get the stable ids from first on. */
MUST_CHECK struct err *fragment_set_row_ids(Lance__Table__DataFragment *f,
					    uint64_t first);
/* A fragment's file for columns, in the place of those that had them.  Takes file. */
MUST_CHECK struct err *fragment_put_file(Lance__Table__DataFragment *f,
					 Lance__Table__DataFile *file,
					 const Lance__Table__Manifest *m);
/* A new fragment of a finished file, without lineage.  *ret is borrowed from m. */
MUST_CHECK struct err *manifest_add_fragment(Lance__Table__Manifest *m,
					     const struct column_file *file,
					     enum lance_version storage,
					     Lance__Table__DataFragment **ret);
/* EBUSY if whole rows made for base cannot be added to latest: others declared a column
 * not null meanwhile. */
MUST_CHECK struct err *rows_check_fields(const struct version *base,
					 const struct column_file *file,
					 const struct version *latest);
/* Has a fragment the same data files with the same columns? */
bool fragment_has_same_files(const Lance__Table__DataFragment *a,
			     const Lance__Table__DataFragment *b);
/* The flag that deletion files want, if there are any. */
void manifest_flag_deletions(Lance__Table__Manifest *m);
/* Remove files without any field of m's schema. */
void fragment_drop_dead_files(Lance__Table__DataFragment *f,
			      const Lance__Table__Manifest *m);

#endif
