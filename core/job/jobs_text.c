// SPDX-License-Identifier: Apache-2.0
/*
 * jobs_text.c: the status of a job as text, for programs and for people.
 */
#include "job/jobs_priv.h"

#include <inttypes.h>

/* --- status.json --- */

static void put_text(struct buf *out, const char *key, const char *text)
{
	if (!text)
		return;
	buf_printf(out, ",\"%s\":", key);
	buf_json_string(out, text, strlen(text));
}

static void put_time(struct buf *out, const char *key, int64_t ns)
{
	if (!ns)
		return;
	buf_printf(out, ",\"%s\":\"", key);
	buf_time(out, ns);
	buf_byte(out, '"');
}

static void put_json(const struct job_status *s, struct buf *out)
{
	buf_printf(out, "{\"id\":%" PRIu64 ",\"state\":\"%s\"", s->id,
		   job_state_name(s->state));
	put_text(out, "command", s->command);
	put_text(out, "what", s->what);
	put_text(out, "message", s->message);
	if (s->code)
		buf_printf(out, ",\"errno\":%d", s->code);
	buf_printf(out,
		   ",\"done\":%" PRIu64 ",\"total\":%" PRIu64 ",\"failed\":%" PRIu64
		   ",\"is_partial\":%s,\"rows_per_s\":%.1f",
		   s->done, s->total, s->failed, s->is_partial ? "true" : "false",
		   s->rows_per_s);
	if (s->eta_s >= 0)
		buf_printf(out, ",\"eta_s\":%.0f", s->eta_s);
	put_time(out, "created", s->created_ns);
	put_time(out, "started", s->started_ns);
	put_time(out, "ended", s->ended_ns);
	buf_printf(out, ",\"busy_s\":%.3f", s->busy_s);
	if (s->version)
		buf_printf(out, ",\"version\":%" PRIu64, s->version);
	buf_printf(out, ",\"attempts\":%" PRIu64, s->attempts);
	put_text(out, "host", s->host);
	put_text(out, "boot", s->boot);
	if (s->pid)
		buf_printf(out, ",\"pid\":%" PRId64, s->pid);
	buf_str(out, "}\n");
}

/* --- for people --- */

static void put_lines(struct buf *out, const char *key, const char *text)
{
	size_t len = text ? strlen(text) : 0;
	while (len && text[len - 1] == '\n')
		len--;
	if (!len)
		return;
	buf_printf(out, "%s: ", key);
	for (size_t i = 0; i < len; i++) {
		uint8_t c = (uint8_t)text[i];
		if (c == '\n')
			buf_str(out, "\n  ");
		else
			buf_byte(out, c < 0x20 || c == 0x7f ? ' ' : c);
	}
	buf_byte(out, '\n');
}

static void put_when(struct buf *out, const char *key, int64_t ns)
{
	if (!ns)
		return;
	buf_printf(out, "%s: ", key);
	buf_time(out, ns);
	buf_byte(out, '\n');
}

static void put_progress(struct buf *out, const struct job_status *s)
{
	if (s->total)
		buf_printf(out, "progress: %" PRIu64 " of %" PRIu64 " rows (%.1f%%)\n",
			   s->done, s->total, 100 * (double)s->done / (double)s->total);
	if (s->failed)
		buf_printf(out, "failed rows: %" PRIu64 " (see errors.tsv)\n",
			   s->failed);
	if (s->state != JOB_RUNNING)
		return;
	buf_printf(out, "rows/s: %.1f\n", s->rows_per_s);
	if (s->eta_s >= 0)
		buf_printf(out, "eta: %.0f s\n", s->eta_s);
}

void job_render(const struct job_status *s, bool json, struct buf *out)
{
	if (json) {
		put_json(s, out);
		return;
	}
	buf_printf(out, "job: %" PRIu64 "\nstate: %s\n", s->id,
		   job_state_name(s->state));
	put_lines(out, "what", s->what);
	put_lines(out, "command", s->command);
	put_progress(out, s);
	put_lines(out, "message", s->message);
	if (s->code)
		buf_printf(out, "errno: %d (%s)\n", s->code, strerror(s->code));
	put_when(out, "created", s->created_ns);
	put_when(out, "started", s->started_ns);
	put_when(out, "ended", s->ended_ns);
	if (s->attempts)
		buf_printf(out, "busy: %.1f s\nattempts: %" PRIu64 "\n", s->busy_s,
			   s->attempts);
	if (s->version)
		buf_printf(out, "version: %" PRIu64 "\n", s->version);
	put_lines(out, "host", s->host);
	if (s->pid)
		buf_printf(out, "pid: %" PRId64 "\n", s->pid);
}
