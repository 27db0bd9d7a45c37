// SPDX-License-Identifier: Apache-2.0
/*
 * main.c: lancefs SOURCE MOUNTPOINT.
 *
 * The dataset is opened and checked before mounting, so that what is wrong is
 * told by the command; then the process goes to the background and serves.
 */
#include "fs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/sysmacros.h>
#include <syslog.h>
#include <unistd.h>

#define READ_AHEAD_KB 1024
#define MAX_THREADS 10

static const char *const level_names[] = {"error", "warning", "info", "debug"};

static void log_to_stderr(void *ctx, enum log_level level, const char *line)
{
	(void)ctx;
	fprintf(stderr, "lancefs: %s: %s\n", level_names[level], line);
}

static void log_to_syslog(void *ctx, enum log_level level, const char *line)
{
	static const int priorities[] = {LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG};
	(void)ctx;
	syslog(LOG_DAEMON | priorities[level], "%s", line);
}

/* A mount point at or inside the source would hide or enclose it. */
static struct err *check_places(const struct mount_options *o, char **ret_mountpoint)
{
	AUTO_MEM char *source = realpath(o->source, NULL);
	if (!source)
		return err_errno(errno, "%s", o->source);
	AUTO_MEM char *mountpoint = realpath(o->mountpoint, NULL);
	if (!mountpoint)
		return err_errno(errno, "%s", o->mountpoint);
	size_t len = strlen(source);
	if (strncmp(mountpoint, source, len) == 0 &&
	    (mountpoint[len] == 0 || mountpoint[len] == '/'))
		return err_new(EINVAL, "the mount point %s lies in the dataset %s",
			       mountpoint, source);
	*ret_mountpoint = TAKE(mountpoint);
	return NULL;
}

/* SOURCE, or the branch of it that is to be mounted: its directory. */
static struct err *open_source(struct server *s, struct io_store **ret,
			       char **ret_source)
{
	const struct mount_options *o = &s->options;
	AUTO(io_store) struct io_store *store = NULL;
	AUTO(table) struct table *table = NULL;
	const struct table_options branch = {.log = &s->log, .branch = o->branch};
	TRY(io_store_open_local(o->source, &store));
	if (!o->branch) {
		*ret = TAKE(store);
		return str_dup(o->source, ret_source);
	}
	TRY_CTX(table_open_with(store, &branch, &table), "%s", o->source);
	TRY(str_printf(ret_source, "%s/tree/%s", o->source, o->branch));
	*ret = io_store_ref(table_store(table));
	return NULL;
}

static struct err *open_server(struct server *s)
{
	struct io_store *store = NULL;
	AUTO_MEM char *source = NULL;
	struct node *root;
	pthread_mutex_init(&s->handles_lock, NULL);
	pthread_mutex_init(&s->parked.lock, NULL);
	tasks_init(&s->tasks);
	s->log = (struct log){.write = log_to_stderr, .level = LEVEL_WARN};
	if (s->options.debug)
		s->log.level = LEVEL_DEBUG;
	TRY(check_places(&s->options, &s->mountpoint));
	TRY(watch_new(s));
	TRY(runner_new(s));
	const char *roots = s->options.roots;
	if (!roots)
		roots = getenv("LANCEFS_ROOTS");
	TRY(roots_open(roots ? roots : "", &s->roots));
	TRY(open_source(s, &store, &source));
	TRY(mount_open(s, store, source, 0, &s->mount));
	TRY(mount_root(s->mount, &root));
	return inodes_init(&s->inodes, root);
}

static void close_server(struct server *s)
{
	handles_close_all(s);
	if (s->inodes.root)
		inodes_fini(&s->inodes);
	runner_free(s);
	mount_unref(s->mount);
	watch_free(s);
	roots_unref(s->roots);
	free(s->mountpoint);
	options_fini(&s->options);
}

/* The default of 128 KiB halves what a buffered read gets.  Needs root; without
 * it reads are only slower. */
