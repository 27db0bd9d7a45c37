// SPDX-License-Identifier: Apache-2.0
/*
 * jobs_priv.h: the files of jobs.
 *
 * They are opened by descriptors of their directories and never through a symlink,
 * and what they hold is not trusted: somebody else may have written the dataset.
 */
#ifndef LANCEFS_JOB_JOBS_PRIV_H
#define LANCEFS_JOB_JOBS_PRIV_H

#include "job/jobs.h"

#define JOBS_PATH "_lancefs/jobs"
#define LIMIT_JOB_FILE ((uint64_t)1 << 20)   /* bytes of command, of status.json */
#define LIMIT_JOB_MESSAGE ((size_t)64 << 10) /* bytes of an answer that are kept */
#define LIMIT_JOB_LOG ((uint64_t)8 << 20)    /* bytes of log */
#define LIMIT_JOBS ((size_t)65536)	     /* that are listed, the newest */

/* --- jobs_dir.c --- */

/* The directory of all jobs; -1 if there is none. */
MUST_CHECK struct err *jobs_dir_open(struct io_store *s, int *ret_fd);
/* The same, made if it must be.  EROFS, EOPNOTSUPP. */
MUST_CHECK struct err *jobs_dir_make(struct io_store *s, int *ret_fd);
/* The directory of a job.  ENOENT. */
MUST_CHECK struct err *job_dir_open(struct io_store *s, uint64_t id, int *ret_fd);
/* Numbers that may be jobs', ascending; the caller's. */
MUST_CHECK struct err *job_ids(struct io_store *s, uint64_t **ret, size_t *ret_n);
/* A small regular file; *ret_found false if it is not there, or is no such file. */
MUST_CHECK struct err *job_file_read(int dir, const char *name, struct buf *out,
				     bool *ret_found);
/* Replace a file as a whole; who writes it has the lock of the job. */
MUST_CHECK struct err *job_file_replace(int dir, const char *name, const void *p,
					size_t len, bool is_durable);
/* Open a regular file for reading; -1. */
int job_file_open(int dir, const char *name);
/* Open a file to append to it, made if it is not there.  EIO if it is no file. */
MUST_CHECK struct err *job_file_append(int dir, const char *name, int *ret_fd);
/* All of it, or an error that names it. */
MUST_CHECK struct err *job_file_write(int fd, const char *name, const void *p,
				      size_t len);
/* Remove a job's directory.  The lock is held. */
void job_dir_remove(int jobs, uint64_t id);
/* Lock a job: a descriptor to close, or -1 if somebody has it. */
MUST_CHECK struct err *job_dir_lock(int dir, int *ret_fd);
bool job_dir_is_locked(int dir);

/* Write down that this user has made it; without a key that is left out. */
void job_seal(struct io_store *s, int dir, uint64_t id, const char *command);

/* What is asked of a job. */
enum job_request job_request_read(int dir);
MUST_CHECK struct err *job_request_write(int dir, enum job_request what);
/* true if there was one. */
bool job_request_clear(int dir);

/* --- jobs_status.c, jobs_text.c --- */

enum job_lock_holder { LOCKED_BY_OTHERS, LOCKED_BY_CALLER };

/* The status of a job as it is; ENOENT if the directory is no job. */
MUST_CHECK struct err *job_status_load(int dir, uint64_t id,
				       enum job_lock_holder holder,
				       struct job_status *ret);
MUST_CHECK struct err *job_status_save(int dir, const struct job_status *s,
				       bool is_durable);
/* Set the runner to this process. */
MUST_CHECK struct err *job_status_sign(struct job_status *s);
int64_t job_now_ns(void); /* since the epoch */

#endif
