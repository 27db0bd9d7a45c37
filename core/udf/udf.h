// SPDX-License-Identifier: Apache-2.0
/*
 * udf.h: functions that are programs: how they are kept, and how they are run.
 *
 * A UDF is any executable in one of three shapes, which is how rows get to it.  What is
 * needed to run it again is a bundle: a directory _udfs/HASH of the dataset that holds
 * its files and a udf.ini, and whose name is the SHA-256 of just that; equal bundles
 * have equal names wherever they are made.  A name (_udfs/names/NAME) points to the
 * bundle that was registered last under it, so that a column, which remembers the hash,
 * can be told to be out of date.
 *
 * A worker is a process that runs a UDF and lives as long as it works: batches of rows
 * go in through a pipe, values come out through another, several batches on the way at
 * a time.  It knows nothing of tables.
 *
 * bundle*.c, describe.c   registering, finding, reading      sandbox.c   bubblewrap
 * process.c               a child with limits                shape_*.c   one shape each
 * worker.c                batches in, values out
 *
 * To add a shape: write shape_<name>.c with a struct shape_ops and add a row to
 * shapes.c.
 */
#ifndef LANCEFS_UDF_UDF_H
#define LANCEFS_UDF_UDF_H

#include "format/format.h"
#include "io/io.h"

/* --- bundles --- */

/* How rows get to a function, and values back. */
enum udf_shape {
	UDF_LINES, /* txt lines, tab-separated; a line a row */
	UDF_ARROW, /* Arrow IPC streams; a batch for a batch */
	UDF_FILES, /* lines, in which a binary value is the path of a file with it */
	UDF_N_SHAPES,
};
const char *udf_shape_name(enum udf_shape shape);
MUST_CHECK struct err *udf_shape_parse(const char *text, enum udf_shape *ret);

/* One value that it gives a row. */
struct udf_output {
	char *name;	   /* owned; NULL: it says none */
	struct type *type; /* owned reference; NULL: it says none */
};

/* A file that it needs besides its own, by its content at registration. */
struct udf_model {
	char *path; /* owned; absolute */
	char *hash; /* owned; SHA-256, hexadecimal */
};

#define UDF_HASH_LEN 64

struct udf {
	char *name; /* owned; what it was found by, or NULL */
	char hash[UDF_HASH_LEN + 1];
	enum udf_shape shape;
	/* Owned, NULL-terminated.  In the first word and in arguments "./" at the
	 * beginning stands for the bundle's directory. */
	char **command;
	char *interpreter; /* owned; "python3" of a script's first line; or NULL */
	char *interpreter_version; /* owned; what it says of itself; or NULL */
	char **inputs; /* owned, NULL-terminated; columns it is made for; empty: any */
	size_t n_outputs;
	struct udf_output *outputs; /* owned; at least one */
	size_t n_models;
	struct udf_model *models; /* owned */
	char **readable; /* owned, NULL-terminated; paths it may read besides */
	char *lock; /* owned; SHA-256 of its lock file (uv.lock, requirements.txt …),
		     * or NULL */
};
void udf_free(struct udf *u); /* accepts NULL */
DEFINE_AUTO(udf, udf_free)

/* What a user says at registration; NULL or empty: what the bundle or the file itself
 * says, else the default. */
struct udf_options {
	const char *name;
	const char *shape;
	const char *type; /* of its output, or several as "a:float, b:string" */
};

/*
 * Register an executable file or a bundle's directory, open as dir_fd (a directory) or
 * file_fd with its name; the other is -1.  Both are borrowed.  EINVAL for what is not
 * executable or a udf.ini that says nonsense, with line; EROFS.  Durable on return.
 * *ret is what udf_load gives.
 */
MUST_CHECK struct err *udf_register_file(struct io_store *s, int file_fd,
					 const char *file_name,
					 const struct udf_options *options,
					 struct udf **ret);
MUST_CHECK struct err *udf_register_dir(struct io_store *s, int dir_fd,
					const char *dir_name,
					const struct udf_options *options,
					struct udf **ret);
/* By a registered name, or by a hash (or the first 8 digits or more of one).  ENOENT,
 * naming near ones; EIO if the bundle is not what its hash says. */
MUST_CHECK struct err *udf_load(struct io_store *s, const char *name_or_hash,
				struct udf **ret);
/* NULL, or why the models that it declares are not what they were (ENOENT, ESTALE). */
MUST_CHECK struct err *udf_check_models(const struct udf *u);
/* Registered names, sorted; the caller frees each and the array. */
MUST_CHECK struct err *udf_list(struct io_store *s, char ***ret, size_t *ret_n);
/* The hash that a name points to; *ret_found false: there is no such name. */
MUST_CHECK struct err *udf_find(struct io_store *s, const char *name, bool *ret_found,
				char hash[UDF_HASH_LEN + 1]);
/* Forget a name; the bundle stays while columns or jobs may need it.  ENOENT. */
MUST_CHECK struct err *udf_remove(struct io_store *s, const char *name);
/* What `udf show` and udfs/NAME say. */
void udf_render(const struct udf *u, bool json, struct buf *out);

/* --- workers --- */

/* What a worker may use. */
struct udf_limits {
	uint64_t memory;       /* bytes a process; 0: no limit */
	int64_t timeout_ns;    /* without any answer; 0: for ever */
	const char *gpus;      /* CUDA_VISIBLE_DEVICES; NULL: as it is */
	const char *hidden[4]; /* directories that it must not see: the dataset, the
				* mount; NULL: none further */
	bool is_unsandboxed;
};

struct udf_job {
	struct io_store *store; /* of the dataset, whose bundle it is; borrowed */
	const struct udf *udf;	/* borrowed, as all here, for the worker's life */
	struct field *const *inputs;
	size_t n_inputs;
	struct type *const *outputs;
	size_t n_outputs;
	struct udf_limits limits;
	/* What it writes to stderr, a line at a time, at most some MiB of it; any
	 * thread.  NULL: nobody wants it. */
	void (*tell)(void *ctx, unsigned worker, const char *line);
	void *ctx;
};

/* EOPNOTSUPP, saying what to do, if UDFs cannot be run in a sandbox here. */
MUST_CHECK struct err *udf_check_sandbox(void);
/*
 * The command line that runs u in a sandbox (or without): an argument vector and an
 * environment, NULL-terminated; udf_words_free releases each.  scratch: a private
 * directory that is shown under its own path, read-only; or NULL.
 */
MUST_CHECK struct err *udf_command_line(struct io_store *s, const struct udf *u,
					const struct udf_limits *limits,
					const char *scratch, char ***ret_argv,
					char ***ret_env);
void udf_words_free(char **words); /* accepts NULL */

#endif
