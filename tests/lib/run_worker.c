// SPDX-License-Identifier: Apache-2.0
/*
 * run_worker.c: programs as UDFs, and workers that run them.
 */
#include "run_worker.h"

#include "tree.h"

#include <assert.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- programs --- */

static void fail(const char *what)
{
	perror(what);
	abort();
}

static void write_script(const struct program *p, enum udf_shape shape,
			 const char *script, char *path, size_t size)
{
	snprintf(path, size, "%s/program.sh", p->root);
	FILE *f = fopen(path, "we");
	if (!f)
		fail(path);
	fprintf(f, "#!/bin/sh\n# lancefs: shape=%s type=int64\n%s",
		udf_shape_name(shape), script);
	fclose(f);
	if (chmod(path, 0755) != 0)
		fail(path);
}

static void register_it(struct program *p, enum udf_shape shape, const char *script)
{
	char path[96];
	struct udf_options options = {.is_unsandboxed = true};
	write_script(p, shape, script, path, sizeof(path));
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		fail(path);
	must(udf_register_file(p->store, fd, "program.sh", &options, &p->udf));
	close(fd);
}

static size_t take_types(const char *text, struct type **types, size_t room)
{
	AUTO_MEM char *copy = strdup(text);
	char *rest = copy;
	size_t n = 0;
	for (char *word; n < room && (word = strsep(&rest, " "));)
		types[n++] = type_of(word);
	return n;
}

static struct field *make_table(struct type **types, size_t n)
{
	struct type *t;
	struct field *f;
	must(type_new_nested(TYPE_STRUCT, n, &t));
	for (size_t i = 0; i < n; i++) {
		char name[8];
		snprintf(name, sizeof(name), "%zu", i);
		if (i && type_is_string(types[i]->id)) /* what a function may answer */
			snprintf(name, sizeof(name), "_error");
		must(field_new(name, types[i], true, &t->children[i]));
		type_unref(types[i]);
	}
	must(field_new("", t, false, &f));
	must(field_set_metadata(f, FORMAT_TABLE_KEY, "", 0));
	type_unref(t);
	return f;
}

void program_new(struct program *p, enum udf_shape shape, const char *inputs,
		 const char *outputs, const char *script)
{
	char data[80];
	struct type *types[4];
	*p = (struct program){0};
	snprintf(p->root, sizeof(p->root), "/var/tmp/test_worker.XXXXXX");
	if (!mkdtemp(p->root))
		fail(p->root);
	snprintf(data, sizeof(data), "%s/data", p->root);
	if (mkdir(data, 0755) != 0)
		fail(data);
	must(io_store_open_local(data, &p->store));
	register_it(p, shape, script);
	p->inputs = make_table(types, take_types(inputs, types, 4));
	p->run = (struct udf_run){.store = p->store,
				  .udf = p->udf,
				  .inputs = p->inputs,
				  .outputs = p->outputs,
				  .n_outputs = take_types(outputs, p->outputs, 2),
				  .min_batch = 32,
				  .max_batch = 1024,
				  .limits = {.is_unsandboxed = true}};
	must(udf_check_types(&p->run));
}

void program_free(struct program *p)
{
	udf_worker_free(p->worker);
	udf_free(p->udf);
	field_unref(p->inputs);
	for (size_t i = 0; i < p->run.n_outputs; i++)
		type_unref(p->outputs[i]);
	io_store_unref(p->store);
	tree_remove(p->root);
}

/* --- rows --- */

static struct array *column(struct type *t, uint64_t first, uint64_t end,
			    void (*make)(uint64_t row, struct buf *out))
{
	AUTO(builder) struct builder *b = NULL;
	struct array *a;
	must(builder_new(t, &b));
	for (uint64_t i = first; i < end; i++) {
		AUTO_BUF struct buf text = {0};
		if (type_is_var(t->id) && make)
			make(i, &text);
		else
			buf_printf(&text, "%" PRIu64, i);
		must(buf_check(&text));
		const char *p = text.len ? (char *)text.data : "";
		if (text.len == 2 && memcmp(p, "\\N", 2) == 0)
			must(builder_null(b));
		else
			must(type_is_binary(t->id) ? builder_bytes(b, p, text.len)
						   : builder_text(b, p, text.len));
	}
	must(builder_take(b, &a));
	return a;
}

struct array *program_rows(const struct program *p, uint64_t first, uint64_t end,
			   void (*make)(uint64_t row, struct buf *out))
{
	struct type *t = p->inputs->type;
	struct array *rows;
	must(array_new(t, end - first, &rows));
	for (size_t i = 0; i < t->n_children; i++)
		rows->children[i] = column(t->children[i]->type, first, end, make);
	return rows;
}

/* --- computing --- */

static void take_answer(const struct program *p, struct udf_answer *a, uint64_t first,
			struct outcome *o)
{
	for (size_t i = 0; i < p->run.n_outputs; i++) {
		struct array *parts[] = {o->values[i], a->outputs[i]}, *all;
		must(array_concat(parts + !o->values[i], 1 + !!o->values[i], &all));
		array_unref(o->values[i]);
		o->values[i] = all;
	}
	for (size_t i = 0; i < a->n_failed; i++) {
		if (o->n_failed < sizeof(o->failed) / sizeof(o->failed[0]))
			o->failed[o->n_failed] = first + a->failed[i].row;
		o->n_failed++;
		snprintf(o->reason, sizeof(o->reason), "%s", a->failed[i].reason);
	}
	o->n_batches++;
}

static void send_some(struct program *p, uint64_t n, uint64_t *at,
		      void (*make)(uint64_t row, struct buf *out))
{
	uint64_t wants;
	while (*at < n && (wants = udf_worker_wants(p->worker))) {
		uint64_t end = *at + MIN_OF(wants, n - *at);
		AUTO(array) struct array *rows = program_rows(p, *at, end, make);
		must(udf_worker_send(p->worker, rows));
		*at = end;
	}
	if (*at == n)
		udf_worker_end_input(p->worker);
}

void program_compute(struct program *p, uint64_t n,
		     void (*make)(uint64_t row, struct buf *out), struct outcome *ret)
{
	uint64_t at = 0, done = 0;
	*ret = (struct outcome){0};
	if (!p->worker)
		must(udf_worker_new(&p->run, 0, &p->worker));
	while (done < n && !ret->is_lost) {
		enum udf_event event;
		struct udf_answer a = {0};
		send_some(p, n, &at, make);
		must(udf_worker_wait(p->worker, &event, &a));
		if (event == UDF_ANSWER)
			take_answer(p, &a, done, ret);
		ret->is_lost = event == UDF_FAILED;
		done += a.n_rows;
		udf_answer_fini(&a);
	}
	if (ret->is_lost)
		ret->failure = *udf_worker_failure(p->worker);
}

void outcome_fini(struct outcome *o)
{
	array_unref(o->values[0]);
	array_unref(o->values[1]);
	*o = (struct outcome){0};
}
