// SPDX-License-Identifier: Apache-2.0
/*
 * job.h: work that changes a table: columns come in or are computed, rows come in,
 * change and go.
 *
 * A column_writer takes arrays of live rows in order and writes one data file
 * a fragment, unreferenced until the commit.  A row_writer takes whole rows, which come
 * as new fragments.  An import stands before them
 * and takes the bytes of a file: it parses as they come, so that a bad value
 * fails early and large files are encoded once, while they stream.  A file that is
 * joined is kept until its end, and its columns go to the rows that have its keys.
 *
 * Each belongs to one thread at a time.
 */
#ifndef LANCEFS_JOB_JOB_H
#define LANCEFS_JOB_JOB_H

#include "format/format.h"
#include "job/backfill.h"
#include "job/jobs.h"
#include "job/maintain.h"
#include "query/query.h"
#include "udf/udf.h"

/* --- arrays in --- */

struct column_spec {
	const char *name;
	struct type *type;  /* borrowed for the call */
	const char *source; /* provenance: "file", "sql", "udf", "join" */
	const char *text;   /* provenance: the file's name, the expression; or NULL */
	/* LanceDB's computed column: what it is computed from, as a JSON list of names;
	 * .text is the expression.  NULL: it is none. */
	const char *computed_inputs;
	bool keeps_rules; /* what it replaces: its nullability and its metadata stay, of
			   * whatever type it is now */
};

struct column_writer;

/*
 * Begin n >= 1 columns of version base (referenced), which come in one version: new
 * ones, or replacements if base has the name.  EOPNOTSUPP if the table must not be
 * written or its file version cannot hold the type; EPERM if LanceDB declares a column
 * computed; EINVAL if two have one name.
 */
MUST_CHECK struct err *column_writer_open(struct table *t, struct version *base,
					  const struct column_spec *specs, size_t n,
					  struct column_writer **ret);
/* The next live rows, an array a column, of equal length.  EINVAL past the last row. */
MUST_CHECK struct err *column_writer_push(struct column_writer *w,
					  struct array *const *columns);
/* Metadata that column i shall have besides; not for keys that say how it is kept
 * or what made it, which are left out. */
MUST_CHECK struct err *column_writer_describe(struct column_writer *w, size_t i,
					      const char *key, const void *value,
					      size_t len);
/* What history says beside the commit.  Takes the text; NULL: nothing. */
void column_writer_note(struct column_writer *w, char *text);
/*
 * Finish the files and commit, durable on return.  Takes w; on failure its files
 * are removed.  EINVAL if rows are missing, EBUSY as table_commit_columns.  ret
 * receives the version that has the columns; base itself if they are replacements
 * that equal the present values (nothing is committed then).
 */
MUST_CHECK struct err *column_writer_commit(struct column_writer *w,
					    struct version **ret);
/* Remove the files.  Accepts NULL. */
void column_writer_abort(struct column_writer *w);
DEFINE_AUTO(column_writer, column_writer_abort)

/* Tells how far long work is; done and total are rows. */
struct job_progress {
	void (*tell)(void *ctx, uint64_t done, uint64_t total); /* may be NULL */
	void *ctx;
};

/*
 * Make a column's values another type's, under a new field id.  EINVAL, naming the
 * first row whose value does not fit.  ret as column_writer_commit.
 */
MUST_CHECK struct err *column_cast(struct table *t, struct version *base,
				   struct field *f, struct type *to,
				   const struct job_progress *progress,
				   struct version **ret);

/* --- columns by expressions --- */

struct added_column {
	const char *name;
	const char *text; /* SQL */
};

struct add_spec {
	const struct added_column *columns; /* borrowed, as all here */
	size_t n;
	struct type *type; /* what all of them are cast to; NULL: their own */
	const char *where; /* other rows are null; NULL: all rows are computed */
	bool is_computed;  /* they are declared as LanceDB's computed columns */
	struct job_progress progress;
};

