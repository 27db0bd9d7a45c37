// SPDX-License-Identifier: Apache-2.0
/*
 * table.h: a Lance dataset: its versions, their rows, and commits.
 *
 * A table is an open dataset directory.  A version is one manifest: the schema,
 * the fragments, and for each fragment the data files that hold its columns.
 * A version is immutable and reference counted; readers take no lock after they
 * have one, and two reads through one version never see two states.
 *
 * Rows of a version are counted from 0 over its live rows, fragments in
 * manifest order, deleted rows left out.  Row offsets are positions within a
 * fragment, deleted rows included.
 *
 * A commit writes data files first, then a transaction file, then the manifest
 * of the next version under a name that must not exist.  Whoever loses that race
 * rebuilds on the new latest version and tries again.
 *
 * Any thread may use a table and a version.
 * Source: table.proto, transaction.proto; Lance's docs, "Table Format".
 */
#ifndef LANCEFS_TABLE_TABLE_H
#define LANCEFS_TABLE_TABLE_H

#include "file/file.h"
#include "table/cleanup.h"
#include "table/compact.h"

struct table;
struct version;

/* --- directories that files outside of a dataset may lie in --- */

/*
 * A dataset may name files anywhere: base paths that its data files lie in, as those of
 * a clone do, and blobs that stay where they were.  Those outside of the dataset are
 * read if they lie in one of these directories, and are refused (EOPNOTSUPP) if not.
 * Immutable; any thread may use them.
 */
struct roots;
/* Hold directories: paths separated by ':', or "".  The errors of opening one. */
MUST_CHECK struct err *roots_open(const char *list, struct roots **ret);
struct roots *roots_ref(struct roots *r); /* accepts NULL */
void roots_unref(struct roots *r);	  /* accepts NULL */
DEFINE_AUTO(roots, roots_unref)

/* --- tables --- */

struct table_options {
	const struct log *log; /* borrowed for the table's life; may be NULL */
	struct roots *roots;   /* referenced; NULL: nothing outside is read */
	const char *branch;    /* of the dataset; NULL: what store is */
};

/*
 * Open a dataset, or the branch of one whose directory store is.  store is referenced.
 * Errors: ENOENT "not a Lance dataset", or no such branch; EOPNOTSUPP an unknown reader
 * feature flag (named), EIO a broken manifest.
 */
MUST_CHECK struct err *table_open_with(struct io_store *store,
				       const struct table_options *options,
				       struct table **ret);
/* The same with a log alone. */
MUST_CHECK struct err *table_open(struct io_store *store, const struct log *log,
				  struct table **ret);
struct table *table_ref(struct table *t);
void table_unref(struct table *t);
DEFINE_AUTO(table, table_unref)

struct io_store *table_store(struct table *t);	  /* borrowed */
const struct log *table_log(struct table *t);	  /* borrowed, may be NULL */
struct roots *table_roots(const struct table *t); /* borrowed, may be NULL */

/* The latest version as last seen, without I/O. */
struct version *table_latest(struct table *t);
/* List _versions/ and load the newest if it is new: one readdir. */
MUST_CHECK struct err *table_refresh(struct table *t);
/* A version by number.  ENOENT if there is none. */
MUST_CHECK struct err *table_version(struct table *t, uint64_t number,
				     struct version **ret);
/* All version numbers, ascending; the caller frees the array. */
MUST_CHECK struct err *table_list_versions(struct table *t, uint64_t **ret,
					   size_t *ret_n);

/*
 * From now on tell other processes, their cleanups, which versions this one has open:
 * the latest, those that were handed out in the last minute, and those that are held.
 * Before others use the table.  Does nothing where the dataset cannot be written.
 */
MUST_CHECK struct err *table_hold_leases(struct table *t);
/* A version that is in use until it is let go.  One that was cleaned up, but whose
 * files others share, holds all that are in use. */
struct version_hold {
	struct table *table; /* borrowed; NULL: nothing is held */
	uint64_t number;
};
MUST_CHECK struct err *version_hold(struct version *v, struct version_hold *ret);
void version_let_go(struct version_hold *h); /* accepts zeroed */
#define AUTO_HOLD __attribute__((cleanup(version_let_go)))

