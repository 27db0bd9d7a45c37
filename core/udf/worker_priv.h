// SPDX-License-Identifier: Apache-2.0
/*
 * worker_priv.h: what a worker is made of: a process, and a shape that turns batches
 * into bytes and bytes into values.
 */
#ifndef LANCEFS_UDF_WORKER_PRIV_H
#define LANCEFS_UDF_WORKER_PRIV_H

#include "udf/udf.h"

#include <sys/types.h>

/* --- process.c --- */

struct process {
	pid_t pid;	  /* leader of a session of its own; 0: there is none */
	int pidfd;	  /* readable once it has ended; -1 */
	int in, out, err; /* our ends of its pipes, which do not block; -1: closed */
};
#define PROCESS_NONE ((struct process){.pidfd = -1, .in = -1, .out = -1, .err = -1})

/* Start a program.  ENOENT, EACCES, ENOEXEC as execve(2).  It dies with the calling
 * thread.  memory: bytes that it may use; 0: no limit. */
MUST_CHECK struct err *process_start(char *const *argv, char *const *env,
				     uint64_t memory, struct process *ret);
/* Has it ended?  *ret_status is then as of waitpid(2), and it is reaped. */
bool process_ended(struct process *p, int *ret_status);
/* Kill it with all that it started, and close the pipes.  Accepts PROCESS_NONE. */
void process_stop(struct process *p);
/* "exit status 3", "signal 11 (Segmentation fault)"; a sandbox says signals by a
 * status. */
void process_describe(int status, bool is_sandboxed, char *dst, size_t size);

/* --- scratch.c --- */

/* A new private directory; the caller's, until scratch_remove. */
MUST_CHECK struct err *scratch_make(char **ret_path, int *ret_fd);
/* Remove it with what is in it.  Takes fd. */
void scratch_remove(const char *path, int fd);

/* --- shapes --- */

struct coder;

struct shape_ops {
	const char *name;
	/* A batch is answered by a batch. */
	bool answers_batches;
	bool needs_scratch;		     /* a directory of its own */
	bool (*takes)(const struct type *t); /* a type of an input */
	bool (*gives)(const struct type *t); /* and of an output */
	struct err *(*open)(struct coder *c);
	void (*close)(struct coder *c);
	/* A process begins: what it is sent first. */
	struct err *(*begin)(struct coder *c, struct buf *out);
	/* Append a batch as bytes. */
	struct err *(*encode)(struct coder *c, struct array *rows, struct buf *out);
	/* What it is sent last; NULL: nothing. */
	void (*end)(struct buf *out);
	/* Bytes that came back.  EINVAL: not what was asked for. */
	struct err *(*decode)(struct coder *c, const uint8_t *p, size_t len);
	/* No more come.  EINVAL: something is missing. */
	struct err *(*finish)(struct coder *c);
};
/* The row of the table for a shape. */
const struct shape_ops *shape_find(enum udf_shape shape);
extern const struct shape_ops shape_lines, shape_arrow, shape_files;

struct coder {
	const struct shape_ops *ops;
	const struct udf_run *run; /* borrowed */
	char *scratch;		   /* owned; a directory; NULL: none */
	void *state;		   /* owned by the shape */
	uint64_t wanted; /* rows of the oldest batch that has no values yet; 0: none */
	/* Values of the oldest batch; takes them. */
	struct err *(*answer)(void *ctx, struct udf_answer *a);
	void *ctx;
};

/* An answer without values yet: n_outputs empty slots. */
MUST_CHECK struct err *answer_new(const struct udf_run *run, uint64_t n_rows,
				  struct udf_answer *ret);
/* Say that a row, behind those before, has no value.  Takes nothing. */
MUST_CHECK struct err *answer_fail(struct udf_answer *a, uint64_t row,
				   const char *reason);

#endif
