// SPDX-License-Identifier: Apache-2.0
/*
 * inode.c: the nodes that the kernel holds.
 *
 * The kernel counts its lookups of a number and gives them back with forget;
 * between the two a node stays, so requests use it without a reference.
 */
#include "fs.h"

#include <inttypes.h>

uint64_t salted_ino(uint64_t salt, const struct node_ops *ops, uint64_t key)
{
	uint64_t ino = hash_str(ops->kind, salt ? hash_mix(key, salt) : key);
	return ino > FUSE_ROOT_ID ? ino : ino + 2;
}

uint64_t node_ino(const struct mount *m, const struct node_ops *ops, uint64_t key)
{
	return salted_ino(m->salt, ops, key);
}

struct err *node_new(struct mount *m, const struct node_ops *ops, uint64_t key,
		     struct version *version, struct node **ret)
{
	struct node *n;
	TRY(mem_new(&n));
	pthread_mutex_init(&n->lock, NULL);
	n->mount = mount_ref(m);
	n->ops = ops;
	n->drops = ops->drops;
	n->ino = node_ino(m, ops, key);
	n->version = version ? version_ref(version) : NULL;
	*ret = n;
	return NULL;
}

void node_free(struct node *n)
{
	if (!n)
		return;
	view_unref(n->view);
	bytes_unref(n->text);
	staged_unref(n->staged);
	version_unref(n->version);
	pthread_mutex_destroy(&n->lock);
	free(n->name);
	mount_unref(n->mount); /* after its versions */
	free(n);
}

struct version *node_version(struct mount *m, struct node *n)
{
	return n->version ? version_ref(n->version) : table_latest(m->table);
}

static struct node **bucket(struct inode_table *t, uint64_t ino)
{
	return &t->buckets[hash_mix(ino, 0) % INODE_BUCKETS];
}

static struct node *find(struct inode_table *t, uint64_t ino)
{
	struct node *n = *bucket(t, ino);
	while (n && n->ino != ino)
		n = n->next;
	return n;
}

struct err *inodes_init(struct inode_table *t, struct node *root)
{
	pthread_mutex_init(&t->lock, NULL);
	root->ino = FUSE_ROOT_ID;
	t->root = root;
	return NULL;
}

void inodes_fini(struct inode_table *t)
{
	for (size_t i = 0; i < INODE_BUCKETS; i++) {
		while (t->buckets[i]) {
			struct node *n = t->buckets[i];
			t->buckets[i] = n->next;
			node_free(n);
		}
	}
	node_free(t->root);
	pthread_mutex_destroy(&t->lock);
}

struct node *inodes_get(struct inode_table *t, fuse_ino_t ino)
{
	if (ino == FUSE_ROOT_ID)
		return t->root;
	LOCK_SCOPE(&t->lock);
	return find(t, ino);
}

struct node *inodes_add(struct inode_table *t, struct node *n)
{
	struct node *spare = NULL;
	pthread_mutex_lock(&t->lock);
	struct node *there = find(t, n->ino);
	if (there) {
		spare = n;
		n = there;
	} else {
		n->next = *bucket(t, n->ino);
		*bucket(t, n->ino) = n;
	}
	n->n_lookup++;
	pthread_mutex_unlock(&t->lock);
	node_free(spare);
	return n;
}

bool inodes_size(struct inode_table *t, uint64_t ino, uint64_t *ret)
{
	LOCK_SCOPE(&t->lock);
	const struct node *n = find(t, ino);
	if (n)
		*ret = n->size;
	return n != NULL;
}

void inodes_forget(struct inode_table *t, fuse_ino_t ino, uint64_t n_lookup)
{
	struct node *gone = NULL;
	if (ino == FUSE_ROOT_ID)
		return;
	pthread_mutex_lock(&t->lock);
	struct node *n = find(t, ino);
	if (n)
		n->n_lookup -= MIN_OF(n_lookup, n->n_lookup);
	if (n && n->n_lookup == 0) {
		struct node **at = bucket(t, ino);
		while (*at != n)
			at = &(*at)->next;
		*at = n->next;
		gone = n;
	}
	pthread_mutex_unlock(&t->lock);
	node_free(gone);
}
