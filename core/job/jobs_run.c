// SPDX-License-Identifier: Apache-2.0
/*
 * jobs_run.c: a job that this process runs.
 *
 * The lock is held from the claim to the end, and only its holder writes the status.
 * What is told often (rows) is written now and then, and a status is written anyway
 * every few seconds, which shows to other hosts that somebody is there.
 *
 * .files is taken before .lock; writing is done under .files alone, so that telling is
 * cheap.
 */
#include "job/jobs_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECOND_NS INT64_C(1000000000)
#define WRITE_EVERY_NS (SECOND_NS / 3)
#define BEAT_EVERY_NS (10 * SECOND_NS)
#define LOOK_EVERY_NS (SECOND_NS / 10)
#define N_SAMPLES 20 /* a second from each other */

/* How many rows were done when. */
struct samples {
	struct {
		int64_t ns;
		uint64_t done;
	} at[N_SAMPLES];
	size_t n;
};

struct job {
	uint64_t id;
	int dir, lock_fd; /* owned */
	void (*observer)(void *ctx, uint64_t done, uint64_t total);
	void *observer_ctx;
	atomic_bool is_ending;
	const atomic_bool *ending; /* borrowed; or NULL */
	atomic_int request;	   /* as last seen */
	atomic_bool has_paused;	   /* somebody was told of a pause */
	atomic_llong next_look;	   /* monotonic */
	atomic_llong next_write;   /* monotonic */

	pthread_mutex_t files;
	int log_fd, errors_fd; /* guarded by .files; owned; -1: not open */
	uint64_t log_len;      /* guarded by .files */

	pthread_mutex_t lock;
	struct job_status status; /* guarded by .lock */
	struct samples samples;	  /* guarded by .lock */
	double busy_before;	  /* set before it is shared */
	int64_t begun_ns;	  /* the same; monotonic */
};

static void drop(struct job *j)
{
	if (j->log_fd >= 0)
		close(j->log_fd);
	if (j->errors_fd >= 0)
		close(j->errors_fd);
	if (j->dir >= 0)
		close(j->dir);
	if (j->lock_fd >= 0)
		close(j->lock_fd);
	job_status_fini(&j->status);
	pthread_mutex_destroy(&j->lock);
	pthread_mutex_destroy(&j->files);
	free(j);
}

/* --- how fast --- */

static void add_sample(struct samples *s, int64_t now, uint64_t done)
{
	if (s->n && done < s->at[s->n - 1].done)
		s->n = 0; /* it began anew */
	if (s->n && now - s->at[s->n - 1].ns < SECOND_NS)
		return;
	if (s->n == N_SAMPLES)
		memmove(s->at, s->at + 1, --s->n * sizeof(s->at[0]));
	s->at[s->n].ns = now;
	s->at[s->n++].done = done;
}

static double rate(const struct samples *s, int64_t now, uint64_t done)
{
	if (!s->n || now - s->at[0].ns < SECOND_NS / 10 || done < s->at[0].done)
		return 0;
	return (double)(done - s->at[0].done) * 1e9 / (double)(now - s->at[0].ns);
}

/* Bring what follows from the clock up to date; .lock held. */
static void take_time(struct job *j)
{
	struct job_status *s = &j->status;
	int64_t now = monotonic_ns();
	s->busy_s = j->busy_before + (double)(now - j->begun_ns) / 1e9;
	s->rows_per_s = rate(&j->samples, now, s->done);
	s->eta_s = -1;
	if (s->rows_per_s > 0 && s->total >= s->done)
		s->eta_s = (double)(s->total - s->done) / s->rows_per_s;
}

/* --- writing --- */

/* The status as it is to be written, a copy without owners of its own. */
static struct err *write_status(struct job *j, bool is_durable)
{
	LOCK_SCOPE(&j->files);
	pthread_mutex_lock(&j->lock);
	take_time(j);
	struct job_status s = j->status; /* its texts change under .files alone */
	pthread_mutex_unlock(&j->lock);
	atomic_store(&j->next_write, monotonic_ns() + WRITE_EVERY_NS);
	return job_status_save(j->dir, &s, is_durable);
}

/* A status that cannot be written now is written later, or at the end. */
static void write_if_due(struct job *j, int64_t slack_ns)
{
	long long due = atomic_load(&j->next_write), now = monotonic_ns();
	if (now < due + slack_ns ||
	    !atomic_compare_exchange_strong(&j->next_write, &due, now + WRITE_EVERY_NS))
		return;
	err_free(write_status(j, false));
}

static void log_text(struct job *j, const char *text)
{
	static const char full[] = "the log is full: what follows is not told\n";
	AUTO_BUF struct buf line = {0};
	LOCK_SCOPE(&j->files);
	if (j->log_fd < 0 || j->log_len > LIMIT_JOB_LOG)
		return;
	buf_time(&line, job_now_ns());
	buf_byte(&line, ' ');
	for (const char *p = text; *p; p++)
		buf_byte(&line, (uint8_t)*p < 0x20 && *p != '\t' ? ' ' : (uint8_t)*p);
	buf_byte(&line, '\n');
	if (line.failed) /* out of memory: a line less */
		return;
	j->log_len += line.len;
	if (j->log_len > LIMIT_JOB_LOG)
		err_free(job_file_write(j->log_fd, "log", full, sizeof(full) - 1));
	else
		err_free(job_file_write(j->log_fd, "log", line.data, line.len));
}

