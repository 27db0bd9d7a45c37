// SPDX-License-Identifier: Apache-2.0
/*
 * log.h: what an error cannot say.  Core never prints: it is handed a sink.
 * One event, one line, "key=value" tail; never row values.
 */
#ifndef LANCEFS_BASE_LOG_H
#define LANCEFS_BASE_LOG_H

#include "base/err.h"

enum log_level { LEVEL_ERROR, LEVEL_WARN, LEVEL_INFO, LEVEL_DEBUG };

/* write may be called from any thread, with a line without newline. */
struct log {
	void (*write)(void *ctx, enum log_level level, const char *line);
	void *ctx;
	enum log_level level; /* lines above it are dropped */
};

/* Accepts log == NULL. */
void log_line(const struct log *log, enum log_level level, const char *fmt, ...)
	PRINTF_LIKE(3, 4);

#endif
