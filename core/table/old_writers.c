// SPDX-License-Identifier: Apache-2.0
/*
 * old_writers.c: what releases of Lance once wrote into manifests and must be known
 * to read them.
 *
 *   before 0.8   no writer version: numbers of rows that are told may be wrong, so
 *                the files are asked (manifest.c)
 *   0.10         a new column got the id of a dropped one whose values are still
 *                there: the first file of a fragment counts
 *   before 0.16  no data_format: files tell their version; without any a flag
 *                tells 2.x files from those of 0.1
 *   0.16         data_format says 0.1 though files are of 2.0, or some of them;
 *                ids of fragments twice or out of order
 *   0.20 - 0.3x  with stable row ids, updates put ids of rows into the deletion
 *                file of the first fragment as if they were offsets: those beyond
 *                it are passed over in 0.1 files, and an error in others
 *
 * All are read as pylance 14.0.2 reads them, with a warning where it mends them at
 * its next commit; none is written to where a commit would make values ambiguous.
 * Source: lance 14.0.2, fix_schema, migrate_fragments, check_fragment_ids and the
 * storage contract of manifests, as observed on datasets of those releases.
 */
#include "table/table_priv.h"

#include <errno.h>
#include <inttypes.h>

#define CURRENT_STORAGE LANCE_2_2 /* what a 2.x table without files is taken for */

struct err *old_storage(const Lance__Table__Manifest *m, enum lance_version *ret)
{
	enum lance_version storage =
		m->writer_feature_flags & FLAG_V2_FILES ? CURRENT_STORAGE : LANCE_0_1;
	bool is_first = true;
	for (size_t i = 0; i < m->n_fragments; i++)
		for (size_t k = 0; k < m->fragments[i]->n_files; k++) {
			const Lance__Table__DataFile *f = m->fragments[i]->files[k];
			enum lance_version one;
			TRY_CTX(lance_version_of_numbers(f->file_major_version,
							 f->file_minor_version, &one),
				"%s", f->path);
			storage = is_first ? one : MAX_OF(storage, one);
			is_first = false;
		}
	*ret = storage;
	return NULL;
}

bool version_has_v01_files(const struct version *v)
{
	for (size_t i = 0; i < v->n_fragments; i++)
		for (size_t k = 0; k < v->fragments[i].proto->n_files; k++)
			if (data_file_is_v01(v->fragments[i].proto->files[k]))
				return true;
	return false;
}

bool fragment_has_foreign_deletions(const struct version *v, const struct fragment *f)
{
	return f->proto->deletion_file && f->proto->n_files &&
	       data_file_is_v01(f->proto->files[0]) &&
	       v->manifest->reader_feature_flags & FLAG_STABLE_ROW_IDS;
}

/* --- ids of fields --- */

static int compare_ids(const void *a, const void *b)
{
	int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
	return (x > y) - (x < y);
}

/* The ids that have a column in some file of the fragment; `out` has room for all. */
static size_t stored_ids(const Lance__Table__DataFragment *f, int32_t *out)
{
	size_t n = 0;
	for (size_t i = 0; i < f->n_files; i++) {
		const Lance__Table__DataFile *file = f->files[i];
		for (size_t k = 0; k < file->n_fields; k++)
			if (file->fields[k] >= 0 && (k >= file->n_column_indices ||
						     file->column_indices[k] >= 0))
				out[n++] = file->fields[k];
	}
	return n;
}

static struct err *find_twice(const Lance__Table__DataFragment *f, int32_t *ret)
{
	AUTO_MEM int32_t *ids = NULL;
	size_t n = 0;
	for (size_t i = 0; i < f->n_files; i++)
		n += f->files[i]->n_fields;
	TRY(mem_array(n, sizeof(*ids), &ids));
	n = stored_ids(f, ids);
	qsort(ids, n, sizeof(*ids), compare_ids);
	for (size_t i = 1; i < n && *ret < 0; i++)
		if (ids[i] == ids[i - 1])
			*ret = ids[i];
	return NULL;
}

struct err *version_field_twice(const struct version *v, int32_t *ret)
{
	*ret = -1;
	for (size_t i = 0; i < v->n_fragments && *ret < 0; i++)
		if (v->fragments[i].proto->n_files > 1)
			TRY(find_twice(v->fragments[i].proto, ret));
	return NULL;
}

/* --- warnings --- */

static bool is_old(const Lance__Table__WriterVersion *w)
{
	return !w || (strcmp(w->library, "lance") == 0 &&
		      strncmp(w->version, "0.", strlen("0.")) == 0);
}

static void warn_files(const struct version *v)
{
	const struct log *log = v->table->log;
	bool has_v01 = version_has_v01_files(v);
	if (v->storage == LANCE_0_1 && !has_v01 && v->n_fragments)
		log_line(log, LEVEL_WARN,
			 "version %" PRIu64 ": the manifest says files of 0.1, which "
			 "they are not: they are read as what they are",
			 v->number);
	if (has_v01 && v->storage != LANCE_0_1)
		log_line(log, LEVEL_WARN,
			 "version %" PRIu64 ": files of 0.1 beside those of %s",
			 v->number, lance_version_name(v->storage));
}

struct err *old_writers_warn(const struct version *v)
{
	const struct log *log = v->table->log;
	int32_t twice;
	if (v->is_disordered)
		log_line(log, LEVEL_WARN,
			 "version %" PRIu64 ": ids of fragments come twice or out of "
			 "order: rows are read as the manifest has them",
			 v->number);
	if (!is_old(v->manifest->writer_version))
		return NULL;
	warn_files(v);
	TRY(version_field_twice(v, &twice));
	if (twice >= 0)
		log_line(
			log, LEVEL_WARN,
			"version %" PRIu64 ": field %" PRId32 " is in two files of a "
			"fragment: the first is read; a commit of Lance takes the last",
			v->number, twice);
	return NULL;
}
