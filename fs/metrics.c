// SPDX-License-Identifier: Apache-2.0
/*
 * metrics.c: counters and timings of requests, and the file that shows them in
 * Prometheus' text exposition format.
 */
#include "fs.h"

#include <inttypes.h>
#include <time.h>

static const char *const op_names[N_METRIC_OPS] = {
	[METRIC_LOOKUP] = "lookup",   [METRIC_GETATTR] = "getattr",
	[METRIC_OPEN] = "open",	      [METRIC_READ] = "read",
	[METRIC_WRITE] = "write",     [METRIC_FLUSH] = "flush",
	[METRIC_FSYNC] = "fsync",     [METRIC_RELEASE] = "release",
	[METRIC_READDIR] = "readdir", [METRIC_CREATE] = "create",
	[METRIC_UNLINK] = "unlink",   [METRIC_RENAME] = "rename",
	[METRIC_XATTR] = "getxattr",
};

static int64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

struct timer timer_start(struct metrics *metrics, enum metric_op op)
{
	return (struct timer){metrics, op, now_ns()};
}

void timer_stop(struct timer *t)
{
	atomic_fetch_add(&t->metrics->n_requests[t->op], 1);
	atomic_fetch_add(&t->metrics->request_ns[t->op],
			 (unsigned long long)(now_ns() - t->start_ns));
}

static void put_head(struct buf *out, const char *name, const char *type,
		     const char *help)
{
	buf_printf(out, "# HELP lancefs_%s %s\n# TYPE lancefs_%s %s\n", name, help,
		   name, type);
}

static void put(struct buf *out, const char *name, const char *type, const char *help,
		long long value)
{
	put_head(out, name, type, help);
	buf_printf(out, "lancefs_%s %lld\n", name, value);
}

static void put_requests(const struct metrics *x, struct buf *out)
{
	put_head(out, "requests_total", "counter", "Requests served, by operation.");
	for (size_t i = 0; i < N_METRIC_OPS; i++)
		buf_printf(out, "lancefs_requests_total{op=\"%s\"} %llu\n", op_names[i],
			   atomic_load(&x->n_requests[i]));
	put_head(out, "request_seconds_total", "counter",
		 "Time spent serving them, in seconds.");
	for (size_t i = 0; i < N_METRIC_OPS; i++)
		buf_printf(out, "lancefs_request_seconds_total{op=\"%s\"} %.9f\n",
			   op_names[i], (double)atomic_load(&x->request_ns[i]) / 1e9);
}

static void put_store(struct mount *m, struct buf *out)
{
	const struct io_stats *io = io_store_stats(m->store);
	put(out, "store_reads_total", "counter", "Reads from the dataset's files.",
	    (long long)atomic_load(&io->n_reads));
	put(out, "store_read_bytes_total", "counter",
	    "Bytes read from the dataset's files.",
	    (long long)atomic_load(&io->read_bytes));
	put(out, "store_write_bytes_total", "counter",
	    "Bytes written to the dataset's files.",
	    (long long)atomic_load(&io->write_bytes));
}

void metrics_render(struct mount *m, struct buf *out)
{
	const struct metrics *x = &m->server->metrics;
	AUTO(version) struct version *v = table_latest(m->table);
	put_requests(x, out);
	put(out, "request_errors_total", "counter", "Requests answered with an error.",
	    (long long)atomic_load(&x->n_errors));
	put(out, "read_bytes_total", "counter", "Bytes given to readers.",
	    (long long)atomic_load(&x->read_bytes));
	put(out, "written_bytes_total", "counter", "Bytes taken from writers.",
	    (long long)atomic_load(&x->written_bytes));
	put(out, "commits_total", "counter", "Versions committed through the mount.",
	    (long long)atomic_load(&x->n_commits));
	put(out, "failures_total", "counter", "Failures told in last_error.",
	    (long long)failures_count(m));
	put(out, "open_handles", "gauge", "Open files and directories.",
	    atomic_load(&x->n_handles));
	put(out, "waiting_requests", "gauge", "Reads of events, writes to control.",
	    atomic_load(&x->n_parked));
	put_store(m, out);
	put(out, "table_version", "gauge", "The latest version.",
	    (long long)version_number(v));
	put(out, "table_rows", "gauge", "Its rows.", (long long)version_rows(v));
}
