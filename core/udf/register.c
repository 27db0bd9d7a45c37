// SPDX-License-Identifier: Apache-2.0
/*
 * register.c: a file or a directory becomes a function of the dataset.
 *
 * What is said of it goes in this order: the command's options, udf.ini or the
 * comment, what a Python function says of itself, the defaults.
 */
#include "udf/udf_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEAD_BYTES ((uint64_t)4096)
#define SCRIPT_BYTES ((uint64_t)1 << 20)

struct registration {
	struct bundle bundle;
	struct spec spec;
	char *name;	 /* owned */
	char *main;	 /* owned; the file to run, if nothing is said; or NULL */
	char *lock;	 /* owned; the lock file's path in the bundle, or NULL */
	char *version;	 /* owned; the interpreter's, or NULL */
	char *program;	 /* owned; the interpreter's path, or NULL */
	struct udf *udf; /* owned */
};

static void registration_fini(struct registration *r)
{
	bundle_fini(&r->bundle);
	spec_fini(&r->spec);
	free(r->name);
	free(r->main);
	free(r->lock);
	free(r->version);
	free(r->program);
	udf_free(r->udf);
}

static inline void auto_registration(struct registration *r)
{
	registration_fini(r);
}
#define AUTO_REGISTRATION __attribute__((cleanup(auto_registration)))

/* --- what it is called, and what the options say --- */

/* "score.py" is score. */
static struct err *stem(const char *file_name, bool is_dir, char **ret)
{
	const char *dot = is_dir ? NULL : strrchr(file_name, '.');
	size_t len =
		dot && dot != file_name ? (size_t)(dot - file_name) : strlen(file_name);
	return str_dup_len(file_name, len, ret);
}

static struct err *begin(struct io_store *s, const char *file_name, bool is_dir,
			 const struct udf_options *o, struct registration *r)
{
	if (o && o->name && *o->name)
		TRY(str_dup(o->name, &r->name));
	else
		TRY(stem(file_name, is_dir, &r->name));
	TRY(udf_check_name(r->name));
	if (o && o->shape && *o->shape)
		TRY(spec_say(&r->spec, "shape", o->shape, "--shape"));
	if (o && o->type && *o->type)
		TRY(spec_say(&r->spec, "type", o->type, "--type"));
	TRY(bundle_begin(s, &r->bundle));
	r->bundle.is_unsandboxed = o && o->is_unsandboxed;
	return NULL;
}

/* --- files --- */

static bool starts(const struct bytes *head, const char *magic)
{
	size_t len = strlen(magic);
	return head->len >= len && memcmp(head->data, magic, len) == 0;
}

static struct err *check_runnable(const struct bytes *head, const char *name,
				  bool is_executable)
{
	bool is_known = starts(head, "#!") || starts(head, "\x7f"
							   "ELF");
	if (!is_known)
		return err_new(EINVAL,
			       "%s is neither a program nor a script with a first line "
			       "like '#!/usr/bin/env python3'",
			       name);
	if (!is_executable)
		return err_new(EINVAL, "%s is not executable: chmod +x it", name);
	return NULL;
}

static struct err *read_comment(struct registration *r, const char *file)
{
	AUTO(bytes) struct bytes *head = NULL;
	AUTO_SPEC struct spec said = {0};
	TRY(bundle_read(&r->bundle, file, HEAD_BYTES, false, &head));
	if (!starts(head, "#!"))
		return NULL;
	TRY(spec_read_comment((const char *)head->data, head->len, file, &said));
	spec_merge(&r->spec, &said);
	return NULL;
}

static struct err *add_file(struct registration *r, int fd, const char *name)
{
	AUTO(bytes) struct bytes *head = NULL;
	struct stat st;
	if (fstat(fd, &st) != 0)
		return err_errno(errno, "%s", name);
	if (!S_ISREG(st.st_mode))
		return err_new(EINVAL, "%s: neither a file nor a directory", name);
	if (strcmp(name, UDF_INI) == 0 || strcmp(name, UDF_SUMS) == 0)
		return err_new(EINVAL, "%s: register the directory that it is in",
			       name);
	TRY(bundle_add_fd(&r->bundle, fd, name, true));
	TRY(bundle_read(&r->bundle, name, HEAD_BYTES, false, &head));
	TRY(check_runnable(head, name, (st.st_mode & 0111) != 0));
	TRY(read_comment(r, name));
	return str_dup(name, &r->main);
}

/* --- directories --- */

