// SPDX-License-Identifier: Apache-2.0
/*
 * table_priv.h: the structs behind table.h.
 */
#ifndef LANCEFS_TABLE_TABLE_PRIV_H
#define LANCEFS_TABLE_TABLE_PRIV_H

#include "table/row_set_priv.h"
#include "table/table.h"

/* --- names.c: manifest names --- */

enum naming { NAMING_NONE, NAMING_V1, NAMING_V2 };

/* NAMING_NONE if the name is no attached manifest's. */
enum naming manifest_name_parse(const char *name, uint64_t *ret_version);
/* What the last writer thinks is the newest version. */
#define VERSION_HINT_FILE "_versions/latest_version_hint.json"
MUST_CHECK struct err *manifest_path(enum naming naming, uint64_t version, char **ret);

/* --- flags.c: feature flags --- */

#define FLAG_DELETION_FILES ((uint64_t)1 << 0)
#define FLAG_STABLE_ROW_IDS ((uint64_t)1 << 1)
#define FLAG_V2_FILES ((uint64_t)1 << 2)
#define FLAG_TABLE_CONFIG ((uint64_t)1 << 3)
#define FLAG_BASE_PATHS ((uint64_t)1 << 4)
#define FLAG_NO_TRANSACTION_FILES ((uint64_t)1 << 5)
#define FLAG_COVERING_FIELDS ((uint64_t)1 << 7)
#define FLAG_MIXED_FILES ((uint64_t)1 << 8)
#define FLAG_FIELD_IDS ((uint64_t)1 << 15)

MUST_CHECK struct err *flags_check_read(uint64_t reader_flags);
MUST_CHECK struct err *flags_check_write(uint64_t writer_flags);

/* --- deletion.c: deletion vectors --- */

#define DV_BLOCK_ROWS 512
#define DV_CHUNK_BLOCKS (ROW_SET_CHUNK / DV_BLOCK_ROWS)

struct chunk_rank {
	uint64_t before;	/* deleted rows before this chunk of the set */
	const uint16_t *blocks; /* and in it, before each block; NULL: none in it */
};

/* The deleted offsets of one fragment; immutable. */
struct deletion_vector {
	uint64_t n_rows; /* physical */
	uint64_t n_deleted;
	struct row_set deleted;
	struct chunk_rank *chunk_rank; /* owned; one a chunk */
	uint16_t *rank;		       /* owned; what .blocks point into */
};

MUST_CHECK struct err *deletion_load(struct io_store *s, const char *path,
				     bool is_bitmap, uint64_t n_rows,
				     struct deletion_vector **ret);
/* The same without the offsets that are not below n_rows. */
MUST_CHECK struct err *deletion_load_clipped(struct io_store *s, const char *path,
					     bool is_bitmap, uint64_t n_rows,
					     struct deletion_vector **ret);
/* From the bytes of a deletion file; memory follows them, not n_rows. */
MUST_CHECK struct err *deletion_read(struct cursor c, bool is_bitmap, uint64_t n_rows,
				     struct deletion_vector **ret);
void deletion_free(struct deletion_vector *d);
DEFINE_AUTO(deletion_vector, deletion_free)
/* The physical offset of the i-th live row; i < n_rows - n_deleted. */
uint64_t deletion_select_live(const struct deletion_vector *d, uint64_t i);

static inline bool deletion_has(const struct deletion_vector *d, uint64_t offset)
{
	return row_set_has(&d->deleted, offset);
}

/* Offsets in array form (an Arrow IPC file of one uint32 column). */
MUST_CHECK struct err *ipc_offsets_read(struct cursor c, struct row_set *ret);

/* --- manifest.c, version.c --- */

enum system_field {
	SYSTEM_ROWID,
	SYSTEM_CREATED,
	SYSTEM_UPDATED,
	SYSTEM_ROWADDR,
	SYSTEM_ROWOFFSET,
	N_SYSTEM_FIELDS,
};

struct fragment {
	const Lance__Table__DataFragment *proto; /* borrowed from the manifest */
	uint64_t id;
	uint64_t first_row;
	uint64_t physical_rows;
	uint64_t n_deleted;
	struct deletion_vector *_Atomic deleted; /* owned; loaded when first needed */
	struct overlay_set *_Atomic overlays;	 /* owned; loaded when first needed */
};

/* Names of indices, each once, in the order of the section. */
struct index_names {
	bool is_known;
	size_t n;
	char **names; /* owned */
};
void index_names_fini(struct index_names *l);

