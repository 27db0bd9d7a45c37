// SPDX-License-Identifier: Apache-2.0
/*
 * banned.h: force-included everywhere; using one of these does not compile.
 * They overflow, hide errors or are not thread-safe.
 */
#ifndef LANCEFS_BASE_BANNED_H
#define LANCEFS_BASE_BANNED_H

#include <alloca.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#undef alloca
#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf strtok gets atoi     \
	atol alloca gmtime localtime system

#endif