struct table_tag {
	char *name;
	char *branch; /* whose version it is; NULL: the main branch's */
	uint64_t version;
};
/* Tags, by name; tags_free releases. */
MUST_CHECK struct err *table_list_tags(struct table *t, struct table_tag **ret,
				       size_t *ret_n);
void tags_free(struct table_tag *tags, size_t n);

/* --- branches --- */

/*
 * A branch is a table of its own in tree/NAME/ of the dataset, whose first version is
 * a copy of a version's manifest; its files stay where they are.  table_open() opens
 * one by its directory too.
 */
struct table_branch {
	char *name;
	char *parent;		 /* NULL: the main branch */
	uint64_t parent_version; /* which it began as */
	int64_t time_ns;	 /* when it was made */
	uint64_t key;		 /* another one of this name has another */
};
/* The branches of the dataset, by name; branches_free releases. */
MUST_CHECK struct err *table_list_branches(struct table *t, struct table_branch **ret,
					   size_t *ret_n);
void branches_free(struct table_branch *branches, size_t n);
/* The name of the branch that a table is, NULL: the main one.  Borrowed. */
const char *table_branch_name(const struct table *t);
/* Another branch of the dataset.  ENOENT if there is none of that name. */
MUST_CHECK struct err *table_open_branch(struct table *t, const char *name,
					 struct table **ret);
/* Make a branch that begins as a version of t.  EEXIST, EINVAL for a name that Lance
 * does not take, ENOENT for a version that is not there. */
MUST_CHECK struct err *table_create_branch(struct table *t, const char *name,
					   uint64_t version);

/* --- versions --- */

struct version *version_ref(struct version *v);
void version_unref(struct version *v);
DEFINE_AUTO(version, version_unref)

uint64_t version_number(const struct version *v);
int64_t
version_time_ns(const struct version *v); /* since the epoch, its writer's clock */
enum lance_version version_storage(const struct version *v);
uint64_t version_rows(const struct version *v);	   /* live rows */
uint64_t version_deleted(const struct version *v); /* deleted rows still there */
uint64_t version_bytes(const struct version *v);   /* of its data files */
size_t version_n_files(const struct version *v);   /* data files */
size_t version_n_fields(const struct version *v);  /* top-level fields */
struct field *version_field(const struct version *v, size_t i); /* borrowed */
/* By name; NULL if there is none.  Borrowed. */
struct field *version_find_field(const struct version *v, const char *name);
/*
 * Columns that Lance computes, not among the fields: _rowid, _rowaddr, _rowoffset,
 * _row_created_at_version, _row_last_updated_at_version; uint64, read like others,
 * never written.  NULL for any other name.  Borrowed.
 */
struct field *version_system_field(const struct version *v, const char *name);
/* Their names, which no column should have; NULL past the last. */
const char *system_field_name(size_t i);
bool field_is_system(const struct field *f);
/* EOPNOTSUPP, naming the flag or the reason, if we must not commit on top. */
MUST_CHECK struct err *version_check_writable(const struct version *v);
/* "lance 14.0.2"; borrowed. */
const char *version_writer(const struct version *v);

struct fragment_info {
	uint64_t id;
	uint64_t first_row;	/* row of its first live row */
	uint64_t physical_rows; /* deleted ones included */
	uint64_t n_deleted;
	size_t n_files;
};
size_t version_n_fragments(const struct version *v);
void version_fragment(const struct version *v, size_t i, struct fragment_info *ret);
/* The index of the fragment of that id; false: there is none. */
bool version_find_fragment(const struct version *v, uint64_t id, size_t *ret);
/* What the values of a column stand on in fragment i: as version_column_key, but not
 * which of its rows are deleted. */
uint64_t version_fragment_key(const struct version *v, size_t i, const struct field *f);
/* Has fragment i a data file with the column, or a part of it?  If not it is null. */
bool version_fragment_has(const struct version *v, size_t i, const struct field *f);
/* Some columns that were computed from others. */
struct computed_columns {
	struct field *const *outputs, *const *inputs; /* borrowed */
	size_t n_outputs, n_inputs;
};
/*
 * Fragments of v that hold rows which were updated, and moved, after version `from`,
 * with other inputs and the outputs that they had: as far as the versions in between
 * tell.  Ids in no order, the caller frees them.
 */
