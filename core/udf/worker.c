// SPDX-License-Identifier: Apache-2.0
/*
 * worker.c: batches in, values out.
 *
 * One loop over poll(2): it writes as much as the process takes, reads what comes, and
 * looks for the end.  Values of a process whose end alone proves them are held until
 * then (see shape_ops.answers_batches).
 */
#include "udf/pace_priv.h"
#include "udf/worker_priv.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define WINDOW 3			 /* batches without an answer */
#define OUT_BYTES ((size_t)1 << 20)	 /* not written yet, at which none is wanted */
#define HELD_BYTES ((uint64_t)64 << 20)	 /* of values, at which a process ends */
#define SENT_BYTES ((uint64_t)128 << 20) /* of rows, which are kept till then */
#define TOLD_BYTES ((size_t)1 << 20)	 /* of stderr */
#define TICK_MS 100
#define BATCH_NS INT64_C(200000000) /* that a batch shall take */
#define END_NS INT64_C(10000000000) /* from the last value to the end of a process */
#define READ_BYTES 65536

struct udf_worker {
	const struct udf_run *run; /* borrowed */
	unsigned number;
	struct coder coder;
	int scratch_fd; /* of .coder's directory, if it has one; owned */
	struct process process;
	struct buf out; /* bytes for the process */
	size_t out_at;	/* of them written */
	bool is_ending; /* its input ends behind them */
	bool is_last;	/* no batch is wanted */
	bool has_ended; /* nothing more comes from it */
	uint64_t *sent; /* owned; rows of the batches in flight, the oldest first */
	size_t n_sent, sent_cap;
	struct udf_answer *answers; /* owned; their values, of the oldest ones */
	size_t n_answers, answers_cap;
	size_t n_good;	     /* of them: may be handed out */
	uint64_t held_bytes; /* of those that may not */
	uint64_t sent_bytes; /* to this process */
	uint64_t run_rows,
		run_left;	 /* rows of this process, and that it may still get */
	struct pace batch, life; /* rows of a batch, and of a process */
	int64_t begun_ns, answered_ns, sign_ns;
	struct udf_failure failure;
	struct buf line; /* of stderr, that has not ended */
	size_t n_told;
};

/* --- making and unmaking --- */

static void remove_scratch(struct udf_worker *w)
{
	if (w->coder.scratch)
		scratch_remove(w->coder.scratch, w->scratch_fd);
	free(TAKE(w->coder.scratch));
}

static struct err *take_answer(void *ctx, struct udf_answer *a);

struct err *udf_worker_new(const struct udf_run *run, unsigned number,
			   struct udf_worker **ret)
{
	AUTO(udf_worker) struct udf_worker *w = NULL;
	sigset_t pipes;
	sigemptyset(&pipes);
	sigaddset(&pipes, SIGPIPE); /* write(2) tells */
	pthread_sigmask(SIG_BLOCK, &pipes, NULL);
	TRY(mem_new(&w));
	w->run = run;
	w->number = number;
	w->process = PROCESS_NONE;
	w->coder = (struct coder){.ops = shape_find(run->udf->shape),
				  .run = run,
				  .answer = take_answer,
				  .ctx = w};
	pace_begin(&w->batch, run->min_batch, run->max_batch);
	pace_begin(&w->life, run->min_batch, UINT64_MAX);
	if (w->coder.ops->needs_scratch)
		TRY(scratch_make(&w->coder.scratch, &w->scratch_fd));
	TRY(w->coder.ops->open(&w->coder));
	*ret = TAKE(w);
	return NULL;
}

static void forget_answers(struct udf_worker *w)
{
	for (size_t i = 0; i < w->n_answers; i++)
		udf_answer_fini(&w->answers[i]);
	w->n_answers = w->n_good = 0;
	w->held_bytes = 0;
}

/* Let a process that has nothing to do end by itself. */
static void say_goodbye(struct udf_worker *w)
{
	struct buf end = {0};
	struct pollfd fd = {w->process.pidfd, POLLIN, 0};
	if (!w->process.pid || w->n_sent || w->process.in < 0)
		return;
	if (w->coder.ops->end)
		w->coder.ops->end(&end);
	if (!end.failed && end.len && write(w->process.in, end.data, end.len) < 0)
		fd.fd = -1; /* it is gone already */
	buf_fini(&end);
	close(w->process.in);
	w->process.in = -1;
	if (fd.fd >= 0)
		poll(&fd, 1, 2000);
}

void udf_worker_free(struct udf_worker *w)
{
	if (!w)
		return;
	say_goodbye(w);
	process_stop(&w->process);
	if (w->coder.ops)
		w->coder.ops->close(&w->coder);
	remove_scratch(w);
	forget_answers(w);
	free(w->answers);
	free(w->sent);
	buf_fini(&w->out);
	buf_fini(&w->line);
	free(w);
}

