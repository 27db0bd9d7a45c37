// SPDX-License-Identifier: Apache-2.0
/*
 * sandbox.c: the command line that runs a function, under bubblewrap.
 *
 * Inside there is no network, the system is read-only, /tmp and the like are its own
 * and empty, and so is what the caller hides: the dataset and its mount.  What the
 * function needs of what is covered that way is bound back: its bundle, its models, its
 * interpreter.  So the order matters: first what is covered, then what shows again.
 * Source: bwrap(1).
 */
#include "udf/sandbox_priv.h"

#include <errno.h>
#include <glob.h>

/* Where the bundle is seen. */
#define INSIDE "/run/udf"

/* --- the program that runs --- */

/* The program that runs: the first word, and what its first line names. */
struct programs {
	char *first;	   /* owned; NULL: it is in the bundle */
	char *interpreter; /* owned; or NULL */
};

static void programs_fini(struct programs *p)
{
	free(p->first);
	free(p->interpreter);
}

static inline void auto_programs(struct programs *p)
{
	programs_fini(p);
}

static struct err *read_interpreter(struct io_store *s, const char *dir,
				    const char *word, struct programs *p)
{
	AUTO_MEM char *path = NULL, *name = NULL;
	AUTO(io_file) struct io_file *f = NULL;
	uint8_t head[512];
	TRY(str_printf(&path, "%s/%s", dir, word + 2));
	TRY(io_open(s, path, &f));
	size_t len = (size_t)MIN_OF(io_size(f), (uint64_t)sizeof(head));
	TRY(io_read(f, 0, len, head));
	return script_interpreter(head, len, &name, &p->interpreter);
}

static struct err *find_programs(struct io_store *s, const char *dir,
				 const struct udf *u, struct programs *p)
{
	const char *word = u->command[0];
	if (!word)
		return err_new(EINVAL, "the function has no command");
	if (str_starts(word, "./"))
		return read_interpreter(s, dir, word, p);
	if (*word == '/')
		return str_dup(word, &p->first);
	if (strchr(word, '/'))
		return err_new(EINVAL,
			       "command: '%.200s' is neither ./FILE of the bundle nor "
			       "an absolute path",
			       word);
	TRY(find_program(word, &p->first));
	return p->first ? NULL
			: err_new(ENOENT, "command: no program '%.200s' in PATH", word);
}

/* --- the command --- */

/* In the words "./" stands for the bundle, wherever it is seen. */
static struct err *add_command(const struct udf *u, const struct programs *p,
			       const char *bundle, struct words_out *argv)
{
	for (size_t i = 0; u->command[i]; i++) {
		const char *word = u->command[i];
		if (i == 0 && p->first)
			TRY(words_add(argv, "%s", p->first));
		else if (str_starts(word, "./"))
			TRY(words_add(argv, "%s/%s", bundle, word + 2));
		else
			TRY(words_add(argv, "%s", word));
	}
	return NULL;
}

static struct err *add_devices(struct words_out *argv)
{
	static const char *const patterns[] = {"/dev/nvidia*", "/dev/dri", "/dev/kfd"};
	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		glob_t found = {0};
		struct err *err = NULL;
		if (glob(patterns[i], 0, NULL, &found) == 0)
			for (size_t k = 0; k < found.gl_pathc && !err; k++) {
				const char *bind[] = {"--dev-bind-try",
						      found.gl_pathv[k],
						      found.gl_pathv[k], NULL};
				err = words_add_all(argv, bind);
			}
		globfree(&found);
		TRY(err);
	}
	return NULL;
}

static struct err *add_base(const char *bwrap, struct words_out *argv)
{
	static const char *const base[] = {"--unshare-all",
					   "--die-with-parent",
					   "--new-session",
					   "--cap-drop",
					   "ALL",
					   "--ro-bind",
					   "/",
					   "/",
					   "--dev",
					   "/dev",
					   "--proc",
					   "/proc",
					   NULL};
	TRY(words_add(argv, "%s", bwrap));
	TRY(words_add_all(argv, base));
	TRY(cover_private(argv));
	return add_devices(argv);
}

static struct err *show_system(struct showing *s, const struct udf *u,
			       const struct programs *p)
{
	TRY(show_program(s, p->first));
	TRY(show_program(s, p->interpreter));
	for (size_t i = 0; u->readable[i]; i++)
		TRY(show(s, u->readable[i]));
	return NULL;
}

static struct err *bind(struct words_out *argv, const char *from, const char *to)
{
	const char *words[] = {"--ro-bind", from, to, NULL};
	return words_add_all(argv, words);
}

