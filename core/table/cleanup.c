// SPDX-License-Identifier: Apache-2.0
/*
 * cleanup.c: the order of things.
 *
 *   list the files that are there, read all manifests
 *   look again: what is wanted by now stays
 *   put versions that expire out of sight
 *   look again: who took a version until then is seen now, and has it back
 *   remove files, and then the versions
 *
 * A process that takes a version up writes that down first and then looks whether the
 * version is still there, so one of the two sees the other.  Until the first file is
 * removed an error brings everything back.
 */
#include "table/cleanup_priv.h"

#include <errno.h>
#include <time.h>

/* How long a cleanup waits for commits of ours that are on their way. */
#define LINE_NS INT64_C(1000000000)

static void fini(struct cleanup *c)
{
	cleanup_list_fini(&c->list);
	cleanup_list_fini(&c->others);
	cleanup_list_fini(&c->foreign);
	free(c->versions.items);
	free(c->prefix);
	err_free(c->failure); /* told before, or another error was */
}

struct err *cleanup_step(const struct cleanup *c, uint64_t done, uint64_t total)
{
	const struct cleanup_options *o = c->options;
	return o->step ? o->step(o->ctx, done, total) : NULL;
}

static struct err *begin(struct cleanup *c)
{
	struct table *t = c->table;
	struct timespec now;
	TRY(branch_need_root(t));
	clock_gettime(CLOCK_REALTIME, &now);
	c->now_ns = now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
	if (!c->options->is_dry_run && !io_store_writable(t->store))
		return err_new(EROFS, "%s: no permission to write the dataset",
			       io_store_name(t->store));
	if (t->branch)
		return str_printf(&c->prefix, "tree/%s/", t->branch);
	return str_dup("", &c->prefix);
}

static struct err *plan(struct cleanup *c)
{
	TRY(begin(c));
	TRY(cleanup_bytes(c->table->store, &c->result->bytes_before));
	c->result->bytes_after = c->result->bytes_before;
	TRY(cleanup_list_read(c->table->store, &c->list));
	return cleanup_look(c);
}

static struct err *clear_the_way(struct cleanup *c)
{
	/* a restore that is about to make an expired version the newest comes before
	 * or finds it gone */
	__attribute__((unused)) AUTO_FD int in_line =
		io_lock_dir(c->table->store, "_versions", LINE_NS);
	TRY(cleanup_look(c));
	TRY(cleanup_hide(c));
	TRY(cleanup_look(c));
	TRY(cleanup_check_hidden(c));
	return cleanup_bring_back(c, false);
}

static struct err *carry_out(struct cleanup *c)
{
	struct err *err = clear_the_way(c);
	if (err) {
		/* what stays out of sight the next cleanup finds */
		err_free(cleanup_bring_back(c, true));
		return err;
	}
	return cleanup_remove(c);
}

/* What is left, whatever happened. */
static void count_rest(struct cleanup *c)
{
	struct cleanup_result *r = c->result;
	for (size_t i = 0; i < c->versions.n; i++)
		if (c->versions.items[i].fate == FATE_STAYS)
			r->kept[c->versions.items[i].reason]++;
	for (size_t i = 0; i < c->list.n_files; i++) {
		const struct cleanup_file *f = &c->list.files[i];
		const struct cleanup_name *n = &c->list.names[f->name];
		int64_t age;
		bool is_young = ckd_sub(&age, c->now_ns, n->newest_ns) ||
				age <= c->options->unreferenced_ns;
		if (f->is_dir || n->is_kept || n->is_expired || !is_young)
			continue;
		r->waiting.n++;
		r->waiting.bytes += f->bytes;
	}
}

static struct err *run(struct cleanup *c)
{
	struct cleanup_result *r = c->result;
	TRY(plan(c));
	if (!c->options->is_dry_run) {
		struct err *err = carry_out(c);
		count_rest(c);
		if (!err)
			err = cleanup_bytes(c->table->store, &r->bytes_after);
		return err ? err : TAKE(c->failure);
	}
	cleanup_count(c);
	count_rest(c);
	for (size_t i = 0; i < N_CLEANUP_KINDS; i++)
		r->bytes_after -= r->removed[i].bytes;
	return NULL;
}

struct err *table_cleanup(struct table *t, const struct cleanup_options *o,
			  struct cleanup_result *ret)
{
	struct cleanup c = {.table = t, .options = o, .result = ret};
	*ret = (struct cleanup_result){0};
	struct err *err = run(&c);
	fini(&c);
	return err;
}
