// SPDX-License-Identifier: Apache-2.0
/*
 * command.h: one language for `control` and `lancectl`.
 *
 * A command is a row of the registry: a name, its usage, and a function that
 * gets a table and words and appends its answer to a buffer.  Options are
 * words of the form --name=value.  The same function serves both ends; it never
 * prints.
 *
 * To add a command: write cmd_<name>.c with a struct command and add a row to
 * commands.c; help, completion and both ends then know it.  A name of two words is
 * one word of struct words.
 */
#ifndef LANCEFS_COMMAND_COMMAND_H
#define LANCEFS_COMMAND_COMMAND_H

#include "job/job.h"

/* A file that a command reads, open. */
struct command_file {
	/* Fewer bytes than len only at the end. */
	struct err *(*read)(void *ctx, uint64_t off, size_t len, void *dst,
			    size_t *ret_len);
	void (*close)(void *ctx);
	void *ctx;
	uint64_t size; /* for progress; 0 if it is not known */
};

struct command_env {
	struct table *table;	/* borrowed; NULL if the command makes a dataset */
	const char *dataset;	/* its directory; NULL in a mount's control */
	const char *mountpoint; /* of that mount; NULL: none */
	const char *name;	/* what it is called in queries; NULL: only "t" */
	/* Another table of the database it lies in; *ret stays NULL if there is none.
	 * NULL: those beside .dataset. */
	struct err *(*find_table)(void *ctx, const char *name, struct table **ret);
	const struct log *log; /* borrowed; may be NULL */
	struct roots *roots; /* that tables may read files in; borrowed; may be NULL */
	struct version *version; /* borrowed; what reading commands show */
	bool json;		 /* machine-readable answer */
	/* Open a FILE argument, create an --output; NULL: as this process. */
	struct err *(*open)(void *ctx, const char *file, struct command_file *ret);
	struct err *(*create)(void *ctx, const char *file, int *ret_fd);
	/* Open a file or a directory for reading; NULL: as this process. */
	struct err *(*open_fd)(void *ctx, const char *path, int *ret_fd);
	/* EPERM if programs of whoever gives the command are not run; NULL: they are.
	 */
	struct err *(*check_programs)(void *ctx);
	/* The job that the command is run as; NULL: it makes one if it .is_job.
	 * Borrowed.
	 */
	struct job *job;
	/* Let somebody run a job soon; NULL: it is run here and now. */
	struct err *(*start_job)(void *ctx, uint64_t id);
	/* Answer when the job has ended, instead of now; NULL: it is waited for here.
	 */
	struct err *(*wait_job)(void *ctx, uint64_t id);
	/* A job is begun here and now; NULL: nobody asks. */
	void (*job_began)(void *ctx, uint64_t id);
	/* Set when this process is about to end; borrowed; NULL: that is not known. */
	const atomic_bool *is_ending;
	/* Out: it is done, but not for all rows.  NULL: nobody asks. */
	bool *is_partial;
	/* Where data goes that may be large; NULL: it is appended to out. */
	struct err *(*write)(void *ctx, const void *p, size_t len);
	/* Told now and then by long work: done of total. */
	void (*progress)(void *ctx, const char *what, uint64_t done, uint64_t total);
	void *ctx;
};

/* A command line, split. */
struct words {
	size_t n_args;
	char **args; /* owned; args[0] is the command's name */
	size_t n_options;
	char **options; /* owned; "name=value" or "name" */
};

struct command {
	const char *name;
	const char *usage;	     /* "put FILE [--name=NAME] [--type=TYPE]" */
	const char *summary;	     /* one line */
	unsigned min_args, max_args; /* without the name and the options */
	bool is_long;		     /* takes --wait: the answer is that it is done */
	bool is_job;		     /* it is run as a job, unless it gets --dry-run */
	/* Of one that is a job: what can be said of the words before there is one.
	 * NULL: nothing. */
	struct err *(*check)(const struct command_env *env, const struct words *w);
	const char *const *options; /* names without dashes; NULL-terminated */
	bool makes_dataset;	    /* it is not there yet */
	/* The version that it is given need not stay meanwhile; and it is done here and
	 * now where there is no room for a job. */
	bool cleans_up;
	struct err *(*run)(const struct command_env *env, const struct words *w,
			   struct buf *out);
};

/* The command of that name, NULL if none.  A name may be two words, "udf add". */
const struct command *command_find(const char *name);
/* Why there is none: EINVAL, with the names that are meant. */
MUST_CHECK struct err *command_none(const char *name);
/* Row i of the registry, NULL past its end. */
const struct command *command_at(size_t i);

/* Split as sh does: blanks, '…', "…", backslash.  EINVAL with a position. */
MUST_CHECK struct err *words_split(const char *line, size_t len, struct words *ret);
/* The same from an argument vector. */
MUST_CHECK struct err *words_from_argv(int argc, char *const *argv, struct words *ret);
void words_fini(struct words *w);
/* The value of an option ("" without one), NULL if it was not given. */
const char *words_option(const struct words *w, const char *name);

