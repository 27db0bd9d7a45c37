// SPDX-License-Identifier: Apache-2.0
/*
 * gpus.c: which GPUs each worker gets.
 *
 * Those that CUDA_VISIBLE_DEVICES names if it is set, else those that have a device
 * file; handed out in turn, so that workers share them only if there are too few.
 */
#include "job/gpus_priv.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define MOST_GPUS 64

static struct err *add(struct gpu_list *l, const char *name, size_t len)
{
	TRY(mem_resize(l->n + 1, sizeof(char *), &l->names));
	TRY(str_dup_len(name, len, &l->names[l->n]));
	l->n++;
	return NULL;
}

static struct err *named(const char *text, struct gpu_list *l)
{
	for (const char *p = text; *p;) {
		size_t len = strcspn(p, ",");
		if (len)
			TRY(add(l, p, len));
		p += len + (p[len] == ',');
	}
	return NULL;
}

struct err *gpus_find(struct gpu_list *ret)
{
	const char *visible = getenv("CUDA_VISIBLE_DEVICES");
	if (visible)
		return named(visible, ret);
	for (unsigned i = 0; i < MOST_GPUS; i++) {
		char path[32], name[8];
		snprintf(path, sizeof(path), "/dev/nvidia%u", i);
		int len = snprintf(name, sizeof(name), "%u", i);
		if (access(path, F_OK) == 0)
			TRY(add(ret, name, (size_t)len));
	}
	return NULL;
}

void gpus_fini(struct gpu_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->names[i]);
	free(l->names);
	*l = (struct gpu_list){0};
}

struct err *gpus_for_worker(const struct gpu_list *l, unsigned worker, unsigned each,
			    char **ret)
{
	AUTO_BUF struct buf b = {0};
	if (each > l->n)
		return err_new(EINVAL, "--gpus=%u: this machine has %zu", each, l->n);
	for (unsigned i = 0; i < each; i++)
		buf_printf(&b, "%s%s", i ? "," : "",
			   l->names[(worker * each + i) % l->n]);
	return buf_take_str(&b, ret);
}
