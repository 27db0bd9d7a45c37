// SPDX-License-Identifier: Apache-2.0
/*
 * memo.c: numbers remembered of content: sizes that took a scan, times that took
 * a stat a fragment, times that a user set.
 *
 * Keys are hashes of content, so an entry is never wrong, only forgotten: a slot
 * is overwritten by the next key that falls on it.  What the user set must not
 * be forgotten that way and is probed further.
 */
#include "fs.h"

#define N_SLOTS 8192
#define N_PROBES 16

struct slot {
	uint64_t key; /* 0: free */
	uint64_t value;
};

struct memo {
	pthread_mutex_t lock;
	struct slot slots[N_SLOTS]; /* guarded by .lock */
};

struct err *memo_new(struct memo **ret)
{
	TRY(mem_new(ret));
	pthread_mutex_init(&(*ret)->lock, NULL);
	return NULL;
}

void memo_free(struct memo *memo)
{
	if (!memo)
		return;
	pthread_mutex_destroy(&memo->lock);
	free(memo);
}

static uint64_t memo_key(enum memo_kind kind, uint64_t key)
{
	return hash_mix(key, kind) | 1;
}

bool memo_get(struct memo *memo, enum memo_kind kind, uint64_t key, uint64_t *ret)
{
	key = memo_key(kind, key);
	LOCK_SCOPE(&memo->lock);
	for (unsigned i = 0; i < N_PROBES; i++) {
		const struct slot *s = &memo->slots[(key / 2 + i) % N_SLOTS];
		if (s->key == key) {
			*ret = s->value;
			return true;
		}
	}
	return false;
}

void memo_put(struct memo *memo, enum memo_kind kind, uint64_t key, uint64_t value)
{
	key = memo_key(kind, key);
	LOCK_SCOPE(&memo->lock);
	struct slot *s = &memo->slots[key / 2 % N_SLOTS];
	for (unsigned i = 0; i < N_PROBES; i++) {
		struct slot *at = &memo->slots[(key / 2 + i) % N_SLOTS];
		if (at->key == key || at->key == 0) {
			s = at;
			break;
		}
	}
	*s = (struct slot){key, value};
}