MUST_CHECK struct err *table_moved_fragments(struct table *t, uint64_t from,
					     const struct version *v,
					     const struct computed_columns *c,
					     uint64_t **ret, size_t *ret_n);
/* A file of a dataset: the table's own, of another of its branches, or outside of it.
 */
struct file_place {
	struct io_store *store; /* borrowed from the table; NULL: nowhere */
	char *path;		/* owned */
};
static inline void auto_file_place(struct file_place *p)
{
	free(p->path);
}
#define AUTO_PLACE __attribute__((cleanup(auto_file_place)))
/* Data file k of fragment i (indices). */
MUST_CHECK struct err *version_data_file(const struct version *v, size_t i, size_t k,
					 struct file_place *ret);
/* Append the deleted offsets of fragment i, one a line. */
MUST_CHECK struct err *version_deleted_rows(struct version *v, size_t i,
					    struct buf *out);
/* Name i of the indices, each once; NULL past the last.  The caller's. */
MUST_CHECK struct err *version_index_name(struct version *v, size_t i, char **ret);
struct index_file {
	char *name; /* owned */
	uint64_t bytes;
};
/* A part of an index, which is of some fragments. */
struct index_segment {
	char *name;	    /* owned; of the index */
	char uuid[37];	    /* of its directory in _indices/ */
	char *type;	    /* owned; "BTree", "IVF_PQ", … */
	const char *metric; /* of a vector index: "l2", …; NULL: not known */
	char **columns;	    /* owned, each too; "a.b" of a member */
	size_t n_columns;
	uint64_t version;	  /* which it was made from */
	int64_t created_ms;	  /* since the epoch; 0: not known */
	struct index_file *files; /* owned; by name; none if they are not found */
	size_t n_files, files_cap;
	uint64_t bytes;		      /* of all files */
	bool is_covered_known;	      /* the two below are */
	uint64_t n_fragments, n_rows; /* of the version, live, that it answers for */
};
struct index_segments {
	struct index_segment *items; /* owned */
	size_t n;
};
/* The segments of the index of that name, of all if NULL. */
MUST_CHECK struct err *version_index_segments(struct version *v, const char *name,
					      struct index_segments *ret);
void index_segments_fini(struct index_segments *l); /* accepts zeroed */
#define AUTO_INDEX_SEGMENTS __attribute__((cleanup(index_segments_fini)))

/*
 * What the values of a column stand on: data files, their columns and deletion
 * files of all fragments, and the field's id and type.  Equal keys mean equal
 * bytes, across versions.
 */
uint64_t version_column_key(const struct version *v, const struct field *f);
/* What else a file that shows the field may tell: names, nullability, metadata of
 * the field and all below it. */
uint64_t field_shape_key(const struct field *f);
/* When a column last changed, by its files; ns since the epoch. */
MUST_CHECK struct err *version_column_time(struct version *v, const struct field *f,
					   int64_t *ret);
/*
 * If the column's files were made by a compaction: the version before it, and the field
 * there (borrowed from it), which has the same values; it may have been compacted
 * itself.  ns is its time by its files.  *ret stays NULL if they were not, or that is
 * not known any more.  Cost: a few manifests.
 */
MUST_CHECK struct err *version_before_compaction(struct version *v,
						 const struct field *f, int64_t ns,
						 struct version **ret,
						 struct field **ret_field);
/* Bytes on disk of a column, over all fragments. */
MUST_CHECK struct err *version_column_bytes(struct version *v, const struct field *f,
					    uint64_t *ret);

/*
 * Live rows [first, end) of a top-level field, as an array the caller owns; not
 * of blobs (EOPNOTSUPP), which are read one by one.
 * Errors name version, fragment, column and file; ESTALE if a file of this
 * version was removed meanwhile.  Cost: the pages of those rows.
 */
MUST_CHECK struct err *version_read(struct version *v, const struct field *f,
				    uint64_t first, uint64_t end, struct array **ret);

