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
static struct err *check_places(const struct mount_options *o)
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
	return NULL;
}

static struct err *decide_writable(struct mount *m)
{
	AUTO(version) struct version *v = table_latest(m->table);
	if (m->options.read_only)
		return str_dup("-o ro", &m->why_read_only);
	if (!io_store_writable(m->store)) {
		fprintf(stderr,
			"lancefs: no permission to write %s: mounted read-only\n",
			m->options.source);
		return str_dup("no permission to write the dataset", &m->why_read_only);
	}
	struct err *err = version_check_writable(v);
	if (err) {
		fprintf(stderr, "lancefs: %s\n", err->msg);
		struct err *nomem = str_dup(err->msg, &m->why_read_only);
		err_free(err); /* kept as text */
		return nomem;
	}
	m->is_writable = true;
	return NULL;
}

static struct err *open_mount(struct mount *m)
{
	struct stat st;
	struct node *root;
	pthread_mutex_init(&m->failures_lock, NULL);
	m->log = (struct log){.write = log_to_stderr, .level = LEVEL_WARN};
	if (m->options.debug)
		m->log.level = LEVEL_DEBUG;
	TRY(check_places(&m->options));
	TRY(io_store_open_local(m->options.source, &m->store));
	TRY(table_open(m->store, &m->log, &m->table));
	TRY(decide_writable(m));
	TRY(memo_open(m, &m->memo));
	TRY(staging_new(m, &m->staging));
	if (fstat(io_store_fd(m->store), &st) != 0)
		return err_errno(errno, "%s", m->options.source);
	m->uid = st.st_uid;
	m->gid = st.st_gid;
	TRY(node_new(&root_ops, 0, NULL, &root));
	return inodes_init(&m->inodes, root);
}

static void close_mount(struct mount *m)
{
	if (m->inodes.root)
		inodes_fini(&m->inodes);
	staging_free(m->staging);
	memo_free(m->memo);
	table_unref(m->table);
	io_store_unref(m->store);
	for (size_t i = 0; i < N_LAST_ERRORS; i++) {
		free(m->failures[i].path);
		free(m->failures[i].text);
	}
	free(m->why_read_only);
	options_fini(&m->options);
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

static int serve(struct mount *m)
{
	struct fuse_loop_config *config = fuse_loop_cfg_create();
	pthread_t thread;
	int status = 1;
	if (!config)
		return 1;
	fuse_loop_cfg_set_max_threads(config, MAX_THREADS);
	fuse_loop_cfg_set_idle_threads(config, MAX_THREADS);
	struct err *err = watch_start(m);
	if (err) {
		log_line(&m->log, LEVEL_ERROR, "%s", err->msg);
		err_free(err); /* told; the mount ends */
	} else {
		/* its stat is answered by the loop */
		bool threaded = pthread_create(&thread, NULL, read_ahead_thread,
					       m->options.mountpoint) == 0;
		status = fuse_session_loop_mt(m->session, config) != 0;
		if (threaded)
			pthread_join(thread, NULL);
	}
	watch_stop(m);
	memo_save(m);
	fuse_loop_cfg_destroy(config);
	return status;
}

static int mount_and_serve(struct mount *m, struct fuse_args *args)
{
	int status = 1;
	m->session = fuse_session_new(args, &lancefs_ops, sizeof(lancefs_ops), m);
	if (!m->session)
		return 1;
	if (fuse_set_signal_handlers(m->session) == 0) {
		if (fuse_session_mount(m->session, m->options.mountpoint) == 0) {
			if (fuse_daemonize(m->options.foreground) == 0) {
				if (!m->options.foreground)
					m->log.write = log_to_syslog;
				status = serve(m);
			}
			fuse_session_unmount(m->session);
		}
		fuse_remove_signal_handlers(m->session);
	}
	fuse_session_destroy(m->session);
	return status;
}

static int add_mount_options(struct mount *m, struct fuse_args *args)
{
	char name[PATH_MAX + 16];
	snprintf(name, sizeof(name), "-ofsname=%s", m->options.source);
	for (char *p = name + 2; *p; p++)
		if (*p == ',') /* would end the option */
			*p = '_';
	return fuse_opt_add_arg(args, name) ||
	       fuse_opt_add_arg(args, "-osubtype=lancefs") ||
	       (m->options.read_only && fuse_opt_add_arg(args, "-oro")) ||
	       (m->options.debug && fuse_opt_add_arg(args, "-d"));
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
	static struct mount m; /* too large for the stack; used by this function only */
	int status = 2;
	struct err *err = options_parse(&args, &m.options);
	if (err) {
		status = fail(err) + 1;
	} else if (m.options.show_help) {
		options_usage();
		status = 0;
	} else if (m.options.show_version) {
		printf("lancefs " LANCEFS_VERSION "\n");
		status = 0;
	} else if (!m.options.mountpoint) {
		options_usage();
	} else if ((err = open_mount(&m))) {
		status = fail(err);
	} else if (add_mount_options(&m, &args) == 0) {
		status = mount_and_serve(&m, &args);
	}
	close_mount(&m);
	fuse_opt_free_args(&args);
	return status;
}
