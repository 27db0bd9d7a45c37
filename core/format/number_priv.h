// SPDX-License-Identifier: Apache-2.0
/*
 * number_priv.h: the table behind printing floats.
 */
#ifndef LANCEFS_FORMAT_NUMBER_PRIV_H
#define LANCEFS_FORMAT_NUMBER_PRIV_H

#include <stdint.h>

#define POW10_MIN (-292)
#define POW10_MAX 324

extern const uint64_t pow10_table[POW10_MAX - POW10_MIN + 1][2];

#endif
