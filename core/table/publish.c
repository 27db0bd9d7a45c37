// SPDX-License-Identifier: Apache-2.0
/*
 * publish.c: the atomic step of a commit.
 *
 * The transaction file is durable before the manifest; the manifest is written
 * under a temporary name and linked to its final one, which must not exist.  A
 * crash before the link leaves unreferenced files, a crash after it the new
 * version.  A link whose answer is lost is decided by reading back whose
 * transaction the existing manifest names.
 * Source: Lance's docs, "Table Format", commit protocol.
 */
#include "table/table_priv.h"

#include <errno.h>
#include <inttypes.h>

#define LIMIT_INLINE_TRANSACTION ((size_t)20 << 20)
#define FORMAT_MAJOR 0
#define FORMAT_MINOR 2

/* length and message at the end of out; its position into *ret_pos */
static void append_section(const ProtobufCMessage *m, struct buf *out,
			   uint64_t *ret_pos)
{
	*ret_pos = out->len;
	buf_u32le(out, (uint32_t)protobuf_c_message_get_packed_size(m));
	proto_pack(m, out);
}

/* Positions belong to one file: set anew, never inherited. */
static void append_sections(Lance__Table__Manifest *m,
			    const Lance__Table__Transaction *transaction,
			    const Lance__Table__IndexSection *indices, struct buf *out)
{
	m->opt_index_section_case = 0;
	m->opt_transaction_section_v1_case = 0;
	m->opt_transaction_section_case = 0;
	if (indices) {
		m->opt_index_section_case =
			LANCE__TABLE__MANIFEST__OPT_INDEX_SECTION_INDEX_SECTION;
		append_section(&indices->base, out, &m->index_section);
	}
	if (protobuf_c_message_get_packed_size(&transaction->base) <=
	    LIMIT_INLINE_TRANSACTION) {
		m->opt_transaction_section_case =
			LANCE__TABLE__MANIFEST__OPT_TRANSACTION_SECTION_TRANSACTION_SECTION;
		append_section(&transaction->base, out, &m->transaction_section);
	}
}

static struct err *manifest_bytes(Lance__Table__Manifest *m,
				  const Lance__Table__Transaction *transaction,
				  const Lance__Table__IndexSection *indices,
				  struct buf *out)
{
	uint64_t pos;
	append_sections(m, transaction, indices, out);
	append_section(&m->base, out, &pos);
	buf_u64le(out, pos);
	buf_u16le(out, FORMAT_MAJOR);
	buf_u16le(out, FORMAT_MINOR);
	buf_str(out, "LANC");
	return buf_check(out);
}

static struct err *write_transaction(struct table *t, const char *path,
				     const Lance__Table__Transaction *transaction)
{
	AUTO_BUF struct buf out = {0};
	proto_pack(&transaction->base, &out);
	TRY(buf_check(&out));
	TRY(io_put(t->store, path, out.data, out.len));
	struct err *err = io_sync_dir(t->store, "_transactions");
	if (err)
		err_free(io_remove(t->store, path)); /* else cleanup finds it */
	return err;
}

/* Whose is the manifest that has the name? */
static enum publish_result read_back(struct table *t, const Lance__Table__Manifest *m)
{
	bool is_ours;
	AUTO_ERR struct err *err = version_names_transaction(
		t, t->naming, m->version, m->transaction_file, &is_ours);
	if (err)
		return err->code == ENOENT ? PUBLISH_LOST : PUBLISH_UNKNOWN;
	return is_ours ? PUBLISH_WON : PUBLISH_LOST;
}

/* A failed link: a lost race, a lost answer, or no commit at all. */
static struct err *judge(struct table *t, const Lance__Table__Manifest *m,
			 struct err *err, enum publish_result *ret_result)
{
	*ret_result = read_back(t, m);
	if (*ret_result == PUBLISH_UNKNOWN)
		return err_wrap(
			err, "version %" PRIu64 " may have been committed, see history",
			m->version);
	if (*ret_result == PUBLISH_LOST && err->code != EEXIST)
		return err;
	err_free(err); /* told by ret_result */
	return NULL;
}

static struct err *write_and_link(struct table *t, Lance__Table__Manifest *m,
				  const struct buf *bytes, const char *uuid,
				  enum publish_result *ret_result)
{
	AUTO_MEM char *tmp = NULL;
	AUTO_MEM char *final = NULL;
	TRY(str_printf(&tmp, "_versions/.tmp_%s", uuid));
	TRY(manifest_path(t->naming, m->version, &final));
	TRY(io_put(t->store, tmp, bytes->data, bytes->len));
	struct err *err = io_publish(t->store, tmp, final);
	if (err) {
		err_free(io_remove(t->store, tmp)); /* cleanup knows the name */
		return judge(t, m, err, ret_result);
	}
	*ret_result = PUBLISH_WON;
	return NULL;
}

/* What follows a published manifest can no longer fail the commit. */
static void after_publish(struct table *t, uint64_t version)
{
	char hint[48];
	int len = snprintf(hint, sizeof(hint), "{\"version\":%" PRIu64 "}", version);
	AUTO_ERR struct err *sync = io_sync_dir(t->store, "_versions");
	AUTO_ERR struct err *put =
		io_replace(t->store, VERSION_HINT_FILE, hint, (size_t)len);
	if (sync)
		log_line(t->log, LEVEL_ERROR,
			 "version %" PRIu64 " may not be durable: %s", version,
			 sync->msg);
	if (put)
		log_line(t->log, LEVEL_WARN, "hint file: %s", put->msg);
}

struct err *manifest_publish(struct table *t, Lance__Table__Manifest *m,
			     const Lance__Table__Transaction *transaction,
			     const Lance__Table__IndexSection *indices,
			     enum publish_result *ret_result, struct bytes **ret_raw)
{
	AUTO_BUF struct buf bytes = {.limit = LIMIT_MANIFEST_BYTES};
	AUTO_MEM char *txn_path = NULL;
	*ret_result = PUBLISH_LOST;
	TRY(str_printf(&txn_path, "_transactions/%s", m->transaction_file));
	TRY(manifest_bytes(m, transaction, indices, &bytes));
	TRY(bytes_new(bytes.len, ret_raw));
	memcpy((*ret_raw)->data, bytes.data, bytes.len);
	TRY(write_transaction(t, txn_path, transaction));
	struct err *err = write_and_link(t, m, &bytes, transaction->uuid, ret_result);
	if (*ret_result == PUBLISH_WON)
		after_publish(t, m->version);
	else if (*ret_result == PUBLISH_LOST)
		err_free(io_remove(t->store, txn_path)); /* else cleanup finds it */
	return err;
}