static struct err *read_ini(struct registration *r, int dir_fd)
{
	AUTO_SPEC struct spec said = {0};
	AUTO_MEM char *text = NULL;
	AUTO_FD int fd =
		openat(dir_fd, UDF_INI, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? NULL : err_errno(errno, UDF_INI);
	TRY(mem_array((size_t)MAX_INI_BYTES, 1, &text));
	ssize_t n = pread(fd, text, (size_t)MAX_INI_BYTES, 0);
	if (n < 0)
		return err_errno(errno, UDF_INI);
	if ((uint64_t)n == MAX_INI_BYTES)
		return err_new(EFBIG, UDF_INI ": over %llu bytes",
			       (unsigned long long)MAX_INI_BYTES);
	TRY(spec_read_ini(text, (size_t)n, UDF_INI, &said));
	spec_merge(&r->spec, &said);
	return NULL;
}

/* Copies may have lost the modes that a canonical udf.ini tells. */
static struct err *mark_executables(struct registration *r)
{
	char **words;
	TRY(spec_executables(&r->spec, &words));
	for (size_t i = 0; words[i]; i++)
		for (size_t k = 0; k < r->bundle.n_files; k++)
			if (strcmp(r->bundle.files[k].path, words[i]) == 0)
				r->bundle.files[k].is_executable = true;
	udf_words_free(words);
	return NULL;
}

/* The only executable at the top, if there is just one. */
static struct err *find_main(struct registration *r)
{
	const char *only = NULL;
	for (size_t i = 0; i < r->bundle.n_files; i++) {
		const struct bundle_file *f = &r->bundle.files[i];
		if (!f->is_executable || strchr(f->path, '/'))
			continue;
		if (only)
			return NULL;
		only = f->path;
	}
	return only ? str_dup(only, &r->main) : NULL;
}

static struct err *add_dir(struct registration *r, int dir_fd)
{
	TRY(read_ini(r, dir_fd));
	TRY(bundle_add_dir(&r->bundle, dir_fd));
	TRY(mark_executables(r));
	if (r->spec.values[KEY_COMMAND].text)
		return NULL;
	TRY(find_main(r));
	if (!r->main)
		return err_new(
			EINVAL,
			"which program to run? say command = ./FILE in " UDF_INI);
	return read_comment(r, r->main);
}

/* --- what it is --- */

/* The file of the bundle that a command runs or interprets, NULL if there is none. */
static const char *script_of(const struct udf *u)
{
	for (size_t i = 0; u->command[i]; i++)
		if (str_starts(u->command[i], "./"))
			return u->command[i] + 2;
	return NULL;
}

static struct err *understand(struct registration *r)
{
	AUTO_MEM char *command = NULL;
	AUTO_BUF struct buf quoted = {0};
	if (!r->spec.values[KEY_COMMAND].text && r->main) {
		shell_quote(r->main, &quoted);
		TRY(buf_take_str(&quoted, &command));
		AUTO_MEM char *text = NULL;
		TRY(str_printf(&text, "./%s", command));
		TRY(spec_say(&r->spec, "command", text, r->main));
	}
	udf_free(TAKE(r->udf));
	TRY(mem_new(&r->udf));
	return spec_to_udf(&r->spec, r->udf);
}

/* Python functions with the helper say their types themselves. */
static struct err *ask(struct registration *r)
{
	AUTO_SPEC struct spec said = {0};
	AUTO(bytes) struct bytes *text = NULL;
	const char *script = script_of(r->udf);
	if (!script || !bundle_find(&r->bundle, script))
		return NULL;
	TRY(bundle_read(&r->bundle, script, SCRIPT_BYTES, false, &text));
	if (!script_uses_helper((const char *)text->data, text->len))
		return NULL;
	TRY(add_helper(&r->bundle, script));
	if (!r->spec.values[KEY_OUTPUTS].text || !r->spec.values[KEY_INPUTS].text) {
		TRY(describe(&r->bundle, r->udf, &said));
		spec_merge(&r->spec, &said);
	}
	if (!r->spec.values[KEY_SHAPE].text)
		TRY(spec_say(&r->spec, "shape", "arrow", script));
	return understand(r);
}

/* --- provenance --- */

static struct err *find_lock(struct registration *r)
{
	static const char *const usual[] = {
		"uv.lock",	     "pylock.toml",	  "poetry.lock",
		"Pipfile.lock",	     "requirements.lock", "requirements.txt",
		"package-lock.json", "Cargo.lock",	  "go.sum"};
	const struct spec_value *said = &r->spec.values[KEY_LOCK];
	char **words = NULL;
	if (said->text) {
		TRY(shell_words(said->text, " \t", &words));
		const char *path = words[0] ? words[0] : "";
		struct err *err = bundle_find(&r->bundle, path)
					  ? str_dup(path, &r->lock)
					  : err_new(EINVAL,
						    "%s: lock: no file '%s' in "
						    "the bundle",
						    said->where, path);
		udf_words_free(words);
		return err;
	}
	for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]) && !r->lock; i++)
		if (bundle_find(&r->bundle, usual[i]))
			TRY(str_dup(usual[i], &r->lock));
	return NULL;
}

