// SPDX-License-Identifier: Apache-2.0
/*
 * log.c: format a line and hand it to the sink.
 */
#include "base/base.h"

#include <stdio.h>

void log_line(const struct log *log, enum log_level level, const char *fmt, ...)
{
	if (!log || !log->write || level > log->level)
		return;
	char line[1024];
	va_list args;
	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	log->write(log->ctx, level, line);
}