/*
 * Add columns computed from others, in one version.  EEXIST if there is one of the
 * name, EINVAL for what an expression says or a row does not allow.  ret as
 * column_writer_commit.
 */
MUST_CHECK struct err *columns_add(struct table *t, struct version *base,
				   const struct add_spec *spec, struct version **ret);

/*
 * Compute columns that LanceDB declares as computed again, n by name or all of them if
 * names is NULL, in one version.  ENOENT; EINVAL for a column that is not computed,
 * EOPNOTSUPP for one that is not computed by SQL.  ret as column_writer_commit: base if
 * all values were right.
 */
MUST_CHECK struct err *columns_refresh(struct table *t, struct version *base,
				       const char *const *names, size_t n,
				       const struct job_progress *progress,
				       struct version **ret);

/* EEXIST, EINVAL: no new column can have the name. */
MUST_CHECK struct err *added_name_check(const struct version *base, const char *name);

/*
 * Add a column of a SELECT: its only one, with a row for each row of the table.  If the
 * rowid of the table can be selected with it rows may come in any order; else they are
 * taken as they come.  env's table is base.  EEXIST; EINVAL if rows are missing or come
 * twice.  ret as column_writer_commit.
 */
MUST_CHECK struct err *column_add_query(struct table *t, struct version *base,
					const struct query_env *env, const char *name,
					const char *sql, struct type *type,
					struct version **ret);

/* --- rows that change --- */

struct delete_spec {
	const char *where; /* SQL; which rows */
	struct job_progress progress;
};
/*
 * Delete the rows for which a condition is true; what others commit meanwhile is looked
 * at again.  EINVAL for what the condition says.  *ret_n: how many they are; if none,
 * nothing is committed and ret is the latest version.
 */
MUST_CHECK struct err *rows_delete(struct table *t, struct version *base,
				   const struct delete_spec *spec, uint64_t *ret_n,
				   struct version **ret);

/* Where new values of rows go. */
enum update_mode {
	UPDATE_BY_COST, /* in place, unless that writes far more */
	UPDATE_COLUMNS, /* rows stay in their places; of their fragments the columns
			 * that change are written anew */
	UPDATE_ROWS,	/* rows are deleted and written anew, at the end */
};

struct assignment {
	const char *name;
	const char *text; /* SQL, of the row's old values */
};

struct update_spec {
	const struct assignment *set; /* borrowed, as all here */
	size_t n;
	const char *where; /* which rows; NULL: all */
	enum update_mode mode;
	struct job_progress progress;
};
/*
 * Set columns of the rows for which a condition is true, as rows_delete.  Values are
 * cast to the columns' types; EINVAL naming the first row that does not allow it.
 */
MUST_CHECK struct err *rows_update(struct table *t, struct version *base,
				   const struct update_spec *spec, uint64_t *ret_n,
				   struct version **ret);

/*
 * Run a SELECT and make a table of its rows, in an empty directory (store, referenced).
 * Its columns are called c0, c1, …; the names of the result, which may be anything, are
 * their metadata QUERY_NAME_KEY.
 */
#define QUERY_NAME_KEY "lancefs:name"
MUST_CHECK struct err *query_save(const struct query_env *env, const char *sql,
				  struct io_store *store, struct table **ret);

/* --- rows in --- */

struct row_target {
	struct io_store *store; /* referenced */
	const struct log *log;	/* borrowed for the writer's life; may be NULL */
	enum lance_version storage;
	struct field *const *fields; /* borrowed for the call; their ids are set */
	size_t n_fields;
};

struct row_writer;

/* Begin new data files for rows of these fields. */
MUST_CHECK struct err *row_writer_open(const struct row_target *target,
				       struct row_writer **ret);
/* The next rows, an array a field, of equal length.  EINVAL for a null that must not
 * be. */
MUST_CHECK struct err *row_writer_push(struct row_writer *w,
				       struct array *const *columns);
