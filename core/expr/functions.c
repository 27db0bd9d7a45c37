// SPDX-License-Identifier: Apache-2.0
/*
 * functions.c: the registry of functions and operators.
 */
#include "expr/expr_priv.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

static const struct function_table *const tables[] = {
	&operator_functions,  &compare_functions, &logic_functions,
	&case_functions,      &text_functions,	  &in_functions,
	&condition_functions, &string_functions,  &math_functions,
	&array_functions,     &pattern_functions, &time_functions,
	&hash_functions,      &struct_functions,
};

#define N_TABLES (sizeof(tables) / sizeof(tables[0]))

const struct function *function_find(const char *name)
{
	for (size_t t = 0; t < N_TABLES; t++)
		for (size_t i = 0; i < tables[t]->n; i++)
			if (strcasecmp(tables[t]->rows[i].name, name) == 0)
				return &tables[t]->rows[i];
	return NULL;
}

const struct function *function_get(const char *name)
{
	const struct function *fn = function_find(name);
	assert(fn);
	return fn;
}

const char *expr_function_name(size_t i)
{
	for (size_t t = 0; t < N_TABLES; i -= tables[t++]->n)
		if (i < tables[t]->n)
			return tables[t]->rows[i].name;
	return NULL;
}
