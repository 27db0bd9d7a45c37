// SPDX-License-Identifier: Apache-2.0
/*
 * fn_time_priv.h: functions of dates and times, by file; fn_time.c has their table.
 */
#ifndef LANCEFS_EXPR_FN_TIME_PRIV_H
#define LANCEFS_EXPR_FN_TIME_PRIV_H

#include "expr/calendar_priv.h"
#include "expr/fn_priv.h"

/* A row of a date, time or timestamp taken apart, in the zone of the type; of a time of
 * day the date is 1970-01-01.  False if its year has no text. */
bool time_moment(const struct array *a, uint64_t row, const struct zone *zone,
		 struct moment *ret);
int64_t time_value(const struct array *a, uint64_t row); /* as it is stored */
void store_time(struct array *a, uint64_t row, int64_t v);
/* The zone of a timestamp type; NULL without one. */
MUST_CHECK struct err *time_zone(const struct type *t, struct zone **ret);
/* A constant text, borrowed; EINVAL. */
MUST_CHECK struct err *constant_word(struct binder *b, const struct node *n, size_t i,
				     struct str *ret);
/* Argument i becomes a timestamp of nanoseconds if it is a text, a date or null. */
MUST_CHECK struct err *bind_instant(struct binder *b, struct node *n, size_t i,
				    bool with_dates);

/* fn_time_trunc.c */
struct err *bind_date_trunc(struct binder *b, struct node *n);
struct err *bind_date_bin(struct binder *b, struct node *n);
eval_fn eval_date_trunc, eval_date_bin;
/* fn_time_part.c */
struct err *bind_date_part(struct binder *b, struct node *n);
eval_fn eval_date_part;
/* fn_time_format.c */
struct err *bind_to_char(struct binder *b, struct node *n);
eval_fn eval_to_char;

/* Read all of a text by a format of strftime's letters, in UTC if it names no zone.
 * False if it does not fit. */
bool read_formatted(struct str text, struct str format, int64_t *ret_seconds,
		    int32_t *ret_nanos);

#endif