/* A line that splits into these words, without an option (NULL: with all). */
MUST_CHECK struct err *words_join(const struct words *w, const char *without,
				  char **ret);

/* Check the words against the command's usage and run it, or make a job of it. */
MUST_CHECK struct err *command_run(const struct command_env *env, const struct words *w,
				   struct buf *out);

/* --- as_job.c --- */

/* Make a job of a command, whose words are checked: it is started, or run at once. */
MUST_CHECK struct err *command_as_job(const struct command_env *env,
				      const struct command *c, const struct words *w,
				      struct buf *out);
/*
 * Claim a job and run its command to its end, which is the job's: DONE with the answer,
 * FAILED; CANCELLED if the function returns ECANCELED; PAUSED if it returns EINTR, or
 * PENDING if that is because this process ends.  Errors: those of job_claim and the
 * command's.
 */
MUST_CHECK struct err *command_run_job(const struct command_env *env, uint64_t id,
				       struct buf *out);
/* How a job that has ended came out: its answer, or the error that it failed with. */
MUST_CHECK struct err *command_job_result(const struct job_status *s, struct buf *out);
/* For commands: tell env how far they are, in rows. */
void command_progress(const struct command_env *env, const char *what, uint64_t done,
		      uint64_t total);

/* For commands: what .open and .create of the environment stand for.
 * command_file_close accepts zeroed. */
MUST_CHECK struct err *command_open(const struct command_env *env, const char *file,
				    struct command_file *ret);
MUST_CHECK struct err *command_create(const struct command_env *env, const char *file,
				      int *ret_fd);
MUST_CHECK struct err *command_open_fd(const struct command_env *env, const char *path,
				       int *ret_fd);
MUST_CHECK struct err *command_check_programs(const struct command_env *env);
void command_file_close(struct command_file *f);
static inline void auto_command_file(struct command_file *f)
{
	command_file_close(f);
}
#define AUTO_FILE __attribute__((cleanup(auto_command_file)))
/* For environments: a regular file that is open for reading.  Takes fd, also on
 * failure; EINVAL if it is none. */
MUST_CHECK struct err *command_file_of_fd(int fd, const char *name,
					  struct command_file *ret);

/* Forget a function; EBUSY, naming them, if columns are made by it. */
MUST_CHECK struct err *command_remove_udf(struct table *t, const char *name,
					  bool is_forced);

/* --- what the files of the tree show too --- */

MUST_CHECK struct err *render_info(struct version *v, bool json, struct buf *out);
MUST_CHECK struct err *render_schema(struct version *v, bool json, struct buf *out);
MUST_CHECK struct err *render_history(struct table *t, uint64_t up_to, bool json,
				      struct buf *out);
/* The segments of an index, as JSON, an object a line; nothing if there is none. */
MUST_CHECK struct err *render_index(struct version *v, const char *name,
				    struct buf *out);
/* Versions in (after, up_to], the oldest first, in lines as history's. */
MUST_CHECK struct err *render_commits(struct table *t, uint64_t after, uint64_t up_to,
				      struct buf *out);
/* What one version did: a line as in history, then the columns that came, went
 * or changed. */
MUST_CHECK struct err *render_changes(struct table *t, uint64_t number,
				      struct buf *out);
/* From one version to another: rows, and the columns that came, went or changed. */
MUST_CHECK struct err *render_diff(struct version *from, struct version *to,
				   struct buf *out);

/* A view of live rows [first, end) of a column in a format; holds references. */
MUST_CHECK struct err *column_view(struct version *v, struct field *f,
				   const struct format_ops *format, uint64_t first,
				   uint64_t end, struct view **ret);

/*
 * A part of a column: a member of nested structs, or which rows are null.
 *
 * text  "A.B.C", with names spelled as files are, for the member C of B of A; or
 *       "A.mask" for the nulls of A (true: null)
 * *ret_found is false if the version has no such thing.
 */
#define PART_DEPTH 16
struct column_part_of {
	struct field *column;	  /* borrowed from the version */
	const struct field *leaf; /* borrowed; NULL: the mask */
	size_t depth, path[PART_DEPTH];
};
MUST_CHECK struct err *part_find(const struct version *v, const char *text,
				 bool *ret_found, struct column_part_of *ret);
/* The type that a part has: borrowed from the version, or bool. */
MUST_CHECK struct err *part_field(const struct column_part_of *part,
				  struct field **ret);
MUST_CHECK struct err *part_view(struct version *v, const struct column_part_of *part,
				 const struct format_ops *format, struct view **ret);
/* The same of all columns that the format can hold: the whole table in a file. */
MUST_CHECK struct err *table_view(struct version *v, const struct format_ops *format,
				  struct view **ret);
/* The same of a table's latest version, which the view keeps (and the table). */
MUST_CHECK struct err *
whole_table_view(struct table *t, const struct format_ops *format, struct view **ret);
/* A query_env's find, for a mount: ctx is a command_env. */
MUST_CHECK struct err *command_find_scope(void *ctx, const char *name,
					  struct scope *ret, bool *ret_found);

#endif
