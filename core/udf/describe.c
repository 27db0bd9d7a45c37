// SPDX-License-Identifier: Apache-2.0
/*
 * describe.c: what has to be run to be known, in the sandbox: what a Python function's
 * hints say, and which version an interpreter is.
 */
#include "udf/udf_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#define HELPER "lancefs_udf.py"
/* Large libraries take their time to be imported. */
#define DESCRIBE_NS INT64_C(120000000000)
#define VERSION_NS INT64_C(10000000000)
#define MAX_OUTPUT 65536

/* --- Python's helper --- */

/* PREFIX/share/lancefs/udf for the PREFIX/bin that this program runs from. */
static struct err *beside_program(char **ret)
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	if (n <= 0)
		return NULL;
	path[n] = 0;
	for (int i = 0; i < 2; i++) {
		char *slash = strrchr(path, '/');
		if (!slash)
			return NULL;
		*slash = 0;
	}
	return str_printf(ret, "%s/share/lancefs/udf/" HELPER, path);
}

static struct err *open_helper(int *ret)
{
	AUTO_MEM char *named = NULL, *beside = NULL;
	const char *dir = getenv("LANCEFS_UDF_DIR");
	if (dir)
		TRY(str_printf(&named, "%s/" HELPER, dir));
	TRY(beside_program(&beside));
	const char *paths[] = {named, beside, LANCEFS_DATA_DIR "/udf/" HELPER};
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		*ret = paths[i] ? open(paths[i], O_RDONLY | O_CLOEXEC) : -1;
		if (*ret >= 0)
			return NULL;
	}
	return err_new(ENOENT,
		       HELPER " is not in " LANCEFS_DATA_DIR "/udf; put it beside the "
			      "script, or say in LANCEFS_UDF_DIR where it is");
}

struct err *add_helper(struct bundle *b, const char *script)
{
	const char *slash = strrchr(script, '/');
	AUTO_MEM char *path = NULL;
	AUTO_FD int fd = -1;
	TRY(str_printf(&path, "%.*s" HELPER, slash ? (int)(slash + 1 - script) : 0,
		       script));
	if (bundle_find(b, path))
		return NULL;
	TRY(open_helper(&fd));
	return bundle_add_fd(b, fd, path, false);
}

/* --- running it --- */

/* The last line that is not empty, for a message. */
static void last_line(const struct buf *text, const char **ret, int *ret_len)
{
	const char *p = (const char *)text->data;
	size_t end = text->len, first;
	while (end && (p[end - 1] == '\n' || p[end - 1] == ' '))
		end--;
	for (first = end; first && p[first - 1] != '\n'; first--)
		;
	*ret = end ? p + first : "it says nothing";
	*ret_len = (int)MIN_OF(end ? end - first : strlen(*ret), (size_t)400);
}

static struct err *run(struct bundle *b, const struct udf *u, int64_t timeout_ns,
		       struct buf *out)
{
	AUTO_MEM char *root = NULL;
	struct udf_limits limits = {.is_unsandboxed = b->is_unsandboxed};
	char **argv = NULL, **env = NULL;
	AUTO_BUF struct buf complaints = {0};
	const char *line;
	int status = 0, len;
	if (!b->is_unsandboxed)
		TRY(udf_check_sandbox());
	TRY(io_store_real_path(b->store, &root));
	limits.hidden[0] = root;
	TRY(sandbox_command(b->store, b->dir, u, &limits, NULL, &argv, &env));
	struct err *err =
		run_once(argv, env, timeout_ns, MAX_OUTPUT, out, &complaints, &status);
	udf_words_free(argv);
	udf_words_free(env);
	TRY(err);
	if (status == 0)
		return NULL;
	last_line(&complaints, &line, &len);
	return err_new(EINVAL, "it fails: %.*s", len, line);
}

struct err *describe(struct bundle *b, const struct udf *u, struct spec *ret)
{
	AUTO_BUF struct buf out = {0};
	AUTO_WORDS struct words_out words = {0};
	struct udf asked = *u; /* all but its command borrowed */
	for (size_t i = 0; u->command[i]; i++)
		TRY(words_add(&words, "%s", u->command[i]));
	TRY(words_add(&words, "--describe"));
	asked.command = words.words;
	TRY_CTX(run(b, &asked, DESCRIBE_NS, &out), "%s --describe", u->command[0]);
	return spec_read_ini((const char *)out.data, out.len, "--describe", ret);
}

struct err *interpreter_version(struct bundle *b, const char *path, char **ret)
{
	AUTO_BUF struct buf out = {0};
	AUTO_WORDS struct words_out words = {0};
	char *none[] = {NULL};
	TRY(words_add(&words, "%s", path));
	TRY(words_add(&words, "--version"));
	struct udf asked = {.command = words.words, .readable = none, .inputs = none};
	struct err *err = run(b, &asked, VERSION_NS, &out);
	if (err) {
		err_free(err); /* there are interpreters that do not say */
		return NULL;
	}
	size_t len = out.len ? strcspn((const char *)out.data, "\n") : 0;
	AUTO_MEM char *line = NULL;
	TRY(str_dup_len(out.data, MIN_OF(len, (size_t)200), &line));
	return *line ? str_dup_utf8(line, ret) : NULL;
}
