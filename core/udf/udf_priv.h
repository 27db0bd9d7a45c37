// SPDX-License-Identifier: Apache-2.0
/*
 * udf_priv.h: what the files of this folder share about bundles.
 *
 * What is said of a function comes from several places: its udf.ini, a comment near
 * the top of its script, its helper's --describe, the options of the command.  Each is
 * gathered as texts in a struct spec; they are merged, and turned into a struct udf,
 * whose canonical udf.ini is written into the bundle.
 */
#ifndef LANCEFS_UDF_UDF_PRIV_H
#define LANCEFS_UDF_UDF_PRIV_H

#include "udf/udf.h"

#define UDF_DIR "_udfs"
#define UDF_NAMES UDF_DIR "/names"
#define UDF_INTERPRETERS UDF_DIR "/interpreters"
#define UDF_INI "udf.ini"
/* The files and their digests, as sha256sum writes and checks them; the bundle's
 * name is the digest of this one. */
#define UDF_SUMS "SHA256SUMS"

#define MAX_BUNDLE_BYTES ((uint64_t)256 << 20)
#define MAX_BUNDLE_FILES 4096
#define MAX_BUNDLE_PATH 1024
#define MAX_NAME_BYTES 200
#define MAX_INI_BYTES ((uint64_t)1 << 20)

/* --- sha256.c --- */

struct sha256 {
	void *ctx; /* owned */
};
MUST_CHECK struct err *sha256_begin(struct sha256 *h);
MUST_CHECK struct err *sha256_add(struct sha256 *h, const void *p, size_t len);
MUST_CHECK struct err *sha256_end(struct sha256 *h, char hex[UDF_HASH_LEN + 1]);
void sha256_fini(struct sha256 *h); /* accepts zeroed */
static inline void auto_sha256(struct sha256 *h)
{
	sha256_fini(h);
}
#define AUTO_SHA256 __attribute__((cleanup(auto_sha256)))
MUST_CHECK struct err *sha256_bytes(const void *p, size_t len,
				    char hex[UDF_HASH_LEN + 1]);
/* Of what can be read from a descriptor's beginning on; what is for the message. */
MUST_CHECK struct err *sha256_fd(int fd, const char *what, char hex[UDF_HASH_LEN + 1]);
/* Lower case, just as long as a digest. */
bool sha256_is_hex(const char *text, size_t len);

/* --- spec.c: what is said, as texts --- */

enum spec_key {
	KEY_SHAPE,
	KEY_COMMAND,
	KEY_OUTPUTS, /* or "type" */
	KEY_INPUTS,
	KEY_MODELS,
	KEY_READABLE,
	KEY_LOCK,
	KEY_INTERPRETER,
	KEY_EXECUTABLE,
	N_SPEC_KEYS,
};
const char *spec_key_name(enum spec_key key);

struct spec_value {
	char *text;  /* owned; NULL: not said */
	char *where; /* owned; "udf.ini: line 3", for messages */
};

struct spec {
	struct spec_value values[N_SPEC_KEYS];
};
void spec_fini(struct spec *s);
static inline void auto_spec(struct spec *s)
{
	spec_fini(s);
}
#define AUTO_SPEC __attribute__((cleanup(auto_spec)))
/* Say a key by its name.  EINVAL, after "where: ": no such key, said already. */
MUST_CHECK struct err *spec_say(struct spec *s, const char *name, const char *text,
				const char *where);
/* Go on with the value that was said last under the name. */
MUST_CHECK struct err *spec_go_on(struct spec *s, const char *name, const char *text);
/* What dst does not say, src does.  Empties src. */
void spec_merge(struct spec *dst, struct spec *src);

/* spec_ini.c: read udf.ini, or lines like it.  file: its name in messages. */
MUST_CHECK struct err *spec_read_ini(const char *text, size_t len, const char *file,
				     struct spec *ret);
/* spec_comment.c: "# lancefs: KEY=VALUE…" in the first lines of a script. */
MUST_CHECK struct err *spec_read_comment(const char *text, size_t len, const char *file,
					 struct spec *ret);

/* spec_udf.c: the texts as values, in an otherwise new *u.  EINVAL with its place. */
MUST_CHECK struct err *spec_to_udf(const struct spec *s, struct udf *u);
/* The words of KEY_EXECUTABLE, as paths in the bundle. */
MUST_CHECK struct err *spec_executables(const struct spec *s, char ***ret);

/* --- ini_write.c --- */

/* The canonical udf.ini; executables are paths in the bundle, in order. */
MUST_CHECK struct err *udf_write_ini(const struct udf *u, const char *lock,
				     char *const *executables, size_t n,
				     struct buf *out);

/* --- outputs.c: "a:float32, b:string", or one type without a name --- */

MUST_CHECK struct err *outputs_parse(const char *text, struct udf *u);
MUST_CHECK struct err *outputs_format(const struct udf *u, struct buf *out);