uint64_t row_writer_rows(const struct row_writer *w); /* taken so far */
/* Append the rows to t, the fields being base's; as table_commit_rows.  Takes w. */
MUST_CHECK struct err *row_writer_append(struct row_writer *w, struct table *t,
					 struct version *base, const char *message,
					 struct version **ret);
/* Make a table of the rows, as table_create.  Takes w. */
MUST_CHECK struct err *row_writer_create(struct row_writer *w, struct table **ret);
/* Put the rows in the place of those that are chosen, which they are with new values of
 * n fields; as table_move_rows.  Takes w. */
MUST_CHECK struct err *row_writer_move(struct row_writer *w, struct table *t,
				       struct row_choice *rows,
				       struct field *const *changed, size_t n,
				       const char *message, struct version **ret);
void row_writer_abort(struct row_writer *w); /* removes the files; accepts NULL */
DEFINE_AUTO(row_writer, row_writer_abort)

/* --- bytes in --- */

/* What becomes of a file. */
enum import_kind {
	IMPORT_COLUMN,	/* a column */
	IMPORT_COLUMNS, /* each column of it one; one alone is named as the file is */
	IMPORT_ROWS,	/* its rows are appended */
	IMPORT_TEXT,	/* something takes it, and no version comes of it */
	IMPORT_FILE,	/* the same of any bytes, which the taker has already */
	IMPORT_JOIN,	/* its columns go to the rows that have its keys */
};

/* What rows get whose key a joined file lacks. */
enum join_missing {
	JOIN_MISSING_DEFAULT, /* null in new columns, what they have in others */
	JOIN_MISSING_NULL,
	JOIN_MISSING_CARRY, /* the same as the default */
	JOIN_MISSING_ERROR, /* the join fails, naming the first keys */
};

struct join_counts {
	uint64_t n_matched, n_unmatched; /* rows of the table */
	uint64_t n_unused;		 /* keys of the file that no row has */
	uint64_t n_keyless;		 /* rows of the file whose key is null */
};

/* Can a column be joined on? */
bool column_is_key(const struct field *f);
/* The column of that name, for a join.  ENOENT, EINVAL.  Borrowed from v. */
MUST_CHECK struct err *join_key(const struct version *v, const char *name,
				struct field **ret);

struct import_join {
	struct field *key; /* of base; the file has a column of its name */
	enum join_missing on_missing;
	struct join_counts *counts; /* out; NULL, or borrowed until the commit */
	/* May the file's column of that name come?  NULL: all may. */
	struct err *(*check)(void *ctx, const char *column);
	void *ctx; /* borrowed until the commit */
};

/* Takes the text of a file, once it is all there; of IMPORT_FILE "". */
struct import_taker {
	struct err *(*take)(void *ctx, const char *text);
	void *ctx;
};

struct import_spec {
	struct import_taker taker; /* of IMPORT_TEXT, IMPORT_FILE */
	enum import_kind kind;
	const char *name; /* of the column */
	const struct format_ops *format;
	struct type *type; /* of a column, as stated; NULL: the file's own, the replaced
			      column's, or inferred from text */
	const char *text;  /* provenance: what was written, for example "zip.txt" */
	struct import_join join; /* of that kind */
};

struct import;

/* EINVAL if the format cannot hold the type, EOPNOTSUPP if it holds no tables and one
 * is wanted.  Otherwise as column_writer_open. */
MUST_CHECK struct err *import_open(struct table *t, struct version *base,
				   const struct import_spec *spec, struct import **ret);
/* The next bytes.  EINVAL with line and column; latched. */
MUST_CHECK struct err *import_push(struct import *im, const void *p, size_t len);
/* Would import_commit accept what has been pushed as a whole file? */
bool import_is_complete(const struct import *im);
/* A header has been pushed and no row, though the table has rows. */
bool import_is_header_only(const struct import *im);
/* NULL, or why not (EINVAL): "expected 5000 rows, got 4999". */
MUST_CHECK struct err *import_check_complete(struct import *im);
/* Nothing in a file of its kind says that all rows are there. */
bool import_has_no_end(const struct import *im);
/* True if the commit reads the bytes a second time (text without a type). */
bool import_needs_bytes(const struct import *im);
/* The same for the column that comes of it; at any time before the commit. */
MUST_CHECK struct err *import_describe(struct import *im, const char *key,
				       const void *value, size_t len);