static void set_read_ahead(const char *mountpoint)
{
	struct stat st;
	char path[96], value[16];
	if (stat(mountpoint, &st) != 0)
		return;
	snprintf(path, sizeof(path), "/sys/class/bdi/%u:%u/read_ahead_kb",
		 major(st.st_dev), minor(st.st_dev));
	AUTO_FD int fd = open(path, O_WRONLY | O_CLOEXEC);
	int len = snprintf(value, sizeof(value), "%d\n", READ_AHEAD_KB);
	if (fd >= 0 && write(fd, value, (size_t)len) < 0)
		return;
}

static void *read_ahead_thread(void *arg)
{
	set_read_ahead(arg);
	return NULL;
}

static int serve(struct server *s)
{
	struct fuse_loop_config *config = fuse_loop_cfg_create();
	pthread_t thread;
	int status = 1;
	if (!config)
		return 1;
	fuse_loop_cfg_set_max_threads(config, MAX_THREADS);
	fuse_loop_cfg_set_idle_threads(config, MAX_THREADS);
	struct err *err = watch_start(s);
	if (!err)
		err = runner_start(s);
	if (err) {
		log_line(&s->log, LEVEL_ERROR, "%s", err->msg);
		err_free(err); /* told; the mount ends */
	} else {
		/* its stat is answered by the loop */
		bool threaded = pthread_create(&thread, NULL, read_ahead_thread,
					       s->options.mountpoint) == 0;
		status = fuse_session_loop_mt(s->session, config) != 0;
		if (threaded)
			pthread_join(thread, NULL);
	}
	runner_interrupt(s);
	watch_stop(s);
	parked_cancel(s);
	tasks_end(s);
	if (!runner_end(s)) /* what it works with must stay; its lock goes with us */
		_exit(status);
	fuse_loop_cfg_destroy(config);
	return status;
}

static int mount_and_serve(struct server *s, struct fuse_args *args)
{
	int status = 1;
	s->session = fuse_session_new(args, &lancefs_ops, sizeof(lancefs_ops), s);
	if (!s->session)
		return 1;
	if (fuse_set_signal_handlers(s->session) == 0) {
		if (fuse_session_mount(s->session, s->options.mountpoint) == 0) {
			s->device = mount_device(s->options.mountpoint);
			if (fuse_daemonize(s->options.foreground) == 0) {
				if (!s->options.foreground)
					s->log.write = log_to_syslog;
				status = serve(s);
			}
			fuse_session_unmount(s->session);
		}
		fuse_remove_signal_handlers(s->session);
	}
	fuse_session_destroy(s->session);
	return status;
}

static int add_mount_options(struct server *s, struct fuse_args *args)
{
	char name[PATH_MAX + 16];
	snprintf(name, sizeof(name), "-ofsname=%s", s->options.source);
	for (char *p = name + 2; *p; p++)
		if (*p == ',') /* would end the option */
			*p = '_';
	return fuse_opt_add_arg(args, name) ||
	       fuse_opt_add_arg(args, "-osubtype=lancefs") ||
	       (s->options.read_only && fuse_opt_add_arg(args, "-oro")) ||
	       (s->options.debug && fuse_opt_add_arg(args, "-d"));
}

static int fail(struct err *err)
{
	fprintf(stderr, "lancefs: %s\n", err->msg);
	err_free(err); /* told */
	return 1;
}

int main(int argc, char **argv)
{
	struct fuse_args args = FUSE_ARGS_INIT(argc, argv);
	static struct server
		s; /* too large for the stack; used by this function only */
	int status = 2;
	mem_keep_freed();
	struct err *err = options_parse(&args, &s.options);
	if (err) {
		status = fail(err) + 1;
	} else if (s.options.show_help) {
		options_usage();
		status = 0;
	} else if (s.options.show_version) {
		printf("lancefs " LANCEFS_VERSION "\n");
		status = 0;
	} else if (!s.options.mountpoint) {
		options_usage();
	} else if ((err = open_server(&s))) {
		status = fail(err);
	} else if (add_mount_options(&s, &args) == 0) {
		status = mount_and_serve(&s, &args);
	}
	close_server(&s);
	fuse_opt_free_args(&args);
	return status;
}
