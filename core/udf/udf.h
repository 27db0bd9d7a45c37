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
 * register.c, bundle*.c   registering, finding, reading      sandbox.c   bubblewrap
 * spec*.c, ini_write.c    udf.ini, read and written          describe.c  asking it
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
	char *path; /* owned; absolute, or "./PATH" in the bundle */
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
	const char *type;    /* of its output, or several as "a:float, b:string" */
	bool is_unsandboxed; /* run what is to be asked without a sandbox */
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
/* A file of a bundle, by its path in it; *ret stays NULL if there is none. */
MUST_CHECK struct err *udf_open_file(struct io_store *s, const char *hash,
				     const char *path, struct io_file **ret);
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

/* What all workers of one run have in common. */
struct udf_run {
	struct io_store *store; /* of the dataset, whose bundle it is; borrowed */
	const struct udf *udf;	/* borrowed, as all here, for the workers' lives */
	struct field *inputs;	/* a table of columns, as FORMAT_TABLE_KEY has it */
	struct type *const *outputs;
	size_t n_outputs;
	uint64_t min_batch, max_batch; /* rows of a batch */
	struct udf_limits limits;
	/* A line that a worker writes to stderr; of each process at most some MiB.  Any
	 * thread.  NULL: nobody wants them. */
	void (*tell)(void *ctx, unsigned worker, const char *line);
	void *ctx;
};

/* EINVAL if the shape cannot carry the type of an input or an output, naming it. */
MUST_CHECK struct err *udf_check_types(const struct udf_run *run);

struct udf_failed_row {
	uint64_t row; /* of its batch */
	char *reason; /* owned */
};

/* The values of a batch. */
struct udf_answer {
	uint64_t n_rows;
	struct array **outputs; /* owned, each of n_rows */
	size_t n_outputs;
	struct udf_failed_row *failed; /* owned; rows without a value, ascending; null
					* in the outputs */
	size_t n_failed;
};
void udf_answer_fini(struct udf_answer *a); /* accepts zeroed */

/* Why a process is gone. */
enum udf_failure_kind {
	UDF_CRASHED,	  /* it ended by a signal or with a status, or too early */
	UDF_TIMED_OUT,	  /* it gave no sign of life */
	UDF_WRONG_ANSWER, /* too few or too many values, or what cannot be read */
	UDF_NOT_STARTED,  /* there is no such program, or it cannot be run */
};
struct udf_failure {
	enum udf_failure_kind kind;
	char reason[160]; /* "exit status 3", "signal 11 (Segmentation fault)" */
	char text[512];	  /* the last line that it wrote to stderr; may be "" */
};

enum udf_event {
	UDF_ANSWER, /* the oldest batch is done */
	UDF_WANTS,  /* another batch may be sent */
	UDF_FAILED, /* the process is gone, and with it all batches without an answer */
	UDF_QUIET,  /* nothing has happened for a moment */
};

/*
 * A worker.  Belongs to one thread, which must live as long: its processes end with it.
 *
 * Where a function answers a batch for a batch (arrow) each is done when it is
 * answered.  Where it does not (lines, files) only the end of a process proves that
 * there is a line for each row: a worker ends its input now and then, after a time that
 * is long beside what starting costs, and batches are done when the process has ended
 * well.
 */
struct udf_worker;
MUST_CHECK struct err *udf_worker_new(const struct udf_run *run, unsigned number,
				      struct udf_worker **ret);
void udf_worker_free(struct udf_worker *w); /* kills; accepts NULL */
DEFINE_AUTO(udf_worker, udf_worker_free)
/* Rows that the next batch should have at the most; 0: none may be sent now. */
uint64_t udf_worker_wants(const struct udf_worker *w);
/* Send a batch: a struct array of the inputs, n_rows >= 1; it is copied.  A process is
 * started if there is none.  An error is ours (ENOSPC, ENOMEM), not the function's. */
MUST_CHECK struct err *udf_worker_send(struct udf_worker *w, struct array *rows);
/* No batch comes for now: what was sent is to be answered. */
void udf_worker_end_input(struct udf_worker *w);
size_t udf_worker_in_flight(const struct udf_worker *w); /* batches without an answer */
/* Wait for something to happen, a tenth of a second at the most.  ret_answer is set by
 * UDF_ANSWER alone; an error is ours. */
MUST_CHECK struct err *udf_worker_wait(struct udf_worker *w, enum udf_event *ret,
				       struct udf_answer *ret_answer);
/* Of the last UDF_FAILED. */
const struct udf_failure *udf_worker_failure(const struct udf_worker *w);

/* --- running them in a sandbox: sandbox.c --- */

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