uint64_t import_pushed(const struct import *im); /* bytes so far */

/*
 * Commit.  Takes im.  reread gives the pushed bytes again from an offset, for
 * text whose type only the last value told; may be NULL if import_needs_bytes is
 * false.  ret as column_writer_commit.
 */
struct import_bytes {
	struct err *(*read)(void *ctx, uint64_t off, size_t len, void *dst,
			    size_t *ret_len);
	void *ctx;
};
MUST_CHECK struct err *import_commit(struct import *im,
				     const struct import_bytes *reread,
				     struct version **ret);
void import_close(struct import *im); /* removes files; accepts NULL */
DEFINE_AUTO(import, import_close)

/*
 * Split a file name "NAME.TYPE.FORMAT" as a user writes it.  base decides what
 * the dots mean: a column of base named "NAME.TYPE" first, then a type.
 * EINVAL with the right spelling: unknown format, not a type, not canonical.
 * ret_name is owned by the caller; ret_type is NULL or owned.
 */
MUST_CHECK struct err *column_file_parse(const struct version *base,
					 const char *file_name, char **ret_name,
					 struct type **ret_type,
					 const struct format_ops **ret_format);

/* The format of a file of rows, "NAME.FORMAT".  EINVAL, naming those that there are. */
MUST_CHECK struct err *rows_file_parse(const char *file_name,
				       const struct format_ops **ret);

/* --- files of rows --- */

struct rows_file {
	const struct format_ops *format;
	struct import_bytes bytes;
	uint64_t total; /* bytes of the file, for the progress; 0: not known */
	struct job_progress progress;
	/* Once, before any rows: a struct type, whose members are the columns.  They
	 * have the types that the file says, or that its values have. */
	struct err *(*begin)(void *ctx, struct type *type);
	/* Rows, a struct array; borrowed. */
	struct err *(*rows)(void *ctx, struct array *batch);
	void *ctx;
};
MUST_CHECK struct err *rows_file_read(const struct rows_file *f);
/* All rows in memory, as a struct array.  EFBIG past max_bytes. */
MUST_CHECK struct err *rows_file_load(const struct format_ops *format,
				      const struct import_bytes *bytes,
				      uint64_t max_bytes, struct array **ret);

/* --- new tables --- */

struct create_spec {
	struct io_store *store; /* of an empty directory; borrowed */
	const struct log *log;	/* borrowed; may be NULL */
	enum lance_version storage;
	uint64_t total; /* for the progress; bytes of a file */
	struct job_progress progress;
};
/* A table of the rows of a file of rows, whose columns have the types that it says or
 * that its values have. */
MUST_CHECK struct err *create_from_file(const struct create_spec *spec,
					const struct format_ops *format,
					const struct import_bytes *bytes,
					struct table **ret);
/* A table of n columns, or all if names is NULL, of the first rows of a version. */
MUST_CHECK struct err *create_from_version(const struct create_spec *spec,
					   struct version *from,
					   const char *const *names, size_t n,
					   uint64_t limit, struct table **ret);

/* --- names in files --- */

/*
 * A column's name as a file name: '/', '%', control bytes and a leading '.' or
 * '#' percent-encoded, the empty name "%"; over 200 bytes it is cut and ends
 * in a hash of the whole.  ret is owned by the caller.
 */
MUST_CHECK struct err *name_encode(const char *name, char **ret);
/* The column of v whose encoded name is `encoded`; NULL if there is none. */
struct field *name_find(const struct version *v, const char *encoded);
/* Decode a new column's name; EINVAL, naming the canonical spelling. */
MUST_CHECK struct err *name_decode(const char *encoded, char **ret);

#endif
