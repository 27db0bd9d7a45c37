// SPDX-License-Identifier: Apache-2.0
/*
 * jobs_status.c: status.json, and what it means.
 *
 * The command is its own file, so that a status that is torn, lost or nonsense is
 * that of a job that nobody has begun.  RUNNING means what it says only as long as
 * somebody holds the lock.  Some shared file systems do not tell other hosts of locks:
 * one that runs elsewhere touches its status now and then, and is believed for a while.
 */
#include "job/jobs_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <sys/stat.h>
#include <unistd.h>

#define STATUS_DEPTH 8
#define BELIEVED_S 60

static const char *const state_names[] = {
	[JOB_PENDING] = "PENDING", [JOB_RUNNING] = "RUNNING",
	[JOB_PAUSED] = "PAUSED",   [JOB_DONE] = "DONE",
	[JOB_FAILED] = "FAILED",   [JOB_CANCELLED] = "CANCELLED",
};

const char *job_state_name(enum job_state state)
{
	return state < JOB_N_STATES ? state_names[state] : "?";
}

bool job_state_is_final(enum job_state state)
{
	return state == JOB_DONE || state == JOB_FAILED || state == JOB_CANCELLED;
}

void job_status_fini(struct job_status *s)
{
	free(s->command);
	free(s->what);
	free(s->message);
	free(s->host);
	free(s->boot);
	*s = (struct job_status){0};
}

/* --- times --- */

int64_t job_now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* 0 for what is no time that we wrote. */
static int64_t parse_time(const char *text)
{
	struct tm tm = {0};
	unsigned ms;
	char zone;
	const char *end = text ? strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) : NULL;
	if (!end || sscanf(end, ".%3u%c", &ms, &zone) != 2 || tm.tm_year < 70 ||
	    tm.tm_year > 300)
		return 0;
	return ((int64_t)timegm(&tm) * 1000 + ms) * 1000000;
}

/* --- which machine this is --- */

/* A container that is begun again has another name on the same boot, a machine that is
 * booted again has its name. */
static struct err *read_boot(char **ret)
{
	char text[64] = "";
	FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");
	if (f && fscanf(f, "%60s", text) != 1)
		text[0] = 0;
	if (f)
		fclose(f);
	return str_dup(text, ret);
}

static struct err *read_host(char **ret)
{
	char name[256] = "";
	if (gethostname(name, sizeof(name) - 1) != 0)
		name[0] = 0;
	return str_dup_utf8(name, ret);
}

struct err *job_status_sign(struct job_status *s)
{
	AUTO_MEM char *host = NULL;
	AUTO_MEM char *boot = NULL;
	TRY(read_host(&host));
	TRY(read_boot(&boot));
	free(s->host);
	free(s->boot);
	s->host = TAKE(host);
	s->boot = TAKE(boot);
	s->pid = getpid();
	return NULL;
}

static bool is_this_machine(const struct job_status *s)
{
	struct job_status ours = {0};
	struct err *err = job_status_sign(&ours);
	bool is_same = err || !s->host || strcmp(s->host, ours.host) == 0 ||
		       (s->boot && *s->boot && strcmp(s->boot, ours.boot) == 0);
	err_free(err); /* without a name of ours only the lock counts */
	job_status_fini(&ours);
	return is_same;
}

static struct json_object *parse_json(const struct buf *text)
{
	struct json_tokener *t = json_tokener_new_ex(STATUS_DEPTH);
	struct json_object *o = NULL;
	if (t && text->len)
		o = json_tokener_parse_ex(t, (const char *)text->data, (int)text->len);
	if (t)
		json_tokener_free(t);
	if (o && !json_object_is_type(o, json_type_object)) {
		json_object_put(o);
		o = NULL;
	}
	return o;
}

static struct err *get_text(struct json_object *o, const char *key, char **ret)
{
	struct json_object *member = json_object_object_get(o, key);
	if (!json_object_is_type(member, json_type_string))
		return NULL;
	return str_dup_len(json_object_get_string(member),
			   (size_t)json_object_get_string_len(member), ret);
}

static int64_t get_time(struct json_object *o, const char *key)
{
	struct json_object *member = json_object_object_get(o, key);
	return json_object_is_type(member, json_type_string)
		       ? parse_time(json_object_get_string(member))
		       : 0;
}

static uint64_t get_count(struct json_object *o, const char *key)
{
	struct json_object *member = json_object_object_get(o, key);
	return json_object_is_type(member, json_type_int)
		       ? json_object_get_uint64(member)
		       : 0;
}

/* otherwise, if it is none or negative or not a number */
static double get_number(struct json_object *o, const char *key, double otherwise)
{
	struct json_object *member = json_object_object_get(o, key);
	double v = member ? json_object_get_double(member) : otherwise;
	return v >= 0 && v < 1e18 ? v : otherwise;
}