/* --- udf.c --- */

/* EINVAL for what cannot be a name. */
MUST_CHECK struct err *udf_check_name(const char *name);

/* --- bundle.c: a bundle that is being made --- */

struct bundle_file {
	char *path; /* owned; in the bundle */
	bool is_executable;
	char hash[UDF_HASH_LEN + 1];
};

struct bundle {
	struct io_store *store; /* borrowed */
	char *dir;		/* owned; where it lies until it has its name */
	size_t n_files, cap;
	struct bundle_file *files; /* owned */
	uint64_t n_bytes;
	bool is_unsandboxed; /* its programs are asked without a sandbox */
};

MUST_CHECK struct err *bundle_begin(struct io_store *s, struct bundle *ret);
/* Copy what can be read from fd. */
MUST_CHECK struct err *bundle_add_fd(struct bundle *b, int fd, const char *path,
				     bool is_executable);
MUST_CHECK struct err *bundle_add_bytes(struct bundle *b, const char *path,
					const void *p, size_t len);
/* All files below a directory, but for what lancefs writes itself and what tools
 * leave behind (bundle_copy.c). */
MUST_CHECK struct err *bundle_add_dir(struct bundle *b, int dir_fd);
const struct bundle_file *bundle_find(const struct bundle *b, const char *path);
/* A file's first bytes, at most limit; whole: EFBIG if there are more. */
MUST_CHECK struct err *bundle_read(const struct bundle *b, const char *path,
				   uint64_t limit, bool is_whole, struct bytes **ret);
/* Sort the files by their paths. */
void bundle_sort(struct bundle *b);
/* Write the digests, make all durable, and give it its name; one that is there is as
 * good. */
MUST_CHECK struct err *bundle_publish(struct bundle *b, char hash[UDF_HASH_LEN + 1]);
/* Remove what is not published.  Accepts zeroed. */
void bundle_fini(struct bundle *b);
static inline void auto_bundle(struct bundle *b)
{
	bundle_fini(b);
}
#define AUTO_BUNDLE __attribute__((cleanup(auto_bundle)))

/* --- bundle_load.c --- */

/* Read, verify and understand a bundle. */
MUST_CHECK struct err *bundle_load(struct io_store *s, const char *hash,
				   struct udf **ret);

/* --- script.c, describe.c, models.c --- */

/* The program that a script's first line names, with its path; both NULL if it has no
 * such line.  "env PROGRAM" stands for what PATH finds. */
MUST_CHECK struct err *script_interpreter(const uint8_t *head, size_t len,
					  char **ret_name, char **ret_path);
/* Where PATH finds a program; *ret stays NULL if nowhere. */
MUST_CHECK struct err *find_program(const char *name, char **ret);
/* Does a Python script use lancefs_udf.py? */
bool script_uses_helper(const char *text, size_t len);
/* Put lancefs_udf.py beside the script if it is not there. */
MUST_CHECK struct err *add_helper(struct bundle *b, const char *script);
/* Ask u, whose bundle lies in dir, what it is. */
MUST_CHECK struct err *describe(struct bundle *b, const struct udf *u,
				struct spec *ret);
/* The first line that the interpreter says to --version; *ret stays
 * NULL if it says none. */
MUST_CHECK struct err *interpreter_version(struct bundle *b, const char *path,
					   char **ret);
/* Digests of the models: of the bundle's own from b, of others from their files. */
MUST_CHECK struct err *models_hash(const struct bundle *b, struct udf *u);

/* --- capture.c --- */

/*
 * Run a command line to its end and gather what it writes.
 *
 * *ret_status  as waitpid(2) gives it
 * ETIMEDOUT; EFBIG if it writes more than limit bytes.  All processes of its group
 * are gone afterwards.
 */
MUST_CHECK struct err *run_once(char *const *argv, char *const *env, int64_t timeout_ns,
				size_t limit, struct buf *out, struct buf *complaints,
				int *ret_status);

/* --- sandbox.c --- */

/* udf_command_line for a bundle that lies in a directory of the store. */
MUST_CHECK struct err *sandbox_command(struct io_store *s, const char *dir,
				       const struct udf *u,
				       const struct udf_limits *limits,
				       const char *scratch, char ***ret_argv,
				       char ***ret_env);

/* --- words_out.c --- */

/* A word vector that grows; NULL-terminated. */
struct words_out {
	char **words; /* owned */
	size_t n, cap;
};
MUST_CHECK struct err *words_add(struct words_out *w, const char *fmt, ...)
	PRINTF_LIKE(2, 3);
MUST_CHECK struct err *words_add_all(struct words_out *w, const char *const *words);
static inline void auto_words_out(struct words_out *w)
{
	udf_words_free(w->words);
}
#define AUTO_WORDS __attribute__((cleanup(auto_words_out)))

#endif
