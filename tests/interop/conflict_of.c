// SPDX-License-Identifier: Apache-2.0
/*
 * conflict_of: conflict_of OURS THEIRS: what lancefs says of two transaction files:
 * none, retry or fatal.
 */
#include "table/conflict_priv.h"

#include <stdio.h>

static struct err *load(const char *path, Lance__Table__Transaction **ret)
{
	AUTO(io_store) struct io_store *root = NULL;
	AUTO(bytes) struct bytes *text = NULL;
	TRY(io_store_open_local("/", &root));
	TRY(io_read_all(root, path + 1, LIMIT_MANIFEST_BYTES, &text));
	return PROTO_UNPACK(lance__table__transaction, text->data, text->len, ret);
}

int main(int argc, char **argv)
{
	static const char *const words[] = {"none", "retry", "fatal"};
	AUTO_PROTO Lance__Table__Transaction *ours = NULL;
	AUTO_PROTO Lance__Table__Transaction *theirs = NULL;
	struct err *err = argc == 3 ? load(argv[1], &ours) : NULL;
	if (!err && argc == 3)
		err = load(argv[2], &theirs);
	if (err || argc != 3) {
		fprintf(stderr, "conflict_of: %s\n", err ? err->msg : "OURS THEIRS");
		err_free(err); /* told */
		return 1;
	}
	puts(words[conflict_between(ours, theirs)]);
	return 0;
}