static struct err *add_inputs(const struct udf *u, const char *scratch,
			      const char *bundle, struct words_out *argv)
{
	for (size_t i = 0; i < u->n_models; i++)
		if (*u->models[i].path == '/')
			TRY(bind(argv, u->models[i].path, u->models[i].path));
	if (scratch)
		TRY(bind(argv, scratch, scratch));
	TRY(bind(argv, bundle, INSIDE));
	TRY(words_add(argv, "--chdir"));
	TRY(words_add(argv, INSIDE));
	return words_add(argv, "--");
}

static const char no_bwrap[] =
	"functions run in a sandbox, and bubblewrap is not installed (apt-get install "
	"bubblewrap); --no-sandbox runs them without";

static struct err *find_bwrap(char **ret)
{
	AUTO_MEM char *path = NULL;
	TRY(find_program("bwrap", &path));
	if (!path)
		return err_new(EOPNOTSUPP, "%s", no_bwrap);
	*ret = TAKE(path);
	return NULL;
}

static struct err *sandboxed(const struct udf *u, const struct udf_limits *limits,
			     const struct programs *p, const char *bundle,
			     const char *scratch, struct words_out *argv)
{
	__attribute__((cleanup(auto_showing))) struct showing s = {.limits = limits,
								   .argv = argv};
	AUTO_MEM char *bwrap = NULL;
	TRY(find_bwrap(&bwrap));
	TRY(add_base(bwrap, argv));
	TRY(show_system(&s, u, p));
	TRY(hide(&s));
	s.is_late = true;
	TRY(show_system(&s, u, p));
	TRY(add_inputs(u, scratch, bundle, argv));
	return add_command(u, p, INSIDE, argv);
}

struct err *sandbox_command(struct io_store *s, const char *dir, const struct udf *u,
			    const struct udf_limits *limits, const char *scratch,
			    char ***ret_argv, char ***ret_env)
{
	__attribute__((cleanup(auto_programs))) struct programs p = {0};
	AUTO_WORDS struct words_out argv = {0}, env = {0};
	AUTO_MEM char *root = NULL, *bundle = NULL;
	if (io_store_fd(s) < 0)
		return err_new(EOPNOTSUPP, "functions of %s cannot be run here",
			       io_store_name(s));
	TRY(io_store_real_path(s, &root));
	TRY(str_printf(&bundle, "%s/%s", root, dir));
	TRY(find_programs(s, dir, u, &p));
	if (limits->is_unsandboxed)
		TRY(add_command(u, &p, bundle, &argv));
	else
		TRY(sandboxed(u, limits, &p, bundle, scratch, &argv));
	TRY(limits->is_unsandboxed ? plain_env(u, limits, &env)
				   : sandbox_env(u, limits, &env));
	*ret_argv = TAKE(argv.words);
	*ret_env = TAKE(env.words);
	return NULL;
}

struct err *udf_command_line(struct io_store *s, const struct udf *u,
			     const struct udf_limits *limits, const char *scratch,
			     char ***ret_argv, char ***ret_env)
{
	AUTO_MEM char *dir = NULL;
	TRY(str_printf(&dir, UDF_DIR "/%s", u->hash));
	return sandbox_command(s, dir, u, limits, scratch, ret_argv, ret_env);
}

/* --- does it work here? --- */

#define CHECK_NS INT64_C(10000000000)

static struct err *no_sandbox(const struct buf *complaints)
{
	int len = (int)MIN_OF(complaints->len, (size_t)200);
	const char *text = (const char *)complaints->data;
	const char *newline = text ? memchr(text, '\n', (size_t)len) : NULL;
	if (newline)
		len = (int)(newline - text);
	return err_new(EOPNOTSUPP,
		       "functions run in a sandbox, and bubblewrap cannot make one "
		       "here (%.*s); it needs user namespaces, or root; --no-sandbox "
		       "runs them without",
		       len, text ? text : "");
}

struct err *udf_check_sandbox(void)
{
	AUTO_WORDS struct words_out argv = {0}, env = {0};
	AUTO_BUF struct buf out = {0}, complaints = {0};
	AUTO_MEM char *bwrap = NULL;
	int status = 0;
	TRY(find_bwrap(&bwrap));
	TRY(add_base(bwrap, &argv));
	TRY(words_add(&argv, "true"));
	TRY(words_add(&env, "PATH=/usr/local/bin:/usr/bin:/bin"));
	TRY_CTX(run_once(argv.words, env.words, CHECK_NS, 65536, &out, &complaints,
			 &status),
		"bubblewrap");
	return status == 0 ? NULL : no_sandbox(&complaints);
}