const struct udf_failure *udf_worker_failure(const struct udf_worker *w)
{
	return &w->failure;
}

size_t udf_worker_in_flight(const struct udf_worker *w)
{
	return w->n_sent;
}

/* --- answers --- */

/* The oldest batch without values. */
static void expect_next(struct udf_worker *w)
{
	w->coder.wanted = w->n_answers < w->n_sent ? w->sent[w->n_answers] : 0;
}

static struct err *take_answer(void *ctx, struct udf_answer *a)
{
	struct udf_worker *w = ctx;
	struct err *err = mem_grow(w->n_answers + 1, sizeof(*w->answers),
				   &w->answers_cap, &w->answers);
	if (err) {
		udf_answer_fini(a);
		return err;
	}
	for (size_t i = 0; i < a->n_outputs; i++)
		w->held_bytes += array_bytes(a->outputs[i]);
	w->answers[w->n_answers++] = *a;
	if (w->coder.ops->answers_batches) {
		int64_t now = monotonic_ns();
		pace_saw(&w->batch, a->n_rows, now - w->answered_ns, BATCH_NS);
		w->answered_ns = now;
		w->n_good = w->n_answers;
		w->held_bytes = 0;
	}
	expect_next(w);
	return NULL;
}

static void hand_out(struct udf_worker *w, struct udf_answer *ret)
{
	*ret = w->answers[0];
	w->n_answers--;
	w->n_good--;
	w->n_sent--;
	memmove(w->answers, w->answers + 1, w->n_answers * sizeof(*w->answers));
	memmove(w->sent, w->sent + 1, w->n_sent * sizeof(*w->sent));
}

/* --- the end of a process --- */

static void drop_process(struct udf_worker *w)
{
	process_stop(&w->process);
	w->out.len = w->out_at = 0;
	w->is_ending = w->has_ended = false;
	w->line.len = 0;
	w->sent_bytes = 0;
}

static void lose(struct udf_worker *w, enum udf_failure_kind kind, const char *reason)
{
	w->failure.kind = kind;
	if (reason != w->failure.reason)
		snprintf(w->failure.reason, sizeof(w->failure.reason), "%s", reason);
	forget_answers(w);
	w->n_sent = 0;
	w->coder.wanted = 0;
	w->life.rows = w->life.min;
	drop_process(w);
}

/* --- stderr --- */

static void tell_line(struct udf_worker *w, const char *p, size_t len)
{
	while (len && (p[len - 1] == '\r' || p[len - 1] == ' '))
		len--;
	if (!len)
		return;
	snprintf(w->failure.text, sizeof(w->failure.text), "%.*s",
		 (int)MIN_OF(len, sizeof(w->failure.text) - 1), p);
	if (!w->run->tell || w->n_told > TOLD_BYTES)
		return;
	w->n_told += len;
	w->run->tell(w->run->ctx, w->number,
		     w->n_told > TOLD_BYTES ? "(what else it says is left out)"
					    : w->failure.text);
}

static void read_errors(struct udf_worker *w)
{
	char text[READ_BYTES];
	ssize_t n = w->process.err < 0 ? 0 : read(w->process.err, text, sizeof(text));
	if (n == 0 && w->process.err >= 0) {
		close(w->process.err);
		w->process.err = -1;
	}
	for (char *p = text; n > 0;) {
		char *end = memchr(p, '\n', (size_t)n);
		size_t len = (size_t)(end ? end - p : n);
		if (w->line.len < sizeof(w->failure.text))
			buf_append(&w->line, p, len);
		if (!end)
			return;
		tell_line(w, (char *)w->line.data, w->line.len);
		w->line.len = 0;
		p += len + 1;
		n -= (ssize_t)len + 1;
	}
}

static void read_last_errors(struct udf_worker *w)
{
	struct pollfd fd = {w->process.err, POLLIN, 0};
	for (unsigned i = 0; i < 64 && w->process.err >= 0; i++) {
		if (poll(&fd, 1, 0) <= 0)
			break;
		read_errors(w);
	}
	if (w->line.len)
		tell_line(w, (char *)w->line.data, w->line.len);
	w->line.len = 0;
}

/* --- sending --- */

