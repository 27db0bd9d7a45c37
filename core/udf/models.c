// SPDX-License-Identifier: Apache-2.0
/*
 * models.c: files that a function needs, by their content.
 *
 * Those of the bundle are "./PATH"; others are large and lie elsewhere, under an
 * absolute path, and may change there: then the function is another one.
 */
#include "udf/udf_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static struct err *hash_file(const char *path, char hex[UDF_HASH_LEN + 1])
{
	struct stat st;
	AUTO_FD int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(errno, "model %s", path);
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		return err_new(EINVAL, "model %s: not a regular file", path);
	return sha256_fd(fd, path, hex);
}

static struct err *hash_own(const struct bundle *b, struct udf_model *m)
{
	const char *path = str_starts(m->path, "./") ? m->path + 2 : m->path;
	const struct bundle_file *f = bundle_find(b, path);
	char *full;
	if (!f)
		return err_new(EINVAL,
			       "model '%.200s' is not in the bundle; give an absolute "
			       "path, or register a directory with it",
			       path);
	TRY(str_printf(&full, "./%s", path));
	free(m->path);
	m->path = full;
	free(TAKE(m->hash));
	return str_dup(f->hash, &m->hash);
}

struct err *models_hash(const struct bundle *b, struct udf *u)
{
	for (size_t i = 0; i < u->n_models; i++) {
		struct udf_model *m = &u->models[i];
		char hex[UDF_HASH_LEN + 1];
		if (*m->path != '/') {
			TRY(hash_own(b, m));
			continue;
		}
		TRY(hash_file(m->path, hex));
		free(TAKE(m->hash));
		TRY(str_dup(hex, &m->hash));
	}
	return NULL;
}

struct err *udf_check_models(const struct udf *u)
{
	for (size_t i = 0; i < u->n_models; i++) {
		const struct udf_model *m = &u->models[i];
		char hex[UDF_HASH_LEN + 1];
		if (*m->path != '/')
			continue; /* the bundle's own were verified with it */
		TRY(hash_file(m->path, hex));
		if (!m->hash || strcmp(hex, m->hash) != 0)
			return err_new(ESTALE,
				       "model %s is not what it was; register the "
				       "function again",
				       m->path);
	}
	return NULL;
}