struct version {
	atomic_int refs;
	struct table *table; /* borrowed: a table outlives its versions */
	uint64_t number;
	enum naming naming;
	struct bytes *raw;		   /* owned; the manifest file */
	Lance__Table__Manifest *manifest;  /* owned */
	size_t manifest_off, manifest_len; /* of the message within raw */
	enum lance_version storage;
	char *writer;	       /* owned */
	struct field **fields; /* owned */
	size_t n_fields;
	struct field *system_fields[N_SYSTEM_FIELDS]; /* owned */
	struct fragment *fragments;		      /* owned */
	size_t n_fragments;
	bool is_disordered; /* fragments are not ascending by id */
	struct base *bases; /* owned; by id */
	size_t n_bases;
	struct field_dictionary *dictionaries; /* owned; of 0.1 files */
	size_t n_dictionaries;
	uint64_t n_rows, n_deleted;
	pthread_mutex_t lock; /* for loading deletion vectors and names of indices */
	struct index_names index_names; /* guarded by .lock */
};

/* Load version `number`; ENOENT if no manifest of that number exists. */
MUST_CHECK struct err *version_load(struct table *t, enum naming naming,
				    uint64_t number, struct version **ret);

/* The same from the manifest file's bytes, which are referenced. */
MUST_CHECK struct err *version_of_bytes(struct table *t, enum naming naming,
					uint64_t number, struct bytes *raw,
					struct version **ret);
/*
 * What the manifest in a file says of where files are: no schema, no rows; its number
 * is what it says itself.  EOPNOTSUPP for a flag, of readers or writers, that is not
 * known.
 */
MUST_CHECK struct err *version_load_files(struct table *t, const char *path,
					  struct version **ret);
/* Is the manifest of that number, of whatever kind, that of a transaction file?
 * ENOENT if there is none. */
MUST_CHECK struct err *version_names_transaction(struct table *t, enum naming naming,
						 uint64_t number, const char *file,
						 bool *ret);

/* The deletion vector of a fragment, NULL if nothing is deleted. */
MUST_CHECK struct err *fragment_deleted(struct version *v, struct fragment *f,
					const struct deletion_vector **ret);

/* --- roots.c: files outside of the dataset --- */

/* The path that a URI of a local file, or an absolute path, spells: "" or "/a/b".
 * EOPNOTSUPP if it is something else, EIO if it leads upwards. */
MUST_CHECK struct err *uri_local_path(const char *uri, char **ret);
/* Where such a path lies, if that is in one of the roots; else *ret stays as it is.
 * The store is borrowed from roots, which may be NULL. */
MUST_CHECK struct err *roots_find(const struct roots *roots, const char *path,
				  struct file_place *ret);

/* Is it neither an absolute path nor a URI? */
bool path_is_relative(const char *path);
/* The same for a directory by a path relative to the one that its writer worked in,
 * which nobody recorded: it is looked for in each root. */
MUST_CHECK struct err *roots_find_relative(const struct roots *roots, const char *path,
					   struct file_place *ret);
/* A URI, and the path that it spells, that are in none. */
#define NOT_ALLOWED                                                                    \
	"%s is outside of the dataset, and in none of the directories of the option "  \
	"roots; to allow it, say roots=%s"

/* --- bases.c: files of other branches and datasets --- */

/* A place besides the table's own directory that files of a version may lie in. */
struct base {
	uint32_t id;
	bool is_root;	  /* of a dataset: files are in its data/, _deletions/ */
	const char *path; /* as recorded; borrowed from the manifest */
	char *prefix;	  /* the same within the table's root: "", "tree/x/"; owned;
			   * NULL: it is not there */
	struct file_place outside; /* else where it is, if that is in one of the roots
				    * that the user allows; .path without a slash */
};

/* Find out where the bases of v's manifest are; what cannot be reached fails when
 * a file of it is needed. */
MUST_CHECK struct err *bases_read(struct version *v);
void bases_free(struct version *v);
/* Tell the table by the first version it loads which branch it is, and find the
 * directory of the main branch. */
MUST_CHECK struct err *table_find_root(struct table *t,
				       const Lance__Table__Manifest *m);

/* NULL if there is none of that id. */
const struct base *base_find(const struct version *v, uint32_t id);
/* Where what has a path relative to a base lies. */
MUST_CHECK struct err *base_place(const struct version *v, uint32_t id,
				  const char *path, struct file_place *ret);
