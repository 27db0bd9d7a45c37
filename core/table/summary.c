// SPDX-License-Identifier: Apache-2.0
/*
 * summary.c: what a version did, from the transaction it kept.
 */
#include "table/table_priv.h"

#include <stdio.h>

#define COMMIT_MESSAGE "__lance_commit_message"

static const struct {
	Lance__Table__Transaction__OperationCase op;
	const char *name;
} names[] = {
	{LANCE__TABLE__TRANSACTION__OPERATION_APPEND, "Append"},
	{LANCE__TABLE__TRANSACTION__OPERATION_DELETE, "Delete"},
	{LANCE__TABLE__TRANSACTION__OPERATION_OVERWRITE, "Overwrite"},
	{LANCE__TABLE__TRANSACTION__OPERATION_CREATE_INDEX, "CreateIndex"},
	{LANCE__TABLE__TRANSACTION__OPERATION_REWRITE, "Rewrite"},
	{LANCE__TABLE__TRANSACTION__OPERATION_MERGE, "Merge"},
	{LANCE__TABLE__TRANSACTION__OPERATION_RESTORE, "Restore"},
	{LANCE__TABLE__TRANSACTION__OPERATION_RESERVE_FRAGMENTS, "ReserveFragments"},
	{LANCE__TABLE__TRANSACTION__OPERATION_UPDATE, "Update"},
	{LANCE__TABLE__TRANSACTION__OPERATION_PROJECT, "Project"},
	{LANCE__TABLE__TRANSACTION__OPERATION_UPDATE_CONFIG, "UpdateConfig"},
	{LANCE__TABLE__TRANSACTION__OPERATION_DATA_REPLACEMENT, "DataReplacement"},
	{LANCE__TABLE__TRANSACTION__OPERATION_UPDATE_MEM_WAL_STATE,
	 "UpdateMemWalState"},
	{LANCE__TABLE__TRANSACTION__OPERATION_CLONE, "Clone"},
	{LANCE__TABLE__TRANSACTION__OPERATION_UPDATE_BASES, "UpdateBases"},
	{LANCE__TABLE__TRANSACTION__OPERATION_DATA_OVERLAY, "DataOverlay"},
};

static const char *operation_name(const Lance__Table__Transaction *t)
{
	for (size_t i = 0; t && i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].op == t->operation_case)
			return names[i].name;
	return "unknown";
}

static struct err *commit_message(const Lance__Table__Transaction *t, char **ret)
{
	for (size_t i = 0; t && i < t->n_transaction_properties; i++)
		if (strcmp(t->transaction_properties[i]->key, COMMIT_MESSAGE) == 0)
			return str_dup(t->transaction_properties[i]->value, ret);
	return NULL;
}

struct err *table_summary(struct table *t, uint64_t number, struct version_summary *ret)
{
	AUTO(version) struct version *v = NULL;
	AUTO_PROTO Lance__Table__Transaction *tx = NULL;
	TRY(table_peek(t, number, &v));
	struct err *err = version_transaction(v, &tx);
	if (err) {
		log_line(t->log, LEVEL_WARN, "%s", err->msg);
		err_free(err); /* a lost transaction is shown as unknown */
	}
	*ret = (struct version_summary){
		.number = number,
		.time_ns = version_time_ns(v),
		.rows = v->n_rows,
		.n_fields = v->n_fields,
		.bytes = version_bytes(v),
	};
	snprintf(ret->operation, sizeof(ret->operation), "%s", operation_name(tx));
	return commit_message(tx, &ret->message);
}

void version_summary_fini(struct version_summary *s)
{
	free(s->message);
}
