// SPDX-License-Identifier: Apache-2.0
/*
 * lancectl.c: the commands of `control` without a mount:
 * lancectl COMMAND DATASET [ARG...] [--option=value].
 *
 * Data goes to stdout, everything else to stderr.  Exit status: 0 done, 1 failed,
 * 2 usage, 3 a conflicting commit won, 4 done, but not for all rows.
 *
 * A job that is run here ends cleanly at the first SIGINT or SIGTERM, so that it can be
 * gone on with; the second one kills.
 */
#include "command/command.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <unistd.h>

enum status { DONE = 0, FAILED = 1, USAGE = 2, CONFLICT = 3, PARTIAL = 4 };

#define SILENT_NS INT64_C(500000000) /* before progress is shown */

/* What is common to all commands. */
struct settings {
	bool json, quiet;
	char *dataset, *branch, *roots; /* owned; the last two may be NULL */
};

struct screen {
	bool shows_progress;
	int last_percent;
	int64_t start_ns;
};

static void print_line(void *ctx, enum log_level level, const char *line)
{
	(void)ctx;
	(void)level;
	fprintf(stderr, "lancectl: %s\n", line);
}

static struct err *to_stdout(void *ctx, const void *p, size_t len)
{
	(void)ctx;
	if (len && fwrite(p, 1, len, stdout) != len)
		return err_errno(errno, "standard output");
	return NULL;
}

static void show_progress(void *ctx, const char *what, uint64_t done, uint64_t total)
{
	struct screen *s = ctx;
	if (!s->shows_progress || total == 0 ||
	    monotonic_ns() - s->start_ns < SILENT_NS)
		return;
	int percent = (int)(100 * MIN_OF(done, total) / total);
	if (percent == s->last_percent)
		return;
	s->last_percent = percent;
	fprintf(stderr, "\r%-30.30s %3d%% [%-50.*s]%s", what, percent, percent / 2,
		"##################################################",
		percent == 100 ? "\n" : "");
}

/* --- a job, run here --- */

/* What a signal handler can reach; set by it alone. */
static atomic_bool is_ending;

static void on_signal(int signal)
{
	(void)signal;
	atomic_store(&is_ending, true);
}

