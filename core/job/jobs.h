// SPDX-License-Identifier: Apache-2.0
/*
 * jobs.h: work that outlives the process that does it; part of job.h.
 *
 * A job is a command line and a directory _lancefs/jobs/ID of the dataset, which every
 * mount and lancectl see:
 *
 *   command      the line
 *   status.json  its state and how far it is; replaced as a whole
 *   log          what happened, a line each, with its time
 *   errors.tsv   rows that could not be computed; a header, then a line each
 *   request      "pause" or "cancel", from whoever wants it; gone once the job goes on
 *                or has ended
 *   seal         says to this user that it is his (jobs_seal.c)
 *   lock         locked (fcntl, of an open file description) by the process that runs
 * it
 *
 * To run a job is to run its command with the job in hand; to resume it is to run it
 * again, and what it has done is found in what it left (checkpoints, versions).  A job
 * whose state is RUNNING and whose lock is free was killed: it is PENDING.
 */
#ifndef LANCEFS_JOB_JOBS_H
#define LANCEFS_JOB_JOBS_H

#include "io/io.h"

enum job_state {
	JOB_PENDING,
	JOB_RUNNING,
	JOB_PAUSED,
	JOB_DONE,
	JOB_FAILED,
	JOB_CANCELLED,
	JOB_N_STATES,
};
const char *job_state_name(enum job_state state); /* "PENDING" */
/* DONE, FAILED or CANCELLED. */
bool job_state_is_final(enum job_state state);

enum job_request { JOB_GO_ON, JOB_PAUSE, JOB_CANCEL };

struct job_status {
	uint64_t id;
	enum job_state state; /* as it is: PENDING if it was killed */
	char *command;	      /* owned, as all texts here */
	uid_t uid;	      /* whose file the command is */
	char *what;	      /* "backfill quality"; may be NULL */
	char *message;	      /* the answer of the command, or why it failed; or NULL */
	int code;	      /* errno of a failure, else 0 */
	uint64_t done, total; /* rows */
	uint64_t failed;      /* rows that could not be computed */
	bool is_partial;      /* it is done, but not for all rows */
	double rows_per_s;    /* of late; 0: not known */
	double eta_s;	      /* < 0: not known */
	int64_t created_ns, started_ns, ended_ns; /* since the epoch; 0: not yet */
	double busy_s;	   /* that it ran, over all of its runs */
	uint64_t version;  /* the last one that it committed; 0: none */
	uint64_t attempts; /* times that it was begun */
	char *host;	   /* that runs or ran it; or NULL */
	char *boot;	   /* which boot of the machine; or NULL */
	int64_t pid;
};
void job_status_fini(struct job_status *s); /* accepts zeroed */

/* A job that this process runs.  Any thread may tell it things, until it is given
 * back. */
struct job;

/* Make one, PENDING, durable.  what is for people.  EROFS. */
MUST_CHECK struct err *job_create(struct io_store *s, const char *command,
				  const char *what, uint64_t *ret_id);
/* Take it to run it, which makes it RUNNING: ENOENT; EBUSY if another process (or
 * thread) runs it; EINVAL if it has ended or is paused. */
MUST_CHECK struct err *job_claim(struct io_store *s, uint64_t id, struct job **ret);
/* Give it back in a state (PENDING: the process ends and somebody else is to go on),
 * with the answer or the reason; err is borrowed and may be NULL.  Takes job. */
MUST_CHECK struct err *job_end(struct job *job, enum job_state state,
			       const char *message, const struct err *err);
/* job_end as PENDING, for cleanup; accepts NULL. */
void job_release(struct job *job);
DEFINE_AUTO(job, job_release)

uint64_t job_id(const struct job *job);
const char *job_command(const struct job *job); /* borrowed */
/* How far it is; written down at most a few times a second. */
void job_tell(struct job *job, uint64_t done, uint64_t total, uint64_t failed);
/* The same by who knows of no failures: their number stays. */
void job_tell_progress(struct job *job, uint64_t done, uint64_t total);
/* It is done, or will be, but not for all rows. */
void job_tell_partial(struct job *job);
/* Whom to tell how far it is, whenever job_tell is called; NULL: nobody.  Set before
 * others know the job. */
void job_observe(struct job *job, void (*fn)(void *ctx, uint64_t done, uint64_t total),
		 void *ctx);
/* It has committed a version. */
void job_tell_version(struct job *job, uint64_t version);
/* A line for its log.  Bounded: past some MiB lines are dropped, which is said. */
void job_log(struct job *job, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* What somebody, or the end of the process, wants of it; cheap. */
enum job_request job_requested(struct job *job);
/* The same as an error to end with: EINTR for a pause, ECANCELED.  NULL if it may go
 * on; job may be NULL. */
MUST_CHECK struct err *job_check(struct job *job);
/* A pause of which job_requested told was taken back since then.  Told once. */
bool job_is_resumed(struct job *job);
/* This process is about to end: job_requested says JOB_PAUSE from now on, and
 * job_is_ending tells that it is for that. */
void job_interrupt(struct job *job);
bool job_is_ending(struct job *job);
/* The same from when a flag is set.  Borrowed; set before others know the job. */
void job_heed(struct job *job, const atomic_bool *is_ending);

/* A row that could not be computed. */
struct job_row_error {
	uint64_t row;		   /* live row of the version that was computed */
	uint64_t fragment, offset; /* its address */
	unsigned attempt;	   /* that was the last */
	const char *reason; /* "exit status 3", "signal 11 (Segmentation fault)" */
	const char *text;   /* the last line of stderr, or what it says; may be NULL */
};
/* Append it to errors.tsv. */
MUST_CHECK struct err *job_put_error(struct job *job, const struct job_row_error *e);

/* --- from outside --- */

/* ENOENT: "no job 12". */
MUST_CHECK struct err *job_read(struct io_store *s, uint64_t id,
				struct job_status *ret);
/* Open one of its files for reading: command, log, errors.tsv.  *ret_fd is -1 if it is
 * not there, or not yet. */
MUST_CHECK struct err *job_open_file(struct io_store *s, uint64_t id, const char *name,
				     int *ret_fd);
/* Did this user make it, here?  What comes with somebody's dataset is not to be run
 * unasked if it may do harm. */
bool job_is_sealed(struct io_store *s, const struct job_status *status);
/* All of them, the oldest first; jobs_free releases. */
MUST_CHECK struct err *jobs_list(struct io_store *s, struct job_status **ret,
				 size_t *ret_n);
void jobs_free(struct job_status *jobs, size_t n);
/*
 * Ask for a pause or the end.  One that nobody runs is PAUSED or CANCELLED at once;
 * the runner of another heeds it soon.  JOB_GO_ON: a PAUSED, FAILED or CANCELLED one
 * becomes PENDING, for somebody to claim.  EINVAL if its state does not allow it.
 */
MUST_CHECK struct err *job_ask(struct io_store *s, uint64_t id, enum job_request what);
#define JOB_KEPT_S (30 * 86400.0)
/* Remove those that ended more than max_age_s ago, but the one with the highest number,
 * so that numbers do not come again. */
MUST_CHECK struct err *jobs_expire(struct io_store *s, double max_age_s);
/* status as people read it, lines "key: value"; or status.json. */
void job_render(const struct job_status *s, bool json, struct buf *out);

#endif