/* What interprets it: named in the first line of what is run, or the command itself. */
static struct err *find_interpreter(struct registration *r)
{
	struct udf *u = r->udf;
	const char *word = u->command[0];
	AUTO(bytes) struct bytes *head = NULL;
	free(TAKE(u->interpreter)); /* what was said is what was found, once */
	if (str_starts(word, "./")) {
		TRY(bundle_read(&r->bundle, word + 2, HEAD_BYTES, false, &head));
		TRY(script_interpreter(head->data, head->len, &u->interpreter,
				       &r->program));
	} else {
		const char *slash = strrchr(word, '/');
		TRY(str_dup(slash ? slash + 1 : word, &u->interpreter));
		TRY(*word == '/' ? str_dup(word, &r->program)
				 : find_program(word, &r->program));
	}
	if (r->program)
		TRY(interpreter_version(&r->bundle, r->program, &r->version));
	return NULL;
}

static struct err *check_command(const struct registration *r)
{
	const struct udf *u = r->udf;
	const char *word = u->command[0];
	if (!word)
		return err_new(EINVAL, "the command is empty");
	for (size_t i = 0; u->command[i]; i++)
		if (str_starts(u->command[i], "./") &&
		    !bundle_find(&r->bundle, u->command[i] + 2))
			return err_new(EINVAL, "command: no file '%s' in the bundle",
				       u->command[i]);
	if (str_starts(word, "./") && !bundle_find(&r->bundle, word + 2)->is_executable)
		return err_new(EINVAL, "%s is not executable: chmod +x it", word + 2);
	if (strchr(word, '/') && *word != '/' && !str_starts(word, "./"))
		return err_new(EINVAL,
			       "command: '%s' is neither ./FILE of the bundle nor an "
			       "absolute path",
			       word);
	return NULL;
}

/* --- writing it down --- */

static struct err *add_ini(struct registration *r)
{
	AUTO_BUF struct buf ini = {0}, lock = {0};
	AUTO_WORDS struct words_out executables = {0};
	bundle_sort(&r->bundle);
	for (size_t i = 0; i < r->bundle.n_files; i++)
		if (r->bundle.files[i].is_executable)
			TRY(words_add(&executables, "%s", r->bundle.files[i].path));
	if (r->lock)
		shell_quote(r->lock, &lock);
	buf_byte(&lock, 0);
	TRY(buf_check(&lock));
	TRY(udf_write_ini(r->udf, (const char *)lock.data, executables.words,
			  executables.n, &ini));
	return bundle_add_bytes(&r->bundle, UDF_INI, ini.data, ini.len);
}

static struct err *note_version(struct registration *r, const char *hash)
{
	AUTO_MEM char *path = NULL, *text = NULL;
	if (!r->version)
		return NULL;
	TRY(str_printf(&path, UDF_INTERPRETERS "/%s", hash));
	TRY(str_printf(&text, "%s\n", r->version));
	return io_replace(r->bundle.store, path, text, strlen(text));
}

static struct err *note_name(struct io_store *s, const char *name, const char *hash)
{
	AUTO_MEM char *path = NULL, *text = NULL;
	TRY(str_printf(&path, UDF_NAMES "/%s", name));
	TRY(str_printf(&text, "%s\n", hash));
	TRY(io_replace(s, path, text, strlen(text)));
	return io_sync_dir(s, UDF_NAMES);
}

static struct err *finish(struct registration *r, struct udf **ret)
{
	char hash[UDF_HASH_LEN + 1];
	struct io_store *s = r->bundle.store;
	TRY(understand(r));
	TRY(ask(r));
	TRY(check_command(r));
	TRY(find_lock(r));
	TRY(models_hash(&r->bundle, r->udf));
	TRY(find_interpreter(r));
	TRY(add_ini(r));
	TRY(bundle_publish(&r->bundle, hash));
	TRY(note_version(r, hash));
	TRY(note_name(s, r->name, hash));
	return udf_load(s, r->name, ret);
}

struct err *udf_register_file(struct io_store *s, int file_fd, const char *file_name,
			      const struct udf_options *options, struct udf **ret)
{
	AUTO_REGISTRATION struct registration r = {0};
	TRY(begin(s, file_name, false, options, &r));
	TRY(add_file(&r, file_fd, file_name));
	return finish(&r, ret);
}

struct err *udf_register_dir(struct io_store *s, int dir_fd, const char *dir_name,
			     const struct udf_options *options, struct udf **ret)
{
	AUTO_REGISTRATION struct registration r = {0};
	TRY(begin(s, dir_name, true, options, &r));
	TRY(add_dir(&r, dir_fd));
	return finish(&r, ret);
}
