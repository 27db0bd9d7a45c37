// SPDX-License-Identifier: Apache-2.0
/*
 * cleanup.h: removing what no version needs; part of table.h.
 *
 * A version stays if it is the latest, young, among the newest, tagged, or in use by a
 * process that has said so (lease.h); the others expire.  A file stays if a version
 * that stays, or any version of another branch, names it.  One that only expired
 * versions name goes; one that none names may belong to a commit on its way, and goes
 * once it is old.  What lies elsewhere, and what is not of the format, is never
 * touched.
 *
 * Manifests that expire are put out of sight first, under names that readers pass over,
 * then tags, branches and leases are looked at once more, then files go, and at last
 * the manifests: a process that dies in between leaves a table, and the next cleanup
 * goes on where that one was. Source: Lance's docs, "Cleanup"; observed with
 * pylance 14.0.2.
 */
#ifndef LANCEFS_TABLE_CLEANUP_H
#define LANCEFS_TABLE_CLEANUP_H

#include "base/base.h"

struct table;

enum cleanup_kind {
	CLEANUP_VERSIONS, /* manifests */
	CLEANUP_DATA,	  /* data files, and blobs that lie beside them */
	CLEANUP_DELETIONS,
	CLEANUP_TRANSACTIONS,
	CLEANUP_INDICES,
	CLEANUP_STAGING, /* names that writers give a file until it is whole */
	N_CLEANUP_KINDS,
};

/* Of the versions that stay: the first reason that holds. */
enum cleanup_reason {
	CLEANUP_RECENT, /* the latest, young, or among the newest */
	CLEANUP_TAGGED,
	CLEANUP_IN_USE,
	N_CLEANUP_REASONS,
};

struct cleanup_options {
	int64_t older_than_ns;	 /* versions that are older expire */
	uint64_t keep;		 /* but not the newest, so many; the latest never */
	int64_t unreferenced_ns; /* files that no version names go if they are older */
	bool is_dry_run;
	/* Before each step of the work: an error ends it, and is returned.  NULL: it
	 * is not asked. */
	struct err *(*step)(void *ctx, uint64_t done, uint64_t total);
	/* A field of a version that stays: its id, and the bytes of a value of its
	 * metadata, once for each (with none: NULL).  May be NULL. */
	struct err *(*field)(void *ctx, int32_t id, const void *value, size_t len);
	void *ctx;
};

struct cleanup_count {
	uint64_t n, bytes;
};

struct cleanup_result {
	struct cleanup_count removed[N_CLEANUP_KINDS]; /* dry run: that would be */
	struct cleanup_count waiting; /* files without a version that are too young */
	uint64_t kept[N_CLEANUP_REASONS]; /* versions */
	uint64_t n_failed;		  /* files that could not be removed */
	/* Of all files in the dataset's directory but those of _lancefs/. */
	uint64_t bytes_before, bytes_after;
};

/*
 * Clean up one branch.  ret is what was done, also on failure.
 *
 * Errors: EIO, EOPNOTSUPP if a manifest, a tag or a branch of the dataset cannot be
 * understood: nothing is removed then; what .step says; the first reason why a file
 * could not be removed, after all others were.
 * Cost: each manifest is read once; memory follows the number of files.
 */
MUST_CHECK struct err *table_cleanup(struct table *t, const struct cleanup_options *o,
				     struct cleanup_result *ret);

#endif
