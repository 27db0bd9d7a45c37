// SPDX-License-Identifier: Apache-2.0
/*
 * shapes.c: the table of shapes.
 */
#include "udf/worker_priv.h"

#include <errno.h>

static const struct shape_ops *const shapes[UDF_N_SHAPES] = {
	[UDF_LINES] = &shape_lines,
	[UDF_ARROW] = &shape_arrow,
	[UDF_FILES] = &shape_files,
};

const struct shape_ops *shape_find(enum udf_shape shape)
{
	return shapes[shape];
}

const char *udf_shape_name(enum udf_shape shape)
{
	return shapes[shape]->name;
}

struct err *udf_shape_parse(const char *text, enum udf_shape *ret)
{
	for (unsigned i = 0; i < UDF_N_SHAPES; i++) {
		if (strcmp(shapes[i]->name, text) == 0) {
			*ret = (enum udf_shape)i;
			return NULL;
		}
	}
	return err_new(EINVAL, "no shape '%s'; there are lines, arrow, files", text);
}

static struct err *refuse(const struct udf_run *run, const struct type *t,
			  const char *what, const char *name)
{
	AUTO_MEM char *type = NULL;
	TRY(type_format(t, &type));
	return err_new(EINVAL, "%s '%s': the shape '%s' does not carry %s", what, name,
		       udf_shape_name(run->udf->shape), type);
}

struct err *udf_check_types(const struct udf_run *run)
{
	const struct shape_ops *s = shape_find(run->udf->shape);
	const struct type *table = run->inputs->type;
	for (size_t i = 0; i < table->n_children; i++)
		if (!s->takes(table->children[i]->type))
			return refuse(run, table->children[i]->type, "column",
				      table->children[i]->name);
	for (size_t i = 0; i < run->n_outputs; i++)
		if (!s->gives(run->outputs[i]))
			return refuse(run, run->outputs[i], "output", "value");
	return NULL;
}
