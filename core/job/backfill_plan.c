// SPDX-License-Identifier: Apache-2.0
/*
 * backfill_plan.c: what a backfill would do, and how its options are spelled.
 */
#include "job/backfill_run_priv.h"

#include <errno.h>
#include <inttypes.h>

bool spec_refreshes(const struct backfill_spec *s)
{
	return s->is_refresh || (s->udf && !s->where);
}

static void put_columns(struct buf *out, const char *what, struct field *const *fields,
			size_t n)
{
	buf_printf(out, "%s:", what);
	for (size_t i = 0; i < n; i++)
		buf_printf(out, "%s %s", i ? "," : "", fields[i]->name);
	buf_byte(out, '\n');
}

/* The UDF that would run. */
static struct err *plan_hash(struct table *t, const struct version *v,
			     const struct backfill_spec *spec,
			     char hash[UDF_HASH_LEN + 1])
{
	struct udf_columns c = {0};
	struct err *err = NULL;
	if (spec->udf) {
		memcpy(hash, spec->udf->hash, UDF_HASH_LEN + 1);
		return NULL;
	}
	TRY(udf_columns_find(v, spec->column, &c));
	if (spec->is_refresh)
		err = current_hash(table_store(t), &c, hash);
	else
		snprintf(hash, UDF_HASH_LEN + 1, "%s", c.hash);
	udf_columns_fini(&c);
	return err;
}

struct err *backfill_plan(struct table *t, const struct backfill_spec *spec,
			  struct buf *out)
{
	AUTO(version) struct version *v = NULL;
	AUTO(pass) struct pass *p = NULL;
	char hash[UDF_HASH_LEN + 1];
	size_t n = 0;
	TRY(table_refresh(t));
	v = table_latest(t);
	TRY(plan_hash(t, v, spec, hash));
	struct pass_spec what = {.table = t,
				 .version = v,
				 .column = spec->column,
				 .where = spec->where,
				 .is_refresh = spec_refreshes(spec),
				 .udf_hash = hash};
	TRY(pass_open(&what, &p));
	for (size_t i = 0; i < p->n_fragments; i++)
		n += p->fragments[i].n_want > 0;
	put_columns(out, "columns", p->columns.outputs, p->columns.n_outputs);
	put_columns(out, "reads", p->columns.inputs, p->columns.n_inputs);
	buf_printf(out, "udf: %s %.12s\n",
		   spec->udf ? spec->udf->name : p->columns.name, hash);
	buf_printf(out,
		   "rows: %" PRIu64 " of %" PRIu64 "\nfragments: %zu of %zu\n"
		   "workers: %u\n",
		   p->n_want, version_rows(v), n, p->n_fragments,
		   spec->n_workers ? spec->n_workers : thread_cpus());
	return buf_check(out);
}

struct err *on_error_parse(const char *text, enum on_error *ret)
{
	static const char *const names[] = {"fail", "null", "skip"};
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(names[i], text) == 0) {
			*ret = (enum on_error)i;
			return NULL;
		}
	}
	return err_new(EINVAL, "--on-error=%s: one of fail, null, skip", text);
}