/* Which of live rows [first, end) are null: a byte a row, 1 for null.  Reads
 * no large values. */
MUST_CHECK struct err *version_read_nulls(struct version *v, const struct field *f,
					  uint64_t first, uint64_t end,
					  uint8_t *is_null);

/* The bytes of a blob, open for reading. */
struct blob {
	struct io_file *file; /* owned reference; NULL: the value is null */
	uint64_t offset, size;
};
/*
 * The blob of one live row of a field for which field_is_blob.  Reads its
 * descriptor only.  EIO if it lies past the end of its file, or that file is not there;
 * EOPNOTSUPP if it is neither in the dataset nor in one of the roots.
 */
MUST_CHECK struct err *version_blob(struct version *v, const struct field *f,
				    uint64_t row, struct blob *ret);
/* Bytes from off on, at most len of them, fewer only at the end of the blob. */
MUST_CHECK struct err *blob_read(const struct blob *b, uint64_t off, size_t len,
				 void *dst, size_t *ret_len);
void blob_fini(struct blob *b); /* accepts zeroed */

/*
 * The reverse of a scan, for writers: values of the live rows [first_live,
 * first_live + values->n_rows) of fragment i (an index, not an id), counted
 * within it, as an array of all its offsets from the first of them up to the
 * next live row; offsets of deleted rows repeat a neighbour.  Consecutive calls
 * cover all physical rows.
 */
MUST_CHECK struct err *version_expand(struct version *v, size_t i, uint64_t first_live,
				      struct array *values, struct array **ret);

/* --- what versions did --- */

struct version_summary {
	uint64_t number;
	int64_t time_ns;
	uint64_t rows;
	size_t n_fields;
	uint64_t bytes;
	char operation[32]; /* "Merge"; "unknown" if the transaction is gone */
	char *message;	    /* its commit message, NULL if none; owned */
};
MUST_CHECK struct err *table_summary(struct table *t, uint64_t number,
				     struct version_summary *ret);
void version_summary_fini(struct version_summary *s);

/* --- checking --- */

struct verify_options {
	bool is_deep; /* decode every value */
	/* A problem, as a sentence. */
	void (*found)(void *ctx, const char *text);
	/* A data file that no version refers to. */
	void (*note)(void *ctx, const char *file);
	void *ctx;
};

/*
 * Check a version against its files.  ret receives the number of problems; an
 * error means that checking itself failed.  Cost: a footer a data file; deep:
 * everything, in bounded memory.
 */
MUST_CHECK struct err *version_verify(struct version *v,
				      const struct verify_options *options,
				      uint64_t *ret_n_found);

/* --- commits --- */

/* A finished data file for one fragment. */
struct column_file {
	uint64_t fragment_id;
	uint64_t physical_rows;
	char *name; /* within data/; owned */
	struct file_written written;
	bool is_unused; /* out: no version names it, the caller removes it */
};

/* A column that a commit adds or replaces. */
struct new_column {
	struct field *field; /* name, type, metadata; its ids are those in the files;
			      * owned by who made it */
	const struct field *replaces; /* the field of base it takes the place of, or
				       * NULL; borrowed */
};

struct column_commit {
	struct version *base;		  /* what the files were made for; borrowed */
	const struct new_column *columns; /* borrowed; all are in each file */
	size_t n_columns;
	/* Borrowed; one for each fragment of base, or none at all: new columns are
	 * null.
	 */
	struct column_file *files;
	size_t n_files;
	const char *message; /* for the transaction; may be NULL */
	bool is_published;   /* out: the files are, or may be, part of a version */
};

/*
 * The id a new field gets on top of v: above every id in the schema, in data
 * files (a dropped column may still share a file) and in indices.
 */
MUST_CHECK struct err *version_next_field_id(const struct version *v, int32_t *ret);

/* A fresh data file name, "….lance". */
MUST_CHECK struct err *data_file_name(char **ret);

/*
 * Add or replace columns in one version, durable on return, rebasing over
 * commits of others.  Fragments appended meanwhile lack the columns; EBUSY if
 * a fragment was rewritten or a column changed meanwhile.  ret receives the
 * new version.  The data files stay, whatever happens: on an error the caller
 * removes them, unless .is_published.
 */
