// SPDX-License-Identifier: Apache-2.0
/*
 * empty.c: keeps the helper library linkable.
 */
typedef int tests_lib_is_never_empty;