static void job_began(void *ctx, uint64_t id)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	const struct screen *s = ctx;
	/* SA_RESETHAND: the second one does what it does without us */
	struct sigaction old, action = {.sa_handler = on_signal,
					.sa_flags = SA_RESETHAND | SA_RESTART};
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (sigaction(signals[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			sigaction(signals[i], &action, NULL);
	if (s->shows_progress) /* cron mails what is said to nobody */
		fprintf(stderr, "lancectl: job %" PRIu64 "\n", id);
}

/* --- usage --- */

static void usage(FILE *to)
{
	fprintf(to, "usage: lancectl COMMAND DATASET [ARG...] [--option=value]\n\n"
		    "DATASET is the directory of a Lance dataset.\n\n");
	for (size_t i = 0; command_at(i); i++)
		fprintf(to, "  %s\n        %s\n", command_at(i)->usage,
			command_at(i)->summary);
	fprintf(to,
		"\nFor every command: --json machine-readable, --quiet no progress,\n"
		"--branch=NAME on a branch of DATASET, --roots=LIST directories where\n"
		"files outside of it may be read (/data:/mnt/images; $LANCEFS_ROOTS).\n"
		"Exit status: 0 done, 1 failed, 2 usage, 3 a conflicting commit won,\n"
		"4 done, but not for all rows.\n"
		"See lancectl(1).\n");
}

/* Take --json, --quiet, --help out of the words. */
static bool take_flag(struct words *w, const char *name)
{
	for (size_t i = 0; i < w->n_options; i++) {
		if (strcmp(w->options[i], name) != 0)
			continue;
		free(w->options[i]);
		w->options[i] = w->options[--w->n_options];
		return true;
	}
	return false;
}

/* The same for --name=value: the value is the caller's, NULL without one. */
static char *take_option(struct words *w, const char *name)
{
	size_t len = strlen(name);
	for (size_t i = 0; i < w->n_options; i++) {
		char *o = w->options[i];
		if (strncmp(o, name, len) != 0 || o[len] != '=')
			continue;
		memmove(o, o + len + 1, strlen(o + len + 1) + 1);
		w->options[i] = w->options[--w->n_options];
		return o;
	}
	return NULL;
}

/* DATASET is the first word behind the command. */
static char *take_dataset(struct words *w)
{
	char *dataset = w->args[1];
	memmove(w->args + 1, w->args + 2, (w->n_args - 2) * sizeof(*w->args));
	w->n_args--;
	return dataset;
}

/* data/photos.lance/ is "photos" in queries. */
static struct err *table_name(const char *dataset, char **ret)
{
	size_t end = strlen(dataset);
	while (end && dataset[end - 1] == '/')
		end--;
	size_t start = end;
	while (start && dataset[start - 1] != '/')
		start--;
	if (end - start > 6 && memcmp(dataset + end - 6, ".lance", 6) == 0)
		end -= 6;
	return str_dup_len(dataset + start, end - start, ret);
}

/* Cleanups spare what a command works with for long. */
static struct err *take_version(struct table *t, const struct command *c,
				struct version **ret, struct version_hold *hold)
{
	bool holds = c && (c->is_long || c->is_job) && !c->cleans_up;
	if (holds)
		TRY(table_hold_leases(t));
	*ret = table_latest(t);
	return holds ? version_hold(*ret, hold) : NULL;
}

static struct err *open_roots(const struct settings *s, struct roots **ret)
{
	const char *list = s->roots ? s->roots : getenv("LANCEFS_ROOTS");
	return roots_open(list ? list : "", ret);
}

static struct err *run(struct words *w, const struct settings *s, bool *is_partial)
{
	struct log log = {.write = print_line,
			  .level = s->quiet ? LEVEL_ERROR : LEVEL_WARN};
	AUTO(roots) struct roots *roots = NULL;
	AUTO(io_store) struct io_store *store = NULL;
	AUTO(table) struct table *table = NULL;
	AUTO(version) struct version *v = NULL;
	AUTO_HOLD struct version_hold hold = {0};
	AUTO_BUF struct buf out = {0};
	struct screen screen = {!s->quiet && isatty(STDERR_FILENO), -1, monotonic_ns()};
	const struct command *c = command_find(w->args[0]);
	TRY(open_roots(s, &roots));
	if (!c || !c->makes_dataset) {
		const struct table_options options = {&log, roots, s->branch};
		TRY(io_store_open_local(s->dataset, &store));
		TRY(table_open_with(store, &options, &table));
		TRY(take_version(table, c, &v, &hold));
	}
	AUTO_MEM char *name = NULL;
	TRY(table_name(s->dataset, &name));
	struct command_env env = {
		.table = table,
		.dataset = s->dataset,
		.name = name,
		.log = &log,
		.roots = roots,
		.version = v,
		.json = s->json,
		.job_began = job_began,
		.is_ending = &is_ending,
		.is_partial = is_partial,
		.write = to_stdout,
		.progress = show_progress,
		.ctx = &screen,
	};
	struct err *err = command_run(&env, w, &out);
	struct err *lost = to_stdout(NULL, out.data, out.len);
	if (!lost && fflush(stdout) != 0)
		lost = err_errno(errno, "standard output");
	if (!err)
		return lost;
	err_free(lost); /* the first error is told */
	return err;
}

static void tell(struct err *err)
{
	fprintf(stderr, "lancectl: %s\n", err->msg);
	if (err->detail)
		fprintf(stderr, "%s\n", err->detail);
	err_free(err); /* told */
}

static void settings_fini(struct settings *s)
{
	free(s->dataset);
	free(s->branch);
	free(s->roots);
}

static enum status run_words(struct words *w)
{
	__attribute__((cleanup(settings_fini))) struct settings s = {
		.json = take_flag(w, "json"),
		.quiet = take_flag(w, "quiet"),
		.branch = take_option(w, "branch"),
		.roots = take_option(w, "roots"),
	};
	if (take_flag(w, "help") || (w->n_args && strcmp(w->args[0], "help") == 0)) {
		usage(stdout);
		return DONE;
	}
	if (take_flag(w, "version")) {
		printf("lancectl " LANCEFS_VERSION "\n");
		return DONE;
	}
	const struct command *c = w->n_args ? command_find(w->args[0]) : NULL;
	if (!c || w->n_args - 1 < c->min_args + 1 || w->n_args - 1 > c->max_args + 1) {
		if (w->n_args && !c)
			tell(command_none(w->args[0]));
		else if (c)
			fprintf(stderr, "usage: lancectl %s DATASET%s\n", c->name,
				c->usage + strlen(c->name));
		else
			usage(stderr);
		return USAGE;
	}
	s.dataset = take_dataset(w);
	bool is_partial = false;
	struct err *err = run(w, &s, &is_partial);
	if (!err)
		return is_partial ? PARTIAL : DONE;
	enum status status = err->code == EBUSY ? CONFLICT : FAILED;
	tell(err);
	return status;
}

int main(int argc, char **argv)
{
	struct words w = {0};
	mem_keep_freed();
	struct err *err = words_from_argv(argc - 1, argv + 1, &w);
	if (err) {
		tell(err);
		return FAILED;
	}
	enum status status = run_words(&w);
	words_fini(&w);
	return (int)status;
}