MUST_CHECK struct err *table_commit_columns(struct table *t,
					    struct column_commit *commit,
					    struct version **ret);

/* Values of columns that are there, for some fragments: one file each, with all its
 * physical rows. */
struct column_fill {
	struct version *base;	     /* what they were computed from; borrowed */
	struct field *const *fields; /* of base; all are in each file; borrowed */
	size_t n_fields;
	struct field *const *inputs; /* of base; what they were computed from */
	size_t n_inputs;
	struct column_file *files; /* borrowed */
	size_t n_files;
	const char *message; /* for the transaction; may be NULL */
	bool is_published;   /* out: the files are, or may be, part of a version */
};

/*
 * Put values in the place of those that the fragments have, if any, in one version,
 * durable on return; rows and columns that others commit stay.  Files of fragments that
 * are gone, or whose inputs or values were changed meanwhile, are marked .is_unused and
 * left out: the caller removes them and computes anew.  ret receives the new version,
 * or the latest if all were left out.  ENOENT if a column is gone.  The data files
 * stay, as with table_commit_columns.
 */
MUST_CHECK struct err *table_fill_columns(struct table *t, struct column_fill *fill,
					  struct version **ret);

/* Rows that come as new fragments, a file each. */
struct row_commit {
	struct version *base;	   /* whose fields the files hold; borrowed */
	struct column_file *files; /* borrowed; their fragment ids are not looked at */
	size_t n_files;
	const char *message; /* for the transaction; may be NULL */
	bool is_published;   /* out: the files are, or may be, part of a version */
};

/*
 * Append rows in one version, durable on return.  Columns that came or went meanwhile
 * are null, or left; EBUSY if the table was overwritten or restored, or a column that
 * the files lack must not be null.  ret receives the new version.  The data files stay,
 * as with table_commit_columns.
 */
MUST_CHECK struct err *table_commit_rows(struct table *t, struct row_commit *commit,
					 struct version **ret);

/* --- changes of rows --- */

/* Rows of a version that were picked: offsets of its fragments.  One thread at a
 * time. */
struct row_choice;

/* None of v, which is referenced. */
MUST_CHECK struct err *row_choice_new(struct version *v, struct row_choice **ret);
void row_choice_free(struct row_choice *c); /* accepts NULL */
DEFINE_AUTO(row_choice, row_choice_free)
/* Add n live rows, counted over the version. */
MUST_CHECK struct err *row_choice_add(struct row_choice *c, const uint64_t *rows,
				      size_t n);
uint64_t row_choice_count(const struct row_choice *c);
/* How many of fragment i (an index, not an id). */
uint64_t row_choice_count_in(const struct row_choice *c, size_t i);

struct row_deletion {
	struct row_choice *rows; /* of the version that was looked at; borrowed */
	const char *predicate;	 /* what chose them, for other writers; or NULL */
	const char *message;	 /* for the transaction; may be NULL */
};

/*
 * Delete rows in one version, durable on return.  Rows that others deleted from the
 * same fragments meanwhile stay deleted; EBUSY if one of these rows was, or the data of
 * its fragment has changed: choose anew from what is there now.  ret receives the new
 * version.
 */
MUST_CHECK struct err *table_delete_rows(struct table *t,
					 const struct row_deletion *deletion,
					 struct version **ret);

/* New values of columns, in place: one file for each fragment that has rows of .rows,
 * with all its physical rows. */
struct column_rewrite {
	struct row_choice *rows;   /* whose values are new; borrowed */
	struct column_file *files; /* borrowed; the fields in them are of the version
				    * that .rows is of, the same in each */
	size_t n_files;
	const char *message; /* for the transaction; may be NULL */
	bool is_published;   /* out: the files are, or may be, part of a version */
};

/*
 * Put new values in the place of old ones, in one version, durable on return.  EBUSY if
 * the data of one of these fragments has changed, or one of these rows was deleted:
 * compute them anew from what is there now.  ret receives the new version.  The data
 * files stay, as with table_commit_columns.
 */