static struct err *start(struct udf_worker *w, bool *ret_started)
{
	char **argv = NULL, **env = NULL;
	const struct udf_run *run = w->run;
	TRY(udf_command_line(run->store, run->udf, &run->limits, w->coder.scratch,
			     &argv, &env));
	struct err *err = process_start(argv, env, run->limits.memory, &w->process);
	udf_words_free(argv);
	udf_words_free(env);
	*ret_started = !err;
	if (err &&
	    (err->code == ENOENT || err->code == EACCES || err->code == ENOEXEC ||
	     err->code == ENOTDIR || err->code == EPERM)) {
		w->failure = (struct udf_failure){.kind = UDF_NOT_STARTED};
		snprintf(w->failure.reason, sizeof(w->failure.reason), "%s", err->msg);
		err_free(err); /* kept as the failure */
		return NULL;
	}
	TRY(err);
	w->failure = (struct udf_failure){0};
	w->begun_ns = w->answered_ns = w->sign_ns = monotonic_ns();
	w->run_rows = 0;
	w->run_left = w->coder.ops->answers_batches ? UINT64_MAX : w->life.rows;
	w->out.len = w->out_at = 0;
	return w->coder.ops->begin(&w->coder, &w->out);
}

uint64_t udf_worker_wants(const struct udf_worker *w)
{
	size_t waiting = w->out.len - w->out_at;
	bool is_batched = w->coder.ops->answers_batches;
	if (w->is_ending || (w->is_last && w->n_sent) || waiting >= OUT_BYTES)
		return 0;
	if (is_batched)
		return w->n_sent < WINDOW ? w->batch.rows : 0;
	if (!w->process.pid)
		return w->n_sent ? 0 : MIN_OF(w->life.rows, w->batch.max);
	return MIN_OF(w->run_left, w->batch.max);
}

static void end_run(struct udf_worker *w)
{
	if (w->coder.ops->answers_batches || !w->process.pid)
		return;
	w->is_ending = true;
}

void udf_worker_end_input(struct udf_worker *w)
{
	w->is_last = true;
	end_run(w);
}

struct err *udf_worker_send(struct udf_worker *w, struct array *rows)
{
	bool is_started = true;
	w->is_last = false;
	TRY(mem_grow(w->n_sent + 1, sizeof(*w->sent), &w->sent_cap, &w->sent));
	if (!w->process.pid)
		TRY(start(w, &is_started));
	if (!w->n_sent)
		w->answered_ns = w->sign_ns = monotonic_ns();
	w->sent[w->n_sent++] = rows->n_rows;
	if (!is_started)
		return NULL; /* the next wait tells */
	if (w->out_at == w->out.len)
		w->out.len = w->out_at = 0;
	TRY(w->coder.ops->encode(&w->coder, rows, &w->out));
	expect_next(w);
	w->run_rows += rows->n_rows;
	w->run_left -= MIN_OF(w->run_left, rows->n_rows);
	w->sent_bytes += array_bytes(rows);
	if (!w->run_left || w->sent_bytes > SENT_BYTES)
		end_run(w);
	return NULL;
}

/* --- the loop --- */

static void write_some(struct udf_worker *w)
{
	while (w->process.in >= 0 && w->out_at < w->out.len) {
		ssize_t n = write(w->process.in, w->out.data + w->out_at,
				  w->out.len - w->out_at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0) { /* it reads no more: its end will tell why */
			w->out_at = w->out.len;
			w->is_ending = true;
			break;
		}
		w->out_at += (size_t)n;
		w->sign_ns = monotonic_ns();
	}
	if (w->is_ending && w->process.in >= 0) {
		close(w->process.in);
		w->process.in = -1;
	}
}

/* At most what the pipe holds; *ret_more: there may be more. */
static struct err *read_some(struct udf_worker *w, bool *ret_more)
{
	uint8_t bytes[READ_BYTES];
	ssize_t n = read(w->process.out, bytes, sizeof(bytes));
	*ret_more = n > 0;
	if (n == 0)
		w->has_ended = true;
	if (n <= 0)
		return NULL;
	w->sign_ns = monotonic_ns();
	return w->coder.ops->decode(&w->coder, bytes, (size_t)n);
}

/* What it answers cannot be read: NULL if that is its fault. */
static struct err *judge(struct udf_worker *w, struct err *err, bool *ret_lost)
{
	if (err->code == ENOMEM)
		return err;
	read_last_errors(w);
	lose(w, UDF_WRONG_ANSWER, err->msg);
	err_free(err); /* kept as the failure */
	*ret_lost = true;
	return NULL;
}

/* A status that shells and sandboxes end with if they find no program. */
static bool is_no_program(const struct udf_worker *w, int status)
{
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
	return w->n_answers == 0 && (code == 126 || code == 127 ||
				     (code && str_starts(w->failure.text, "bwrap: ")));
}

static void lose_ended(struct udf_worker *w, int status)
{
	char reason[128];
	read_last_errors(w);
	if (status)
		process_describe(status, !w->run->limits.is_unsandboxed, reason,
				 sizeof(reason));
	else
		snprintf(reason, sizeof(reason), "it ends before its input does");
	lose(w, status && is_no_program(w, status) ? UDF_NOT_STARTED : UDF_CRASHED,
	     reason);
}