void job_log(struct job *j, const char *fmt, ...)
{
	char text[4096];
	va_list args;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	log_text(j, text);
}

/* --- the claim --- */

static struct err *cannot_claim(const struct job_status *s)
{
	if (s->state == JOB_RUNNING)
		return err_new(EBUSY, "job %" PRIu64 " runs on %s as process %" PRId64,
			       s->id, s->host ? s->host : "another host", s->pid);
	return err_new(EINVAL, "job %" PRIu64 " is %s%s", s->id,
		       job_state_name(s->state),
		       s->state == JOB_DONE ? "" : "; resume it first");
}

static struct err *lock_dir(struct job *j)
{
	TRY(job_dir_lock(j->dir, &j->lock_fd));
	if (j->lock_fd < 0)
		return err_new(EBUSY, "job %" PRIu64 " is being run by another process",
			       j->id);
	return NULL;
}

static struct err *begin(struct job *j)
{
	struct job_status *s = &j->status;
	s->state = JOB_RUNNING;
	s->attempts++;
	s->code = 0;
	s->is_partial = false;
	s->ended_ns = 0;
	if (!s->started_ns)
		s->started_ns = job_now_ns();
	free(TAKE(s->message));
	j->busy_before = s->busy_s;
	j->begun_ns = monotonic_ns();
	TRY(job_status_sign(s));
	return write_status(j, true);
}

static struct err *open_log(struct job *j)
{
	struct stat st;
	TRY(job_file_append(j->dir, "log", &j->log_fd));
	if (fstat(j->log_fd, &st) == 0)
		j->log_len = (uint64_t)st.st_size;
	return NULL;
}

static struct err *claim(struct io_store *s, struct job *j)
{
	TRY(job_dir_open(s, j->id, &j->dir));
	TRY(lock_dir(j));
	TRY(job_status_load(j->dir, j->id, LOCKED_BY_CALLER, &j->status));
	if (j->status.state != JOB_PENDING)
		return cannot_claim(&j->status);
	TRY(open_log(j));
	TRY(begin(j));
	job_log(j, "run %" PRIu64 " begins: host=%s pid=%" PRId64, j->status.attempts,
		j->status.host, j->status.pid);
	return NULL;
}

struct err *job_claim(struct io_store *s, uint64_t id, struct job **ret)
{
	struct job *j;
	TRY(mem_new(&j));
	j->id = id;
	j->dir = j->lock_fd = j->log_fd = j->errors_fd = -1;
	pthread_mutex_init(&j->files, NULL);
	pthread_mutex_init(&j->lock, NULL);
	struct err *err = claim(s, j);
	if (err)
		drop(j);
	else
		*ret = j;
	return err;
}

/* --- the end --- */

/* An answer may be a whole table. */
static char *short_copy(const char *text)
{
	size_t len = text ? strnlen(text, LIMIT_JOB_MESSAGE) : 0;
	while (len && text[len - 1] == '\n')
		len--;
	char *copy = NULL;
	if (len)
		err_free(str_dup_len(text, len, &copy)); /* then it has none */
	return copy;
}

static void set_end(struct job *j, enum job_state state, const char *message,
		    const struct err *err)
{
	struct job_status *s = &j->status;
	LOCK_SCOPE(&j->lock);
	s->state = state;
	s->message = short_copy(err ? err->msg : message);
	s->code = err && state == JOB_FAILED ? err->code : 0;
	if (job_state_is_final(state))
		s->ended_ns = job_now_ns();
	if (state != JOB_DONE)
		s->is_partial = false;
}

struct err *job_end(struct job *j, enum job_state state, const char *message,
		    const struct err *err)
{
	if (state == JOB_PENDING) /* there is nothing to be told */
		message = NULL, err = NULL;
	set_end(j, state, message, err);
	job_log(j, "run %" PRIu64 " ends: %s%s%s", j->status.attempts,
		job_state_name(state), j->status.message ? ": " : "",
		j->status.message ? j->status.message : "");
	if (err && err->detail)
		job_log(j, "%s", err->detail);
	struct err *failed = write_status(j, true);
	if (job_state_is_final(state)) /* else one that just came would be lost */
		job_request_clear(j->dir);
	drop(j);
	return failed;
}

void job_release(struct job *job)
{
	if (job) /* if that is not written, its lock is free, which says the same */
		err_free(job_end(job, JOB_PENDING, NULL, NULL));
}

/* --- what is told --- */

uint64_t job_id(const struct job *job)
{
	return job->id;
}

const char *job_command(const struct job *job)
{
	return job->status.command; /* stays as it is */
}

