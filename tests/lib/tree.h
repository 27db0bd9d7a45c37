// SPDX-License-Identifier: Apache-2.0
/* tree.h: directories of tests. */
#ifndef LANCEFS_TEST_TREE_H
#define LANCEFS_TEST_TREE_H

/* Remove a directory with all below it.  0, or -1 and errno. */
int tree_remove(const char *dir);

#endif
