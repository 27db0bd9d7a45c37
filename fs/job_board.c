// SPDX-License-Identifier: Apache-2.0
/*
 * job_board.c: what has become of jobs, for those who read events.
 *
 * Other processes run jobs too and tell nobody, so the watcher compares the jobs with
 * how they were, as long as somebody reads.  A job that came and went between two looks
 * is told once, as it is.
 */
#include "fs.h"

#include <inttypes.h>

#define N_LINES 256 /* changes that are kept for slow readers */

struct seen {
	uint64_t id;
	enum job_state state;
};

struct job_board {
	atomic_int n_readers;

	pthread_mutex_t looking; /* one look at a time; before .lock */
	struct seen *jobs;	 /* guarded by .looking; owned; by ascending .id */
	size_t n_jobs;		 /* guarded by .looking */

	pthread_mutex_t lock;
	char *lines[N_LINES]; /* guarded by .lock; owned; number i at i % N_LINES */
	uint64_t n_lines;     /* ever; guarded by .lock */
};

struct err *board_new(struct job_board **ret)
{
	TRY(mem_new(ret));
	pthread_mutex_init(&(*ret)->looking, NULL);
	pthread_mutex_init(&(*ret)->lock, NULL);
	return NULL;
}

void board_free(struct job_board *b)
{
	if (!b)
		return;
	for (size_t i = 0; i < N_LINES; i++)
		free(b->lines[i]);
	free(b->jobs);
	pthread_mutex_destroy(&b->looking);
	pthread_mutex_destroy(&b->lock);
	free(b);
}

/* --- looking --- */

static void post(struct job_board *b, const struct job_status *s)
{
	char *line;
	struct err *err =
		str_printf(&line, "job %" PRIu64 " %s %s\n", s->id,
			   job_state_name(s->state), s->what ? s->what : s->command);
	if (err) {
		err_free(err); /* out of memory: a line less */
		return;
	}
	LOCK_SCOPE(&b->lock);
	char **at = &b->lines[b->n_lines++ % N_LINES];
	free(*at);
	*at = line;
}

/* Tell those that are new or have changed; .looking held. */
static void compare(struct job_board *b, const struct job_status *jobs, size_t n)
{
	size_t k = 0;
	for (size_t i = 0; i < n; i++) {
		while (k < b->n_jobs && b->jobs[k].id < jobs[i].id)
			k++;
		bool is_known = k < b->n_jobs && b->jobs[k].id == jobs[i].id;
		if (!is_known || b->jobs[k].state != jobs[i].state)
			post(b, &jobs[i]);
	}
}

static struct err *look(struct mount *m, struct job_board *b, bool is_told)
{
	struct job_status *jobs;
	struct seen *seen;
	size_t n;
	TRY(jobs_list(m->store, &jobs, &n));
	struct err *err = mem_array(n, sizeof(*seen), &seen);
	for (size_t i = 0; i < n && !err; i++)
		seen[i] = (struct seen){jobs[i].id, jobs[i].state};
	if (!err && is_told)
		compare(b, jobs, n);
	jobs_free(jobs, n);
	TRY(err);
	free(b->jobs);
	b->jobs = seen;
	b->n_jobs = n;
	return NULL;
}

void board_look(struct mount *m)
{
	struct job_board *b = m->board;
	if (!b || atomic_load(&b->n_readers) == 0)
		return;
	LOCK_SCOPE(&b->looking);
	err_free(look(m, b, true)); /* it is tried again before long */
}

/* --- reading --- */

uint64_t board_join(struct mount *m)
{
	struct job_board *b = m->board;
	pthread_mutex_lock(&b->looking);
	if (atomic_fetch_add(&b->n_readers, 1) == 0)
		err_free(look(m, b, false)); /* then all of them seem to be new */
	pthread_mutex_unlock(&b->looking);
	LOCK_SCOPE(&b->lock);
	return b->n_lines;
}

void board_leave(struct mount *m)
{
	atomic_fetch_sub(&m->board->n_readers, 1);
}

void board_read(struct mount *m, uint64_t *seen, struct buf *out)
{
	struct job_board *b = m->board;
	LOCK_SCOPE(&b->lock);
	if (b->n_lines - *seen > N_LINES)
		*seen = b->n_lines - N_LINES;
	while (*seen < b->n_lines)
		buf_str(out, b->lines[(*seen)++ % N_LINES]);
}