MUST_CHECK struct err *table_rewrite_columns(struct table *t,
					     struct column_rewrite *rewrite,
					     struct version **ret);

/* Rows that leave their fragments and come as new ones, with new values. */
struct row_move {
	struct row_choice *rows;   /* which; borrowed */
	struct column_file *files; /* borrowed; all fields of the version that .rows is
				    * of, of these rows, in order */
	size_t n_files;
	struct field *const *changed; /* borrowed; those that have new values */
	size_t n_changed;
	const char *message; /* for the transaction; may be NULL */
	bool is_published;   /* out: the files are, or may be, part of a version */
};

/* Move rows to the end in one version, as table_rewrite_columns; they keep their stable
 * ids. */
MUST_CHECK struct err *table_move_rows(struct table *t, struct row_move *move,
				       struct version **ret);

/* --- new tables --- */

struct new_table {
	struct field *const *fields; /* borrowed, with the ids that are in the files */
	size_t n_fields;
	enum lance_version storage;
	struct column_file *files; /* borrowed; a fragment each */
	size_t n_files;
	bool is_published; /* out: the files are, or may be, part of a version */
};
/*
 * Version 1 of a table, durable on return, where there is none: store is a directory
 * that holds the data files and nothing else.  EEXIST if there is a table.
 */
MUST_CHECK struct err *table_create(struct io_store *store, const struct log *log,
				    struct new_table *spec, struct table **ret);

/* --- changes of the schema and of references --- */

/*
 * Rename a field: a column, or by a path "a.b" a member of a struct.  message goes to
 * the history and may be NULL.  ret receives the new version, or the latest if it has
 * that name already.  ENOENT, EEXIST, EINVAL for names that Lance does not take.
 */
MUST_CHECK struct err *table_rename_field(struct table *t, const char *path,
					  const char *name, const char *message,
					  struct version **ret);
/* Drop n fields in one version.  ENOENT; EINVAL if nothing would be left. */
MUST_CHECK struct err *table_drop_fields(struct table *t, const char *const *paths,
					 size_t n, const char *message,
					 struct version **ret);

struct metadata_change {
	const char *key;
	const char *value; /* NULL: remove the key */
};
/* Change a field's metadata.  ret receives the new version, or the latest if it has
 * them already.  ENOENT; EINVAL for keys that say how the column is kept. */
MUST_CHECK struct err *table_describe_field(struct table *t, const char *path,
					    const struct metadata_change *changes,
					    size_t n, struct version **ret);
/* Make version `number` the newest again.  EBUSY if base is no longer the latest. */
MUST_CHECK struct err *table_restore(struct table *t, struct version *base,
				     uint64_t number, struct version **ret);
/* Name a version of the main branch.  EEXIST if the tag is there, EINVAL for a name
 * that Lance does not take, ENOENT for a version that is not there. */
MUST_CHECK struct err *table_set_tag(struct table *t, const char *name,
				     uint64_t version);
MUST_CHECK struct err *table_remove_tag(struct table *t, const char *name);

/* --- catalogs: directories of tables, as LanceDB keeps them --- */

struct catalog;

struct catalog_entry {
	char *name;	/* owned */
	char *location; /* owned; a table's directory; NULL: a namespace */
};
struct catalog_list {
	struct catalog_entry *items; /* owned */
	size_t n, cap;
};
void catalog_list_fini(struct catalog_list *l); /* accepts zeroed */

/* Is a directory not a dataset, but holds a table or a catalogue? */
MUST_CHECK struct err *catalog_found(struct io_store *store, bool *ret);
/* store is referenced; log is borrowed and may be NULL. */
MUST_CHECK struct err *catalog_open(struct io_store *store, const struct log *log,
				    struct catalog **ret);
void catalog_free(struct catalog *c); /* accepts NULL */
/*
 * What lies right in a namespace ("ns$deeper", "" for the root): tables that are
 * there now, and namespaces, by name; a table comes before a namespace of its name.
 * Cost: a listing of the directory, a stat a table; the catalogue is read once a
 * version of it.
 */
MUST_CHECK struct err *catalog_list(struct catalog *c, const char *namespace,
				    struct catalog_list *ret);

#endif
