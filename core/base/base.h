// SPDX-License-Identifier: Apache-2.0
/*
 * base.h: what every layer stands on; knows nothing of Lance.
 *
 * err.h      one error value: errno and text together; TRY
 * mem.h      checked allocation, AUTO/TAKE, shared byte runs
 * checked.h  overflow-checked arithmetic     limits.h  named ceilings
 * cursor.h   reading untrusted bytes         buf.h     growing output
 * str.h      strings, UTF-8, bitmaps         hash.h    hashes, string map
 * thread.h   locks, parallel loop            log.h     the log sink
 * stage.h    a step of a pipeline on a thread of its own
 * shell.h    words, quoted as in sh
 * flatbuf.h  reading FlatBuffers
 */
#ifndef LANCEFS_BASE_BASE_H
#define LANCEFS_BASE_BASE_H

#include "base/buf.h"
#include "base/checked.h"
#include "base/cursor.h"
#include "base/err.h"
#include "base/flatbuf.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/shell.h"
#include "base/stage.h"
#include "base/str.h"
#include "base/thread.h"

#endif