/* Where a file of the manifest lies. */
MUST_CHECK struct err *data_file_place(const struct version *v,
				       const Lance__Table__DataFile *f,
				       struct file_place *ret);
MUST_CHECK struct err *deletion_place(const struct version *v, const struct fragment *f,
				      struct file_place *ret);
/* A reader of a data file, from the cache or opened now; the caller's. */
MUST_CHECK struct err *data_file_open(const struct version *v,
				      const Lance__Table__DataFile *f,
				      struct file_reader **ret);
/* Mix what tells files of one name in different directories of a dataset apart. */
uint64_t data_file_key(const struct version *v, const Lance__Table__DataFile *f,
		       uint64_t key);
uint64_t deletion_key(const struct version *v, const Lance__Table__DeletionFile *d,
		      uint64_t key);

/* Is a data file of the first format, by what the manifest says? */
static inline bool data_file_is_v01(const Lance__Table__DataFile *f)
{
	return f->file_major_version == 0 && f->file_minor_version <= 2;
}

/* Does a data file hold (a part of) a field? */
bool data_file_has(const Lance__Table__DataFile *file, const struct field *field);

/* The data file of a fragment that holds (a part of) a field; NULL if none. */
const Lance__Table__DataFile *fragment_file(const struct fragment *f,
					    const struct field *field);

/* The field or one below it has this id. */
bool field_has_id(const struct field *field, int32_t id);

/* --- overlays.c --- */

struct overlay_set;
void overlay_set_free(struct overlay_set *s); /* accepts NULL */
DEFINE_AUTO(overlay_set, overlay_set_free)
/* Does it have values of the field, or of a part of it? */
bool overlay_has_field(const Lance__Table__DataOverlayFile *o,
		       const struct field *field);
/* Mix what the fragment's overlays say of a field into a key. */
uint64_t overlays_key(const struct version *v, const struct fragment *f,
		      const struct field *field, uint64_t key);

/* --- lineage.c: columns that Lance computes --- */

/* The fields, not null and of uint64; the caller owns what is not NULL, also on
 * failure. */
MUST_CHECK struct err *system_fields_new(struct field **fields);
/* The data file that a fragment's sequence was spilled to, NULL if to none. */
const Lance__Table__DataFile *system_field_file(const struct fragment *f,
						const struct field *field);
/* Physical rows [first, end), where there is no such file. */
MUST_CHECK struct err *system_field_read(const struct fragment *f,
					 const struct field *field, uint64_t first,
					 uint64_t end, struct array **ret);
/* The numbers of rows themselves. */
MUST_CHECK struct err *row_offsets_new(const struct field *field, uint64_t first,
				       uint64_t end, struct array **ret);
/* What the values of a fragment stand on. */
uint64_t system_field_key(const struct fragment *f, const struct field *field);

/* --- merge.c: columns whose parts lie in several files --- */

#define MAX_PARTS 64 /* files of a fragment that hold one column */

/* What one file says of a column. */
struct column_part {
	const Lance__Table__DataFile *file; /* borrowed */
	struct array *array;		    /* borrowed */
};

/* The data files of a fragment that hold a part of a field; at most max. */
size_t fragment_files(const struct fragment *f, const struct field *field,
		      const Lance__Table__DataFile **ret, size_t max);
/* Put n >= 1 parts of a column together; EIO if they disagree. */
MUST_CHECK struct err *parts_merge(const struct field *field,
				   const struct column_part *parts, size_t n,
				   struct array **ret);

/* --- dictionaries.c: of 0.1 files --- */

/* Read them out of v's manifest file; a column whose dictionary is damaged fails when
 * it is read. */
MUST_CHECK struct err *dictionaries_read(struct version *v);
void dictionaries_free(struct version *v);

/* --- old_writers.c: what old releases of Lance wrote --- */

/* The version of a table's files where data_format does not tell. */
MUST_CHECK struct err *old_storage(const Lance__Table__Manifest *m,
				   enum lance_version *ret);
/* Does a fragment have files of 0.1? */
bool version_has_v01_files(const struct version *v);
/* A field whose column is in two files of one fragment; -1 if there is none. */
MUST_CHECK struct err *version_field_twice(const struct version *v, int32_t *ret);
/* May the fragment's deletion file name rows of other fragments? */
bool fragment_has_foreign_deletions(const struct version *v, const struct fragment *f);
/* Say in the log what is wrong with v and read as pylance reads it. */
MUST_CHECK struct err *old_writers_warn(const struct version *v);

