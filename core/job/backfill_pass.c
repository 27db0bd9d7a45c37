// SPDX-License-Identifier: Apache-2.0
/*
 * backfill_pass.c: what is to be done on a version.
 *
 * A row is wanted if the condition holds for it and its fragment's values are not
 * committed already; it is to be computed if no checkpoint has its value.
 */
#include "job/computed_priv.h"

#include <errno.h>

uint64_t columns_key(const struct version *v, size_t i, struct field *const *fields,
		     size_t n)
{
	uint64_t key = 0;
	for (size_t k = 0; k < n; k++)
		key = hash_mix(key, version_fragment_key(v, i, fields[k]));
	return key;
}

struct fragment_work *pass_fragment(const struct pass *p, uint64_t id)
{
	size_t i;
	return version_find_fragment(p->version, id, &i) ? &p->fragments[i] : NULL;
}

void pass_close(struct pass *p)
{
	if (!p)
		return;
	udf_columns_fini(&p->columns);
	field_unref(p->inputs);
	free(p->want);
	free(p->todo);
	free(p->fragments);
	version_let_go(&p->hold);
	version_unref(p->version);
	pthread_mutex_destroy(&p->lock);
	pthread_cond_destroy(&p->changed);
	free(p);
}

static struct err *list_fragments(struct pass *p)
{
	const struct udf_columns *c = &p->columns;
	p->n_fragments = version_n_fragments(p->version);
	TRY(mem_array(p->n_fragments, sizeof(*p->fragments), &p->fragments));
	for (size_t i = 0; i < p->n_fragments; i++) {
		struct fragment_info f;
		version_fragment(p->version, i, &f);
		p->fragments[i] = (struct fragment_work){
			.id = f.id,
			.inputs_key =
				columns_key(p->version, i, c->inputs, c->n_inputs),
			.outputs_key =
				columns_key(p->version, i, c->outputs, c->n_outputs)};
	}
	return NULL;
}

/* --- the rows --- */

struct planning {
	struct pass *pass;
	const struct checkpoint *checkpoint; /* or NULL */
};

static bool is_committed(const struct planning *pl, const struct fragment_work *f)
{
	return pl->checkpoint && checkpoint_is_committed(pl->checkpoint, f->id,
							 f->inputs_key, f->outputs_key);
}

static void plan_row(const struct planning *pl, struct fragment_work *f, uint64_t row,
		     uint64_t offset, bool was_committed)
{
	struct pass *p = pl->pass;
	bool has_value = pl->checkpoint &&
			 checkpoint_has(pl->checkpoint, f->id, f->inputs_key, offset);
	if ((has_value && was_committed) || bit_get(p->want, row))
		return;
	bit_set(p->want, row);
	f->n_want++;
	p->n_want++;
	if (has_value)
		return;
	bit_set(p->todo, row);
	f->n_todo++;
	p->n_todo++;
}

static struct err *plan_batch(void *ctx, const struct scan_batch *b)
{
	const struct planning *pl = ctx;
	const uint8_t *addresses = b->outputs[0]->data->data;
	struct fragment_work *f = NULL;
	bool was_committed = false;
	for (uint64_t i = 0; i < b->n_rows; i++) {
		uint64_t address = load_u64le(addresses + 8 * i);
		if (!f || f->id != address >> 32) {
			f = pass_fragment(pl->pass, address >> 32);
			if (!f)
				return err_new(EIO, "a row of no fragment");
			was_committed = is_committed(pl, f);
		}
		plan_row(pl, f, b->rows[i], address & UINT32_MAX, was_committed);
	}
	return NULL;
}

static struct err *compile_where(const struct pass *p, const struct scope *scope,
				 const char *where, struct expr **ret)
{
	AUTO_BUF struct buf text = {0};
	if (where)
		TRY_CTX(scope_compile(scope, where, EXPR_FILTER, ret), "--where");
	if (where)
		return NULL;
	scope_put_name(p->columns.outputs[0], &text);
	buf_str(&text, " IS NULL");
	buf_byte(&text, 0);
	TRY(buf_check(&text));
	return scope_compile(scope, (char *)text.data, EXPR_FILTER, ret);
}

static struct err *compile_address(const struct scope *scope, struct expr **ret)
{
	for (size_t i = scope->n_own; i < scope->n; i++)
		if (strcmp(scope->fields[i]->name, "_rowaddr") == 0)
			return scope_compile_column(scope, i, ret);
	return err_new(EOPNOTSUPP, "rows have no address in this table");
}

/* Plan rows for which a filter is true, or whose bits are set; NULL: all. */
static struct err *plan_scan(struct planning *pl, const struct scope *scope,
			     const struct expr *filter, const uint8_t *only)
{
	AUTO(expr) struct expr *address = NULL;
	TRY(compile_address(scope, &address));
	const struct expr *outputs[] = {address};
	struct scan scan = {.scope = scope,
			    .filter = filter,
			    .only = only,
			    .outputs = outputs,
			    .n_outputs = 1,
			    .limit = SCAN_ALL};
	return scan_run(&scan, plan_batch, pl);
}

/* All rows of fragments whose values are out of date. */
static struct err *plan_stale(struct planning *pl, const struct scope *scope,
			      const struct pass_spec *spec)
{
	struct pass *p = pl->pass;
	struct column_state state = {0};
	AUTO_MEM uint8_t *rows = NULL;
	TRY(mem_array(bitmap_bytes(version_rows(p->version)) + 1, 1, &rows));
	TRY(column_state_open(spec->table, p->version, &p->columns, spec->udf_hash,
			      spec->moved_since, &state));
	for (size_t i = 0; i < p->n_fragments; i++) {
		struct fragment_info f;
		version_fragment(p->version, i, &f);
		bool is_due = spec->is_refresh ? column_state_of(&state, i) == STALE
					       : column_state_is_moved(&state, i);
		if (is_due)
			bitmap_set_range(rows, f.first_row,
					 f.first_row + f.physical_rows - f.n_deleted);
	}
	column_state_fini(&state);
	return plan_scan(pl, scope, NULL, rows);
}

static struct err *plan_rows(struct pass *p, const struct pass_spec *spec)
{
	AUTO_SCOPE struct scope scope = {0};
	AUTO(expr) struct expr *filter = NULL;
	struct planning pl = {p, spec->checkpoint};
	TRY(scope_of(p->version, &scope));
	TRY(compile_where(p, &scope, spec->where, &filter));
	TRY(plan_scan(&pl, &scope, filter, NULL));
	return spec->where ? NULL : plan_stale(&pl, &scope, spec);
}

struct err *pass_open(const struct pass_spec *spec, struct pass **ret)
{
	AUTO(pass) struct pass *p = NULL;
	struct version *v = spec->version;
	TRY(mem_new(&p));
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->changed, NULL);
	p->version = version_ref(v);
	TRY(version_hold(v, &p->hold));
	TRY(udf_columns_find(v, spec->column, &p->columns));
	TRY(inputs_table(p->columns.inputs, p->columns.n_inputs, &p->inputs));
	TRY(list_fragments(p));
	TRY(mem_array(bitmap_bytes(version_rows(v)) + 1, 1, &p->want));
	TRY(mem_array(bitmap_bytes(version_rows(v)) + 1, 1, &p->todo));
	TRY(plan_rows(p, spec));
	*ret = TAKE(p);
	return NULL;
}
