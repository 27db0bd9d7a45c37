// SPDX-License-Identifier: Apache-2.0
/*
 * test_udf.c: functions as bundles: registered, found, read back, refused.
 */
#include "lancefs.h"

#include "tree.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* --- places --- */

struct place {
	char root[64];	/* holds "data" and what is registered */
	char path[160]; /* of what was made last */
	struct io_store *store;
};

static int set_up(void **state)
{
	struct place *p = calloc(1, sizeof(*p));
	char data[96];
	snprintf(p->root, sizeof(p->root), "/var/tmp/test_udf.XXXXXX");
	assert_non_null(mkdtemp(p->root));
	snprintf(data, sizeof(data), "%s/data", p->root);
	assert_int_equal(mkdir(data, 0755), 0);
	assert_null(io_store_open_local(data, &p->store));
	*state = p;
	return 0;
}

static int tear_down(void **state)
{
	struct place *p = *state;
	io_store_unref(p->store);
	tree_remove(p->root);
	free(p);
	return 0;
}

static void make(struct place *p, const char *name, const char *text, mode_t mode)
{
	snprintf(p->path, sizeof(p->path), "%s/%s", p->root, name);
	int fd = open(p->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static void make_dir(struct place *p, const char *name)
{
	snprintf(p->path, sizeof(p->path), "%s/%s", p->root, name);
	assert_int_equal(mkdir(p->path, 0755), 0);
}

static struct err *add_to(struct place *p, struct io_store *s, const char *name,
			  const struct udf_options *o, struct udf **ret)
{
	struct stat st;
	snprintf(p->path, sizeof(p->path), "%s/%s", p->root, name);
	int fd = open(p->path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	struct err *err = S_ISDIR(st.st_mode) ? udf_register_dir(s, fd, name, o, ret)
					      : udf_register_file(s, fd, name, o, ret);
	close(fd);
	return err;
}

static struct err *add(struct place *p, const char *name, struct udf **ret)
{
	return add_to(p, p->store, name, NULL, ret);
}

static void assert_err(struct err *err, int code, const char *part)
{
	assert_non_null(err);
	if (err->code != code || !strstr(err->msg, part))
		print_error("expected %d '%s', got %d '%s'\n", code, part, err->code,
			    err->msg);
	assert_int_equal(err->code, code);
	assert_non_null(strstr(err->msg, part));
	err_free(err);
}

static void assert_ok(struct err *err)
{
	if (err)
		print_error("%s\n", err->msg);
	assert_null(err);
}

#define WORDS                                                                          \
	"#!/bin/sh\n"                                                                  \
	"# lancefs: shape=lines type=int64 inputs=caption\n"                           \
	"wc -w\n"

/* --- registering --- */

static void test_register__file_with_comment(void **state)
{
	struct place *p = *state;
	AUTO(udf) struct udf *u = NULL;
	make(p, "words.sh", WORDS, 0755);
	assert_ok(add(p, "words.sh", &u));
	assert_string_equal(u->name, "words");
	assert_int_equal(u->shape, UDF_LINES);
	assert_string_equal(u->command[0], "./words.sh");
	assert_null(u->command[1]);
	assert_int_equal(u->n_outputs, 1);
	assert_null(u->outputs[0].name);
	assert_int_equal(u->outputs[0].type->id, TYPE_INT64);
	assert_string_equal(u->inputs[0], "caption");
	assert_null(u->inputs[1]);
	assert_string_equal(u->interpreter, "sh");
	assert_null(u->lock);
}

static void test_register__same_again(void **state)
{
	struct place *p = *state;
	AUTO(udf) struct udf *a = NULL, *b = NULL;
	char **names;
	size_t n;
	make(p, "words.sh", WORDS, 0755);
	assert_ok(add(p, "words.sh", &a));
	make(p, "words.sh", WORDS, 0700);
	assert_ok(add(p, "words.sh", &b));
	assert_string_equal(a->hash, b->hash);
	assert_ok(udf_list(p->store, &names, &n));
	assert_int_equal(n, 1);
	assert_string_equal(names[0], "words");
	free(names[0]);
	free(names);
}

static void test_register__equal_in_two_stores(void **state)
{
	struct place *p = *state;
	AUTO(udf) struct udf *a = NULL, *b = NULL, *c = NULL;
	AUTO(io_store) struct io_store *memory = NULL;
	assert_ok(io_store_new_memory(&memory));
	make_dir(p, "one");
	make_dir(p, "one/sub");
	make(p, "one/main.sh", WORDS, 0755);
	make(p, "one/sub/b", "b", 0644);
	make(p, "one/a", "a", 0600);
	make_dir(p, "two"); /* in another order, with what is left out */
	make(p, "two/a", "a", 0644);
	make_dir(p, "two/sub");
	make(p, "two/sub/b", "b", 0600);
	make_dir(p, "two/__pycache__");
	make(p, "two/__pycache__/x.pyc", "?", 0644);
	make(p, "two/main.sh", WORDS, 0711);
	assert_ok(add(p, "one", &a));
	assert_ok(add(p, "two", &b));
	assert_ok(add_to(p, memory, "two", NULL, &c));
	assert_string_equal(a->hash, b->hash);
	assert_string_equal(a->hash, c->hash);
}

/* A bundle that is taken out of a dataset is the same one in another. */
static void test_register__a_bundle(void **state)
{
	struct place *p = *state;
	AUTO(udf) struct udf *a = NULL, *b = NULL;
	char path[120];
	make_dir(p, "one");
	make(p, "one/run", WORDS, 0755);
	make(p, "one/data.txt", "1", 0644);
	make(p, "one/requirements.txt", "numpy==1.0\n", 0644);
	make(p, "one/udf.ini",
	     "[udf]\ncommand = sh -c 'a  ; b' ./run \"it's\"\n"
	     "outputs = width:int32,\n  \"per cent\": struct<a: int32, b: string[2]>\n"
	     "inputs = a, 'b c', \"d,e\"\nmodels = data.txt\nreadable = /usr/share\n",
	     0644);
	assert_ok(add(p, "one", &a));
	assert_string_equal(a->command[2], "a  ; b");
	assert_string_equal(a->command[4], "it's");
	assert_string_equal(a->outputs[1].name, "per cent");
	assert_string_equal(a->inputs[1], "b c");
	assert_string_equal(a->inputs[2], "d,e");
	assert_string_equal(a->models[0].path, "./data.txt");
	assert_string_equal(a->interpreter, "sh");
	assert_non_null(a->lock);
	snprintf(path, sizeof(path), "data/_udfs/%s", a->hash);
	assert_ok(
		add_to(p, p->store, path, &(struct udf_options){.name = "again"}, &b));
	assert_string_equal(a->hash, b->hash);
}

static void test_register__long_values(void **state)
{
	struct place *p = *state;
	AUTO(udf) struct udf *u = NULL;
	AUTO_BUF struct buf ini = {0};
	make_dir(p, "one");
	make(p, "one/run", "#!/bin/sh\n", 0755);
	buf_str(&ini, "command = ./run");
	for (int i = 0; i < 100; i++)
		buf_printf(&ini, "\n\t'word %d ; # \\'", i);
	buf_byte(&ini, 0);
	make(p, "one/udf.ini", (const char *)ini.data, 0644);
	assert_ok(add(p, "one", &u));
	assert_string_equal(u->command[1], "word 0 ; # \\");
	assert_string_equal(u->command[100], "word 99 ; # \\");
	assert_null(u->command[101]);
}

static void test_register__options(void **state)
{
	struct place *p = *state;
	AUTO(udf) struct udf *u = NULL;
	struct udf_options o = {"other", "files", "a: float, b: string", false};
	make(p, "words.sh", WORDS, 0755);
	assert_ok(add_to(p, p->store, "words.sh", &o, &u));
	assert_string_equal(u->name, "other");
	assert_int_equal(u->shape, UDF_FILES);
	assert_int_equal(u->n_outputs, 2);
	assert_string_equal(u->outputs[1].name, "b");
	assert_string_equal(u->inputs[0], "caption");
}

/* --- refusing --- */

static void test_register__refused_files(void **state)
{
	struct place *p = *state;
	struct udf *u = NULL;
	make(p, "a.sh", "#!/bin/sh\n", 0644);
	assert_err(add(p, "a.sh", &u), EINVAL, "a.sh is not executable: chmod +x it");
	make(p, "b.py", "print(1)\n", 0755);
	assert_err(add(p, "b.py", &u), EINVAL, "#!/usr/bin/env python3");
	make(p, "c.sh", "#!/bin/sh\n# lancefs: shape=line\n", 0755);
	assert_err(add(p, "c.sh", &u), EINVAL, "c.sh: line 2: no shape 'line'");
	make(p, "d.sh", "#!/bin/sh\n# lancefs: type=flaot\n", 0755);
	assert_err(add(p, "d.sh", &u), EINVAL, "d.sh: line 2: ");
	make(p, "e.sh", "#!/bin/sh\n\n-- lancefs: models=x.bin\n", 0755);
	assert_err(add(p, "e.sh", &u), EINVAL, "'x.bin' is not in the bundle");
	make(p, ".sh", "#!/bin/sh\n", 0755);
	assert_err(add(p, ".sh", &u), EINVAL, "begins with a dot");
	assert_null(u);
}

static void test_register__refused_inis(void **state)
{
	static const struct {
		const char *ini, *part;
	} cases[] = {
		{"shape = lines\nshape = arrow\n", "line 2: shape is said already"},
		{"\nshapes = lines\n", "line 2: no key 'shapes'"},
		{"command\n", "line 1"},
		{"[other]\nshape = lines\n", "no section [other]"},
		{"command = './run\n", "line 1: command: column 1: the quote"},
		{"command = ./missing\n", "no file './missing'"},
		{"command = ../run\n", "neither ./FILE"},
		{"command = ./data\n", "data is not executable"},
		{"type = int32, string\ncommand = ./run\n", "needs a name"},
		{"outputs = a:int32, a:string\ncommand = ./run\n", "two outputs"},
		{"outputs = a:\ncommand = ./run\n", "line 1"},
		{"readable = data\ncommand = ./run\n", "not an absolute path"},
		{"models = /nowhere/x\ncommand = ./run\n", ""},
		{"lock = none\ncommand = ./run\n", "lock: no file 'none'"},
		{"shape = lines", "which program"},
	};
	struct place *p = *state;
	struct udf *u = NULL;
	make_dir(p, "one");
	make(p, "one/run", "#!/bin/sh\n", 0755);
	make(p, "one/run2", "#!/bin/sh\n", 0755);
	make(p, "one/data", "1", 0644);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		make(p, "one/udf.ini", cases[i].ini, 0644);
		struct err *err = add(p, "one", &u);
		assert_err(err, err && err->code == ENOENT ? ENOENT : EINVAL,
			   cases[i].part);
	}
	assert_null(u);
}

static void test_register__refused_entries(void **state)
{
	struct place *p = *state;
	struct udf *u = NULL;
	make_dir(p, "one");
	make(p, "one/run", "#!/bin/sh\n", 0755);
	snprintf(p->path, sizeof(p->path), "%s/one/link", p->root);
	assert_int_equal(symlink("/etc/passwd", p->path), 0);
	assert_err(add(p, "one", &u), EINVAL, "link: a link that leads out");
	snprintf(p->path, sizeof(p->path), "%s/one/link", p->root);
	unlink(p->path);
	assert_int_equal(mkfifo(p->path, 0600), 0);
	assert_err(add(p, "one", &u), EINVAL, "link: neither a file nor");
	snprintf(p->path, sizeof(p->path), "%s/one/link", p->root);
	unlink(p->path);
	assert_int_equal(symlink(".", p->path), 0);
	assert_err(add(p, "one", &u), EINVAL, "link: a link to a directory");
	assert_null(u);
}

static void test_register__link_within(void **state)
{
	struct place *p = *state;
	AUTO(udf) struct udf *u = NULL;
	make_dir(p, "one");
	make(p, "one/run", "#!/bin/sh\n", 0755);
	make(p, "one/text", "text", 0644);
	snprintf(p->path, sizeof(p->path), "%s/one/link", p->root);
	assert_int_equal(symlink("text", p->path), 0);
	assert_ok(add(p, "one", &u));
}

static int count(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	assert_null(strstr(path, ".tmp"));
	return 0;
}

static void test_register__leaves_nothing(void **state)
{
	struct place *p = *state;
	struct udf *u = NULL;
	make_dir(p, "one");
	make_dir(p, "one/sub");
	make(p, "one/sub/run", "#!/bin/sh\n", 0755);
	assert_err(add(p, "one", &u), EINVAL, "which program");
	nftw(p->root, count, 16, FTW_PHYS);
}

static void test_names__refused(void **state)
{
	static const char *const names[] = {
		"a/b",
		".",
		"..",
		".a",
		"a\nb",
		"\xff",
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"};
	struct place *p = *state;
	struct udf *u = NULL;
	char hash[UDF_HASH_LEN + 1], long_name[202];
	bool found = true;
	make(p, "words.sh", WORDS, 0755);
	memset(long_name, 'x', 201);
	long_name[201] = 0;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct udf_options o = {.name = names[i]};
		assert_err(add_to(p, p->store, "words.sh", &o, &u), EINVAL, "");
		assert_ok(udf_find(p->store, names[i], &found, hash));
		assert_false(found);
	}
	struct udf_options o = {.name = long_name};
	assert_err(add_to(p, p->store, "words.sh", &o, &u), EINVAL, "200 bytes");
	assert_null(u);
}

/* --- finding --- */

static void test_load__by_name_and_hash(void **state)
{
	struct place *p = *state;
	AUTO(udf) struct udf *u = NULL, *by_hash = NULL, *by_prefix = NULL;
	struct udf *none = NULL;
	char prefix[9] = "";
	make(p, "words.sh", WORDS, 0755);
	assert_ok(add(p, "words.sh", &u));
	assert_ok(udf_load(p->store, u->hash, &by_hash));
	assert_null(by_hash->name);
	assert_string_equal(by_hash->hash, u->hash);
	memcpy(prefix, u->hash, 8);
	assert_ok(udf_load(p->store, prefix, &by_prefix));
	prefix[7] = 0;
	assert_err(udf_load(p->store, prefix, &none), ENOENT, "no function");
	assert_err(udf_load(p->store, "wrods", &none), ENOENT, "did you mean 'words'?");
	assert_err(udf_load(p->store, "../words", &none), ENOENT, "no function");
}

static void test_remove__forgets_the_name(void **state)
{
	struct place *p = *state;
	AUTO(udf) struct udf *u = NULL, *still = NULL;
	char hash[UDF_HASH_LEN + 1];
	bool found;
	make(p, "words.sh", WORDS, 0755);
	assert_ok(add(p, "words.sh", &u));
	assert_ok(udf_remove(p->store, "words"));
	assert_ok(udf_find(p->store, "words", &found, hash));
	assert_false(found);
	assert_ok(udf_load(p->store, u->hash, &still));
	assert_err(udf_remove(p->store, "words"), ENOENT, "none is registered");
}

/* --- verifying --- */

static void tamper(struct place *p, const struct udf *u, const char *name,
		   const char *text)
{
	char path[200];
	snprintf(path, sizeof(path), "data/_udfs/%s/%s", u->hash, name);
	make(p, path, text, 0755);
}

static void test_load__tampered(void **state)
{
	struct place *p = *state;
	AUTO(udf) struct udf *u = NULL;
	struct udf *none = NULL;
	make(p, "words.sh", WORDS, 0755);
	assert_ok(add(p, "words.sh", &u));
	tamper(p, u, "numpy.py", "evil");
	assert_err(udf_load(p->store, "words", &none), EIO, "numpy.py: not of the");
	unlink(p->path);
	tamper(p, u, "words.sh", "#!/bin/sh\nevil\n");
	assert_err(udf_load(p->store, "words", &none), EIO, "words.sh: not what was");
	unlink(p->path);
	assert_err(udf_load(p->store, "words", &none), EIO, "words.sh: missing");
	tamper(p, u, "words.sh", WORDS);
	assert_ok(udf_load(p->store, "words", &none));
	udf_free(TAKE(none));
	tamper(p, u, "SHA256SUMS", "");
	assert_err(udf_load(p->store, "words", &none), EIO, "SHA256SUMS is not");
}

static void test_register__repairs(void **state)
{
	struct place *p = *state;
	AUTO(udf) struct udf *u = NULL, *again = NULL;
	make(p, "words.sh", WORDS, 0755);
	assert_ok(add(p, "words.sh", &u));
	tamper(p, u, "words.sh", "#!/bin/sh\nevil\n");
	assert_ok(add(p, "words.sh", &again));
	assert_string_equal(u->hash, again->hash);
}

static void test_check_models__changed(void **state)
{
	struct place *p = *state;
	AUTO(udf) struct udf *u = NULL;
	char text[256], model[160];
	make(p, "model.bin", "1", 0644);
	snprintf(model, sizeof(model), "%s", p->path);
	snprintf(text, sizeof(text), "#!/bin/sh\n# lancefs: models=%s\n", model);
	make(p, "words.sh", text, 0755);
	assert_ok(add(p, "words.sh", &u));
	assert_int_equal(u->n_models, 1);
	assert_string_equal(u->models[0].path, model);
	assert_ok(udf_check_models(u));
	make(p, "model.bin", "2", 0644);
	assert_err(udf_check_models(u), ESTALE, "is not what it was");
	unlink(p->path);
	assert_err(udf_check_models(u), ENOENT, "model.bin");
}

/* --- the command --- */

static bool has_pair(char *const *words, const char *a, const char *b)
{
	for (; words[0] && words[1]; words++)
		if (strcmp(words[0], a) == 0 && strcmp(words[1], b) == 0)
			return true;
	return false;
}

static void test_command_line__unsandboxed(void **state)
{
	struct place *p = *state;
	AUTO(udf) struct udf *u = NULL;
	AUTO_MEM char *root = NULL, *expected = NULL;
	struct udf_limits limits = {.is_unsandboxed = true, .gpus = "3"};
	char **argv, **env;
	make(p, "words.sh", WORDS, 0755);
	assert_ok(add(p, "words.sh", &u));
	assert_ok(udf_command_line(p->store, u, &limits, NULL, &argv, &env));
	assert_ok(io_store_real_path(p->store, &root));
	assert_ok(str_printf(&expected, "%s/_udfs/%s/words.sh", root, u->hash));
	assert_string_equal(argv[0], expected);
	assert_null(argv[1]);
	bool has_gpus = false, has_name = false;
	for (char **e = env; *e; e++) {
		has_gpus |= strcmp(*e, "CUDA_VISIBLE_DEVICES=3") == 0;
		has_name |= strcmp(*e, "LANCEFS_UDF=words") == 0;
	}
	assert_true(has_gpus && has_name);
	udf_words_free(argv);
	udf_words_free(env);
}

static void test_command_line__sandboxed(void **state)
{
	struct place *p = *state;
	AUTO(udf) struct udf *u = NULL;
	struct udf_limits limits = {.hidden = {"/home/data", "/tmp/other"}};
	char **argv, **env;
	assert_ok(udf_check_sandbox());
	make(p, "words.sh", WORDS, 0755);
	assert_ok(add(p, "words.sh", &u));
	assert_ok(udf_command_line(p->store, u, &limits, p->root, &argv, &env));
	assert_true(has_pair(argv, "--tmpfs", "/home/data"));
	assert_false(has_pair(argv, "--tmpfs", "/tmp/other"));
	assert_true(has_pair(argv, "--ro-bind", p->root));
	assert_true(has_pair(argv, "--", "/run/udf/words.sh"));
	assert_true(has_pair(argv, "--chdir", "/run/udf"));
	udf_words_free(argv);
	udf_words_free(env);
}

/* --- showing --- */

static void test_render__text_and_json(void **state)
{
	struct place *p = *state;
	AUTO(udf) struct udf *u = NULL;
	AUTO_BUF struct buf text = {0}, json = {0};
	make(p, "words.sh", WORDS, 0755);
	assert_ok(add(p, "words.sh", &u));
	udf_render(u, false, &text);
	udf_render(u, true, &json);
	buf_byte(&text, 0);
	buf_byte(&json, 0);
	assert_non_null(strstr((char *)text.data, "type: int64\ninputs: caption\n"));
	assert_non_null(strstr((char *)json.data, "\"shape\": \"lines\""));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_register__file_with_comment),
		TEST(test_register__same_again),
		TEST(test_register__equal_in_two_stores),
		TEST(test_register__a_bundle),
		TEST(test_register__long_values),
		TEST(test_register__options),
		TEST(test_register__refused_files),
		TEST(test_register__refused_inis),
		TEST(test_register__refused_entries),
		TEST(test_register__link_within),
		TEST(test_register__leaves_nothing),
		TEST(test_names__refused),
		TEST(test_load__by_name_and_hash),
		TEST(test_remove__forgets_the_name),
		TEST(test_load__tampered),
		TEST(test_register__repairs),
		TEST(test_check_models__changed),
		TEST(test_command_line__unsandboxed),
		TEST(test_command_line__sandboxed),
		TEST(test_render__text_and_json),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