void job_observe(struct job *j, void (*fn)(void *ctx, uint64_t done, uint64_t total),
		 void *ctx)
{
	j->observer = fn;
	j->observer_ctx = ctx;
}

/* failed NULL: as before. */
static void tell(struct job *j, uint64_t done, uint64_t total, const uint64_t *failed)
{
	pthread_mutex_lock(&j->lock);
	j->status.done = done;
	j->status.total = total;
	if (failed)
		j->status.failed = *failed;
	add_sample(&j->samples, monotonic_ns(), done);
	pthread_mutex_unlock(&j->lock);
	write_if_due(j, 0);
	if (j->observer)
		j->observer(j->observer_ctx, done, total);
}

void job_tell(struct job *j, uint64_t done, uint64_t total, uint64_t failed)
{
	tell(j, done, total, &failed);
}

void job_tell_progress(struct job *j, uint64_t done, uint64_t total)
{
	tell(j, done, total, NULL);
}

void job_tell_partial(struct job *j)
{
	LOCK_SCOPE(&j->lock);
	j->status.is_partial = true;
}

void job_tell_version(struct job *j, uint64_t version)
{
	pthread_mutex_lock(&j->lock);
	j->status.version = version;
	pthread_mutex_unlock(&j->lock);
	job_log(j, "commit version=%" PRIu64, version);
	err_free(write_status(j, false)); /* written again at the end */
}

/* --- what is asked --- */

enum job_request job_requested(struct job *j)
{
	long long due = atomic_load(&j->next_look), now = monotonic_ns();
	if (now >= due &&
	    atomic_compare_exchange_strong(&j->next_look, &due, now + LOOK_EVERY_NS)) {
		atomic_store(&j->request, (int)job_request_read(j->dir));
		write_if_due(j, BEAT_EVERY_NS);
	}
	enum job_request seen = (enum job_request)atomic_load(&j->request);
	if (seen == JOB_PAUSE)
		atomic_store(&j->has_paused, true);
	if (seen == JOB_GO_ON && job_is_ending(j))
		return JOB_PAUSE;
	return seen;
}

struct err *job_check(struct job *job)
{
	switch (job ? job_requested(job) : JOB_GO_ON) {
	case JOB_PAUSE:
		return err_new(EINTR, "paused");
	case JOB_CANCEL:
		return err_new(ECANCELED, "cancelled");
	case JOB_GO_ON:
		break;
	}
	return NULL;
}

bool job_is_resumed(struct job *j)
{
	if (!atomic_exchange(&j->has_paused, false) || job_is_ending(j))
		return false;
	enum job_request asked = job_request_read(j->dir);
	atomic_store(&j->request, (int)asked);
	return asked == JOB_GO_ON;
}

void job_interrupt(struct job *j)
{
	atomic_store(&j->is_ending, true);
}

void job_heed(struct job *j, const atomic_bool *is_ending)
{
	j->ending = is_ending;
}

bool job_is_ending(struct job *j)
{
	return atomic_load(&j->is_ending) || (j->ending && atomic_load(j->ending));
}

/* --- rows that could not be computed --- */

static void put_cell(struct buf *out, const char *text)
{
	static const char special[] = "\\\t\n\r", letters[] = "\\tnr";
	if (!text)
		text = "\\N";
	else
		for (; *text; text++) {
			const char *found = strchr(special, *text);
			if (found)
				buf_byte(out, '\\');
			buf_byte(out,
				 (uint8_t)(found ? letters[found - special] : *text));
		}
	buf_str(out, text);
}

/* A header for an empty file; an end for a line that a kill has cut. */
static struct err *open_errors(struct job *j)
{
	static const char header[] =
		"row\taddress\tfragment\toffset\tattempt\treason\ttext\n";
	struct stat st;
	char last = '\n';
	TRY(job_file_append(j->dir, "errors.tsv", &j->errors_fd));
	if (fstat(j->errors_fd, &st) != 0)
		return err_errno(errno, "errors.tsv");
	if (st.st_size == 0)
		return job_file_write(j->errors_fd, "errors.tsv", header,
				      sizeof(header) - 1);
	AUTO_FD int fd =
		openat(j->dir, "errors.tsv", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0 && pread(fd, &last, 1, st.st_size - 1) == 1 && last != '\n')
		return job_file_write(j->errors_fd, "errors.tsv", "\n", 1);
	return NULL;
}

struct err *job_put_error(struct job *j, const struct job_row_error *e)
{
	AUTO_BUF struct buf line = {0};
	buf_printf(&line, "%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%u\t",
		   e->row, e->fragment << 32 | e->offset, e->fragment, e->offset,
		   e->attempt);
	put_cell(&line, e->reason);
	buf_byte(&line, '\t');
	put_cell(&line, e->text);
	buf_byte(&line, '\n');
	TRY(buf_check(&line));
	LOCK_SCOPE(&j->files);
	if (j->errors_fd < 0)
		TRY(open_errors(j));
	return job_file_write(j->errors_fd, "errors.tsv", line.data, line.len);
}