static bool get_state(struct json_object *o, enum job_state *ret)
{
	struct json_object *member = json_object_object_get(o, "state");
	const char *name = json_object_is_type(member, json_type_string)
				   ? json_object_get_string(member)
				   : "";
	for (enum job_state i = 0; i < JOB_N_STATES; i++) {
		if (strcmp(name, state_names[i]) != 0)
			continue;
		*ret = i;
		return true;
	}
	return false;
}

static struct err *from_json(struct json_object *o, struct job_status *s)
{
	if (!get_state(o, &s->state))
		return NULL;
	s->code = (int)MIN_OF(get_count(o, "errno"), (uint64_t)4095);
	s->done = get_count(o, "done");
	s->total = get_count(o, "total");
	s->failed = get_count(o, "failed");
	s->is_partial =
		json_object_get_boolean(json_object_object_get(o, "is_partial"));
	s->rows_per_s = get_number(o, "rows_per_s", 0);
	s->eta_s = get_number(o, "eta_s", -1);
	s->created_ns = get_time(o, "created");
	s->started_ns = get_time(o, "started");
	s->ended_ns = get_time(o, "ended");
	s->busy_s = get_number(o, "busy_s", 0);
	s->version = get_count(o, "version");
	s->attempts = get_count(o, "attempts");
	s->pid = (int64_t)MIN_OF(get_count(o, "pid"), (uint64_t)INT32_MAX);
	TRY(get_text(o, "what", &s->what));
	TRY(get_text(o, "message", &s->message));
	TRY(get_text(o, "host", &s->host));
	return get_text(o, "boot", &s->boot);
}

static struct err *load_status(int dir, struct job_status *s)
{
	AUTO_BUF struct buf text = {0};
	bool found;
	TRY(job_file_read(dir, "status.json", &text, &found));
	struct json_object *o = found ? parse_json(&text) : NULL;
	if (!o)
		return NULL;
	struct err *err = from_json(o, s);
	json_object_put(o);
	return err;
}

static int64_t file_time(int dir, const char *name)
{
	struct stat st;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return 0;
	return st.st_mtim.tv_sec * INT64_C(1000000000) + st.st_mtim.tv_nsec;
}

static void set_owner(int dir, struct job_status *s)
{
	struct stat st;
	s->uid = fstatat(dir, "command", &st, AT_SYMLINK_NOFOLLOW) == 0 ? st.st_uid
									: (uid_t)-1;
}

static struct err *load_command(int dir, struct job_status *s)
{
	AUTO_BUF struct buf text = {0};
	bool found;
	TRY(job_file_read(dir, "command", &text, &found));
	while (text.len &&
	       (text.data[text.len - 1] == '\n' || !text.data[text.len - 1]))
		text.len--;
	if (!found || !text.len || memchr(text.data, 0, text.len))
		return err_new(ENOENT, "no job %" PRIu64, s->id);
	set_owner(dir, s);
	return buf_take_str(&text, &s->command);
}

/* Somebody runs it, as far as can be told from here. */
static bool is_alive(int dir, enum job_lock_holder holder, const struct job_status *s)
{
	if (holder == LOCKED_BY_OTHERS && job_dir_is_locked(dir))
		return true;
	int64_t age_ns = job_now_ns() - file_time(dir, "status.json");
	return !is_this_machine(s) && age_ns < BELIEVED_S * INT64_C(1000000000);
}

/* What was asked of one that nobody runs any more, and that its runner has not seen. */
static void heed(int dir, struct job_status *s)
{
	enum job_request request = job_request_read(dir);
	if (request == JOB_PAUSE)
		s->state = JOB_PAUSED;
	if (request != JOB_CANCEL)
		return;
	s->state = JOB_CANCELLED;
	s->ended_ns = file_time(dir, "request");
}

static struct err *load(int dir, enum job_lock_holder holder, struct job_status *s)
{
	TRY(load_command(dir, s));
	TRY(load_status(dir, s));
	if (!s->created_ns)
		s->created_ns = file_time(dir, "command");
	if (s->state == JOB_RUNNING && is_alive(dir, holder, s))
		return NULL;
	if (s->state == JOB_RUNNING)
		s->state = JOB_PENDING;
	if (!job_state_is_final(s->state))
		heed(dir, s);
	return NULL;
}

struct err *job_status_load(int dir, uint64_t id, enum job_lock_holder holder,
			    struct job_status *ret)
{
	struct job_status s = {.id = id, .eta_s = -1};
	struct err *err = load(dir, holder, &s);
	if (err)
		job_status_fini(&s);
	else
		*ret = s;
	return err;
}

struct err *job_status_save(int dir, const struct job_status *s, bool is_durable)
{
	AUTO_BUF struct buf out = {0};
	job_render(s, true, &out);
	TRY(buf_check(&out));
	return job_file_replace(dir, "status.json", out.data, out.len, is_durable);
}