/* --- files.c: open data files --- */

struct file_cache;

MUST_CHECK struct err *file_cache_new(struct file_cache **ret);
void file_cache_free(struct file_cache *c);
/* An open reader, from the cache or opened now; the caller owns a reference.  Stores
 * outlive the cache. */
MUST_CHECK struct err *file_cache_get(struct file_cache *c,
				      const struct file_place *place,
				      struct file_reader **ret);

/* --- table.c --- */

#define VERSION_CACHE 8

struct table {
	atomic_int refs;
	struct io_store *store;	    /* owned reference */
	const struct log *log;	    /* borrowed */
	struct file_cache *files;   /* owned */
	_Atomic enum naming naming; /* changes if the dataset is migrated */
	bool is_placed;		    /* the two below are known */
	struct io_store *root; /* owned reference; the main branch's directory; NULL: a
				* branch that was taken out of its dataset */
	char *branch;	       /* owned; NULL: the main branch */
	struct roots *roots;   /* owned reference; NULL: none */
	pthread_mutex_t lock;
	char *recorded_root; /* guarded by .lock, set once; owned; the root's path when
			      * the branch was made; "": not known */
	struct version *latest;		       /* guarded by .lock; owned reference */
	struct version *recent[VERSION_CACHE]; /* guarded by .lock; owned references */
	unsigned next_recent;		       /* guarded by .lock */
	pthread_mutex_t refresh_lock;	       /* one refresh at a time */
	int64_t listed_ns;   /* guarded by .refresh_lock; when _versions/ was listed */
	struct lease *lease; /* owned; NULL: others are not told what is open */
};

/* table_version() for a look at it: others are not told. */
MUST_CHECK struct err *table_peek(struct table *t, uint64_t number,
				  struct version **ret);

/* A table of no version yet, whose manifests will have names of today's scheme; store
 * and the roots are referenced. */
MUST_CHECK struct err *table_new(struct io_store *store,
				 const struct table_options *options,
				 struct table **ret);
/* Make v the latest if it is newer. */
void table_set_latest(struct table *t, struct version *v);

/* The message of a version's manifest alone: no schema, no fragments, no bases. */
MUST_CHECK struct err *version_load_message(struct table *t, enum naming naming,
					    uint64_t number, struct version **ret);
/* The transaction of a version: inline, else its file; *ret NULL if it is gone. */
MUST_CHECK struct err *version_transaction(const struct version *v,
					   Lance__Table__Transaction **ret);

/* --- refs.c --- */

#define LIMIT_REF_BYTES 65536

/* Make the file dir/name with text in it, durable; EEXIST if it is there. */
MUST_CHECK struct err *ref_publish(struct io_store *root, const char *dir,
				   const char *name, const struct buf *text);

/* --- branches.c --- */

/* May a branch have the name?  ASCII: of those that lancefs makes. */
bool branch_name_is_valid(const char *name, bool is_ascii);

/* --- rebase.c --- */

/* The fragment of that id, NULL if there is none; borrowed. */
Lance__Table__DataFragment *manifest_fragment(const Lance__Table__Manifest *m,
					      uint64_t id);
/*
 * NULL if the files of c still fit on top of latest; EBUSY, saying what another
 * commit did, if not.  Files of fragments whose rows were all deleted meanwhile
 * are marked unused.
 */
MUST_CHECK struct err *rebase_check(struct table *t, struct column_commit *c,
				    const struct version *latest);

/* --- publish.c --- */

/*
 * Write `manifest` (whose version is set) with transaction and index section
 * as the file of its version, whose bytes ret_raw receives (the caller's).  Success is
 * WON or LOST; an error is LOST if no version names our files, UNKNOWN if that cannot
 * be told.
 */
enum publish_result { PUBLISH_LOST, PUBLISH_WON, PUBLISH_UNKNOWN };
MUST_CHECK struct err *manifest_publish(struct table *t,
					Lance__Table__Manifest *manifest,
					const Lance__Table__Transaction *transaction,
					const Lance__Table__IndexSection *indices,
					enum publish_result *ret_result,
					struct bytes **ret_raw);
/* The index section of a version, NULL if it has none. */
MUST_CHECK struct err *version_indices(const struct version *v,
				       Lance__Table__IndexSection **ret);

#endif