/* Its end, for which nothing is missing. */
static void end_well(struct udf_worker *w)
{
	if (!w->coder.ops->answers_batches)
		pace_saw_run(&w->life, w->run_rows, monotonic_ns() - w->begun_ns);
	w->n_good = w->n_answers;
	w->held_bytes = 0;
	read_last_errors(w);
	drop_process(w);
}

static struct err *after_end(struct udf_worker *w, int status, bool *ret_lost)
{
	bool is_early = !w->is_ending && w->n_sent && !w->coder.ops->answers_batches;
	if (status || is_early) {
		bool idle = w->coder.ops->answers_batches && w->n_answers == w->n_sent;
		*ret_lost = !idle;
		if (idle)
			end_well(w);
		else
			lose_ended(w, status);
		return NULL;
	}
	struct err *err = w->coder.ops->finish(&w->coder);
	if (err)
		return judge(w, err, ret_lost);
	end_well(w);
	return NULL;
}

/* How long one that has closed its output may take to end. */
static int64_t patience(const struct udf_worker *w)
{
	int64_t timeout = w->run->limits.timeout_ns;
	return timeout ? MIN_OF(timeout, END_NS) : END_NS;
}

/* Has the process ended, or should it have? */
static struct err *look_for_end(struct udf_worker *w, bool *ret_lost)
{
	bool more = true;
	int status;
	if (!process_ended(&w->process, &status)) {
		if (!w->has_ended || monotonic_ns() - w->sign_ns < patience(w))
			return NULL;
		read_last_errors(w);
		lose(w, UDF_TIMED_OUT, "it has closed its output and does not end");
		*ret_lost = true;
		return NULL;
	}
	while (more) { /* what it has left in the pipe */
		struct err *err = read_some(w, &more);
		if (err)
			return judge(w, err, ret_lost);
	}
	return after_end(w, status, ret_lost);
}

/* It owes values, or, where its input has ended, its end. */
static bool is_late(const struct udf_worker *w)
{
	bool owes = w->n_answers < w->n_sent || w->process.in < 0;
	return w->run->limits.timeout_ns && owes &&
	       monotonic_ns() - w->sign_ns > w->run->limits.timeout_ns;
}

static void lose_late(struct udf_worker *w)
{
	char reason[64];
	snprintf(reason, sizeof(reason), "no sign of life for %.3g s",
		 (double)w->run->limits.timeout_ns / 1e9);
	read_last_errors(w);
	lose(w, UDF_TIMED_OUT, reason);
}

static struct err *serve(struct udf_worker *w, int timeout_ms, bool *ret_lost,
			 bool *ret_quiet)
{
	struct process *p = &w->process;
	bool is_full = w->held_bytes > HELD_BYTES;
	int in = w->out_at < w->out.len ? p->in : -1;
	struct pollfd fds[] = {{in, POLLOUT, 0},
			       {w->has_ended ? -1 : p->out, POLLIN, 0},
			       {p->err, POLLIN, 0},
			       {p->pidfd, POLLIN, 0}};
	if (is_full)
		end_run(w);
	if (w->is_ending && in < 0)
		write_some(w); /* closes it */
	*ret_quiet = poll(fds, 4, timeout_ms) <= 0;
	if (fds[0].revents)
		write_some(w);
	if (fds[2].revents)
		read_errors(w);
	if (fds[1].revents) {
		bool more;
		struct err *err = read_some(w, &more);
		if (err)
			return judge(w, err, ret_lost);
	}
	if (fds[3].revents || w->has_ended)
		return look_for_end(w, ret_lost);
	if (is_late(w)) {
		lose_late(w);
		*ret_lost = true;
	}
	return NULL;
}

struct err *udf_worker_wait(struct udf_worker *w, enum udf_event *ret,
			    struct udf_answer *ret_answer)
{
	bool is_lost = false, is_quiet = false;
	if (!w->n_good && w->n_sent && !w->process.pid) { /* it could not be started */
		lose(w, UDF_NOT_STARTED, w->failure.reason);
		*ret = UDF_FAILED;
		return NULL;
	}
	while (!w->n_good && !is_lost && !is_quiet && w->process.pid) {
		int timeout = udf_worker_wants(w) ? 0 : TICK_MS;
		TRY(serve(w, timeout, &is_lost, &is_quiet));
	}
	if (w->n_good) {
		hand_out(w, ret_answer);
		*ret = UDF_ANSWER;
		return NULL;
	}
	*ret = is_lost ? UDF_FAILED : udf_worker_wants(w) ? UDF_WANTS : UDF_QUIET;
	return NULL;
}
