// SPDX-License-Identifier: Apache-2.0
/*
 * delete.c: the rows for which a condition is true are deleted.
 */
#include "job/rows_priv.h"

#include <errno.h>
#include <inttypes.h>

/* As often as pylance begins again. */
#define ATTEMPTS 10

struct err *row_job_run(struct table *t, struct version *base,
			const struct row_job *job, struct version **ret)
{
	AUTO(version) struct version *v = version_ref(base);
	for (unsigned i = 1;; i++) {
		struct err *err = job->run(job->ctx, v, ret);
		if (!err || err->code != EBUSY || i == ATTEMPTS)
			return err;
		log_line(table_log(t), LEVEL_INFO, "begun again: %s", err->msg);
		err_free(err); /* it is tried again */
		TRY(table_refresh(t));
		version_unref(TAKE(v));
		v = table_latest(t);
	}
}

struct choosing {
	struct row_choice *rows; /* borrowed */
	const struct job_progress *progress;
	uint64_t n_rows;
};

static struct err *take_batch(void *ctx, const struct scan_batch *batch)
{
	struct choosing *c = ctx;
	if (c->progress->tell)
		c->progress->tell(c->progress->ctx, batch->end, c->n_rows);
	return row_choice_add(c->rows, batch->rows, (size_t)batch->n_rows);
}

struct err *rows_choose(const struct scope *scope, const struct expr *where,
			const struct job_progress *progress, struct row_choice **ret)
{
	AUTO(row_choice) struct row_choice *rows = NULL;
	struct scan scan = {.scope = scope, .filter = where, .limit = SCAN_ALL};
	TRY(row_choice_new(scope->version, &rows));
	struct choosing c = {rows, progress, version_rows(scope->version)};
	TRY(scan_run(&scan, take_batch, &c));
	*ret = TAKE(rows);
	return NULL;
}

struct deleting {
	struct table *table;		/* borrowed */
	const struct delete_spec *spec; /* borrowed */
	uint64_t n;
};

static struct err *run(void *ctx, struct version *base, struct version **ret)
{
	struct deleting *d = ctx;
	AUTO_SCOPE struct scope scope = {0};
	AUTO(expr) struct expr *where = NULL;
	AUTO(row_choice) struct row_choice *rows = NULL;
	AUTO_MEM char *message = NULL;
	TRY(version_check_writable(base));
	TRY(scope_of(base, &scope));
	TRY(scope_compile(&scope, d->spec->where, EXPR_FILTER, &where));
	TRY(rows_choose(&scope, where, &d->spec->progress, &rows));
	d->n = row_choice_count(rows);
	if (!d->n) {
		*ret = version_ref(base);
		return NULL;
	}
	TRY(str_printf(&message, "deleted %" PRIu64 " row%s where %s", d->n,
		       d->n > 1 ? "s" : "", d->spec->where));
	struct row_deletion deletion = {rows, d->spec->where, message};
	return table_delete_rows(d->table, &deletion, ret);
}

struct err *rows_delete(struct table *t, struct version *base,
			const struct delete_spec *spec, uint64_t *ret_n,
			struct version **ret)
{
	struct deleting d = {.table = t, .spec = spec};
	struct row_job job = {run, &d};
	TRY(row_job_run(t, base, &job, ret));
	*ret_n = d.n;
	return NULL;
}
