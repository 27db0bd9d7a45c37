// SPDX-License-Identifier: Apache-2.0
/*
 * fs.h: the mount.
 *
 * The kernel knows numbers; the inode table maps each number that it holds to
 * a node, and a node's kind (struct node_ops) says what it answers.  Numbers are
 * computed by hashing what a node stands for: a directory its path, a column
 * file its content (data files, deletion files, format), so that a commit that
 * changes other columns leaves its pages in the cache.
 *
 * There are two families that never share a node: live ones show the latest
 * version, frozen ones a version by number.  A live node is never written:
 * opening one for writing answers ESTALE, and the kernel's second lookup gets a
 * staging node of its own.
 *
 * A server is the process; a mount is one table in it, or a database directory,
 * whose tables are mounts of their own, made when they are first looked up.  So are
 * the branches of a table, which are read-only and go when nobody looks at them.
 *
 * ops*.c      FUSE requests to node_ops        inode.c    the inode table
 * dir_*.c     one kind of directory each       file_*.c   one kind of file each
 * mount.c     one table, from opening on       parked.c   reads that wait
 * staging.c   files being written, and when they are committed
 * watch.c     new versions by others, time-outs, invalidation
 * runner.c    jobs that the mount runs
 * report.c    failures: log, last_error, reply
 * metrics.c   counters and timings of requests
 *
 * To add a kind of node: write its struct node_ops and let a directory's lookup
 * and list name it.
 */
#ifndef LANCEFS_FS_H
#define LANCEFS_FS_H

#define FUSE_USE_VERSION 312

#include "command/command.h"

#include <fuse_lowlevel.h>
#include <sys/stat.h>

#define TIMEOUT_IMMUTABLE 86400.0
#define STAGED_IDLE_SECONDS 60
#define N_LAST_ERRORS 8

struct node;
struct staged;
struct drop_place;
struct mount;
struct server;
struct control;
struct writer;
struct runner;
struct job_board;

/* --- options.c --- */

struct mount_options {
	char *source, *mountpoint; /* owned */
	int foreground, show_help, show_version, read_only, debug;
	char *formats;	  /* owned; listed formats besides the natural ones */
	char *protect;	  /* owned; columns that are not replaced */
	char *roots;	  /* owned; directories that files outside may be read in */
	char *branch;	  /* owned; of the dataset; NULL: SOURCE itself */
	char *udf_users;  /* owned; who may bring programs besides the mounter */
	char *cache_dir;  /* owned; where sizes are remembered; NULL: the default */
	int allow_drop;	  /* rm drops columns and tags */
	int skip_jobs;	  /* jobs that were left are left */
	int auto_compact; /* begin compactions, when there are */
	uint64_t auto_compact_fragments; /* so many that can be put together, or */
	double auto_compact_deleted;	 /* more than this share of deleted rows */
	double version_poll;		 /* seconds */
	uint64_t rejected_size;		 /* bytes kept in rejected/ */
};

/* --- nodes --- */

/* Takes one directory entry; true: no room, stop before it. */
typedef bool list_fn(void *ctx, const char *name, uint64_t ino, mode_t mode,
		     uint64_t next_off);

struct list_sink {
	list_fn *fn;
	void *ctx;
};

/* An open file or directory. */
struct handle {
	struct handle *prev, *next; /* guarded by the server's .handles_lock */
	struct node *node;	    /* borrowed: the kernel holds it */
	struct version *version;    /* owned reference; of directories */
	struct version_hold hold;   /* what it shows stays while it is open */
	struct bytes *text;	    /* owned reference; of generated files */
	struct blob blob;	    /* owned; of values that are blobs */
	struct buf reply;	    /* of files whose reads wait */
	bool is_over;		    /* of the same: what follows .reply is the end */
	struct control *control;    /* owned reference; of control */
	uid_t uid;		    /* who opened it */
	uint64_t seen;		    /* of events: the version last told */
	uint64_t seen_jobs;	    /* of events: changes of jobs told */
	bool can_write;
};

struct node_ops {
	const char *kind;
	mode_t mode;   /* type and permissions */
	bool is_fresh; /* every lookup gives another node */
	/* Opened for writing it is ESTALE, and who looks the name up again gets a file
	 * that will replace it. */
	bool is_replaced;
	/* What becomes of files made in a directory of this kind; NULL: none are, or
	 * each has its own. */
	const struct drop_place *drops;
	/* Fill st (mode, ids and times are preset); is_exact: the size must be
	 * right, else it may be left out and *ret_timeout set to 0. */
	struct err *(*attr)(struct mount *m, struct node *n, bool is_exact,
			    struct stat *st, double *ret_timeout);
	/* A new node for a name, NULL if there is none; the caller owns it. */
	struct err *(*lookup)(struct mount *m, struct node *dir, const char *name,
			      struct node **ret);
	/* Entries from offset off on (0: the first). */
	struct err *(*list)(struct mount *m, struct handle *h, uint64_t off,
			    const struct list_sink *sink);
	struct err *(*open)(struct mount *m, struct handle *h,
			    struct fuse_file_info *fi);
	struct err *(*read)(struct mount *m, struct handle *h, uint64_t off, size_t len,
			    uint8_t *dst, size_t *ret_len);
	/* Of files whose reads wait: gather in h->reply what is to be told now; as long
	 * as that is nothing and h->is_over is not set, the read is parked. */
	struct err *(*gather)(struct mount *m, struct handle *h);
	/* The view that the file is, for view_attr and view_read. */
	struct err *(*view)(struct node *n, struct view **ret);
	struct err *(*write)(struct mount *m, struct handle *h, uint64_t off,
			     const void *p, size_t len);
	/* The same for those that take long: takes the request. */
	void (*write_later)(fuse_req_t req, struct handle *h, const void *p,
			    size_t len);
	struct err *(*flush)(struct mount *m, struct handle *h, pid_t pid,
			     bool is_fsync);
	void (*release)(struct mount *m, struct handle *h);
	/* The time of its last change is set.  NULL: nothing follows from that. */
	struct err *(*touch)(struct mount *m, struct node *n);
	struct err *(*readlink)(struct mount *m, struct node *n, char **ret);
	/* Append names, each with its NUL. */
	struct err *(*xattr_list)(struct mount *m, struct node *n, struct buf *out);
	/* Append the value; *ret_found false: ENODATA. */
	struct err *(*xattr_get)(struct mount *m, struct node *n, const char *name,
				 struct buf *out, bool *ret_found);
};

struct node {
	uint64_t ino;
	struct mount *mount; /* owned reference */
	const struct node_ops *ops;
	uint64_t n_lookup; /* guarded by the inode table's lock */
	struct node *next; /* guarded by the inode table's lock */
	bool is_frozen;
	double entry_timeout;
	struct version *version; /* owned reference; NULL: live directories */
	struct field *field;	 /* borrowed from version */
	const struct format_ops *format;
	size_t fragment; /* index + 1 of the one fragment that is shown; 0: all */
	uint64_t row;
	uint64_t size;			/* of values, whose lookup reads them */
	char *name;			/* owned; of generated and of rejected files */
	struct staged *staged;		/* owned reference */
	const struct drop_place *drops; /* borrowed; what becomes of files made in it */
	pthread_mutex_t lock;
	struct view *view;  /* guarded by .lock; owned; made when first needed */
	struct bytes *text; /* guarded by .lock; owned; generated once */
};

/* A node of a kind for a hash of what it stands for; fields are preset to
 * zero.  version is referenced. */
MUST_CHECK struct err *node_new(struct mount *m, const struct node_ops *ops,
				uint64_t key, struct version *version,
				struct node **ret);
void node_free(struct node *n);
DEFINE_AUTO(node, node_free)
/* The inode number of a key: never 0, never the root's; salt is the mount's. */
uint64_t salted_ino(uint64_t salt, const struct node_ops *ops, uint64_t key);
uint64_t node_ino(const struct mount *m, const struct node_ops *ops, uint64_t key);
/* Where files made in a directory go; NULL if none are made there. */
static inline const struct drop_place *node_drops(const struct node *n)
{
	return n->is_frozen ? NULL : n->drops;
}
/* The version that a directory shows now: its own, or the latest (referenced). */
struct version *node_version(struct mount *m, struct node *n);

/* --- inode.c --- */

#define INODE_BUCKETS 4096

struct inode_table {
	pthread_mutex_t lock;
	struct node *buckets[INODE_BUCKETS]; /* guarded by .lock */
	struct node *root;		     /* owned */
};

MUST_CHECK struct err *inodes_init(struct inode_table *t, struct node *root);
void inodes_fini(struct inode_table *t);
struct node *inodes_get(struct inode_table *t, fuse_ino_t ino);
/* Count one lookup of n, or of the node with its number that is there
 * already.  Takes n; the result is borrowed until forgotten. */
struct node *inodes_add(struct inode_table *t, struct node *n);
/* The .size of the node of that number; false: there is none. */
bool inodes_size(struct inode_table *t, uint64_t ino, uint64_t *ret);
void inodes_forget(struct inode_table *t, fuse_ino_t ino, uint64_t n_lookup);

/* --- the mount --- */

struct failure {
	int64_t time_ns;
	char process[32];  /* name and pid */
	char *path, *text; /* owned */
};

/* --- mount.c: one table, or the directory of a database --- */

/* What a compaction would do away with. */
struct compactable {
	uint64_t fragments, deleted;
};

/* What the watcher knows of a mount. */
struct watched {
	struct mount *next;   /* guarded by the watch's lock */
	int wd;		      /* of inotify; -1: polled only */
	atomic_bool is_dirty; /* inotify announced something */
	pthread_mutex_t lock; /* one refresh at a time */
	char *warned;	      /* guarded by .lock; owned; the last failure told */
	atomic_ullong shown;  /* the version that entries were last invalidated for */
	uint64_t filled;    /* of the watching thread: the version that was last looked
			     * through for columns to be filled by themselves */
	uint64_t compacted; /* of the same: the version last looked at for that */
	bool has_compacted; /* of the same: a job was begun for what it had */
	struct compactable left; /* of the same: by the last job */
};

struct mount {
	atomic_int refs;
	struct server *server; /* borrowed */
	char *source;	       /* owned; for messages and for what is kept elsewhere */
	char *table_name;      /* owned; its own in queries */
	uint64_t salt;	       /* tells its inode numbers from other tables' */
	uint64_t root_ino;
	struct io_store *store;	   /* owned reference */
	struct table *table;	   /* owned reference; NULL: of a database */
	struct database *database; /* owned; NULL: of a table */
	struct mount *main;	   /* owned reference; whose branch it is; or NULL */
	uid_t uid;
	gid_t gid;
	bool is_writable;
	char *why_read_only; /* owned or NULL */

	pthread_mutex_t keys_lock;
	struct drop_place *keys; /* guarded by .keys_lock; owned; joins/KEY */

	pthread_mutex_t failures_lock;
	struct failure failures[N_LAST_ERRORS]; /* guarded by .failures_lock */
	uint64_t n_failures;			/* ever; guarded by .failures_lock */

	pthread_mutex_t reply_lock;
	struct buf reply; /* guarded by .reply_lock; of the last command */

	struct staging *staging; /* owned */
	struct job_board *board; /* owned */
	struct memo *memo;	 /* owned; a branch's is borrowed from .main */
	struct watched watched;

	pthread_mutex_t branches_lock;
	struct mount *branches;	   /* guarded by .branches_lock; borrowed, linked by
				    * .next_branch */
	bool is_listed;		   /* by .main; set before it is shared */
	struct mount *next_branch; /* guarded by .main's .branches_lock */
};

/* Open a table's or a database's directory; store is taken, also on failure.  salt is
 * 0 for what is the root of the tree. */
MUST_CHECK struct err *mount_open(struct server *s, struct io_store *store,
				  const char *source, uint64_t salt,
				  struct mount **ret);
/* The mount of a branch of main, opened or in use already. */
MUST_CHECK struct err *mount_branch(struct mount *main, const struct table_branch *b,
				    struct mount **ret);
/* The number of its root directory. */
uint64_t mount_branch_ino(const struct mount *main, const struct table_branch *b);
struct mount *mount_ref(struct mount *m);
/* Take a reference to one whose last may be going; false: too late. */
bool mount_revive(struct mount *m);
void mount_unref(struct mount *m);
DEFINE_AUTO(mount, mount_unref)
/* The node of its root directory. */
MUST_CHECK struct err *mount_root(struct mount *m, struct node **ret);

/* The name of its table in queries, NULL if it has none; borrowed. */
const char *mount_table_name(const struct mount *m);
/* A table of the database that is mounted; *ret stays NULL if there is none. */
MUST_CHECK struct err *server_find_table(struct server *s, const char *name,
					 struct table **ret);

/* --- dir_queries.c --- */

extern const struct node_ops queries_ops, query_rows_ops, query_sql_ops;
/* rm queries/NAME.sql: the query with its rows. */
MUST_CHECK struct err *query_remove(struct mount *m, const char *name);
/* A query that was run, by the name of its .sql; its rows move with it. */
bool query_exists(struct mount *m, const char *name);
MUST_CHECK struct err *query_rename(struct mount *m, const char *from, const char *to,
				    unsigned flags);

/* --- dir_jobs.c, job_board.c: jobs that this or another process runs --- */

extern const struct node_ops jobs_ops, job_dir_ops, job_file_ops, job_status_ops,
	job_wait_ops;
MUST_CHECK struct err *board_new(struct job_board **ret);
void board_free(struct job_board *b); /* accepts NULL */
/* Somebody wants to know what becomes of jobs from now on, until board_leave: how many
 * changes were told. */
uint64_t board_join(struct mount *m);
void board_leave(struct mount *m);
/* Look what has become of jobs, if somebody wants to know. */
void board_look(struct mount *m);
/* Changes since *seen, a line each; *seen is brought up to date. */
void board_read(struct mount *m, uint64_t *seen, struct buf *out);

/* --- dir_udfs.c --- */

extern const struct node_ops udfs_ops, udf_ops, udf_program_ops;
/* rm udfs/NAME: forget the function; EBUSY while columns are made by it. */
MUST_CHECK struct err *udf_unlink(struct mount *m, const char *name);

/* --- dir_branches.c --- */

/* The branch whose directory has the name; *ret_found false: none.  branch_fini
 * releases. */
MUST_CHECK struct err *branch_find(struct mount *m, const char *name, bool *ret_found,
				   struct table_branch *ret);
void branch_fini(struct table_branch *b); /* accepts zeroed */

/* --- dir_database.c: tables and namespaces as directories --- */

struct database;

/* Is the store a database: tables or a catalogue in it? */
MUST_CHECK struct err *database_found(struct io_store *store, bool *ret);
MUST_CHECK struct err *database_new(struct mount *m, struct database **ret);
void database_free(struct database *d); /* accepts NULL */
/* Open the tables that have jobs to be run, which lets them be run. */
MUST_CHECK struct err *database_adopt(struct mount *m);
DEFINE_AUTO(database, database_free)

/* --- the server --- */

/* --- metrics.c --- */

enum metric_op {
	METRIC_LOOKUP,
	METRIC_GETATTR,
	METRIC_OPEN,
	METRIC_READ,
	METRIC_WRITE,
	METRIC_FLUSH,
	METRIC_FSYNC,
	METRIC_RELEASE,
	METRIC_READDIR,
	METRIC_CREATE,
	METRIC_UNLINK,
	METRIC_RENAME,
	METRIC_XATTR,

	N_METRIC_OPS,
};

struct metrics {
	atomic_ullong n_requests[N_METRIC_OPS], request_ns[N_METRIC_OPS];
	atomic_ullong n_errors, read_bytes, written_bytes, n_commits;
	atomic_llong n_handles, n_parked;
};

/* Prometheus' text format, of the server and of one table. */
void metrics_render(struct mount *m, struct buf *out);

struct timer {
	struct metrics *metrics;
	enum metric_op op;
	int64_t start_ns;
};
struct timer timer_start(struct metrics *metrics, enum metric_op op);
void timer_stop(struct timer *t);

/* --- auto_job.c: jobs that are begun by themselves --- */

bool auto_jobs_wanted(const struct mount *m);
/* Is there one of that name that has not ended, and is at it or will be? */
MUST_CHECK struct err *auto_job_find(struct mount *m, const char *what, bool *ret);
/* Is any at work? */
MUST_CHECK struct err *auto_job_running(struct mount *m, bool *ret);
MUST_CHECK struct err *auto_job_begin(struct mount *m, const char *line,
				      const char *what);

/* --- auto_compact.c --- */

/* Begin a compaction if the options want one of what the version is, once for each. */
void auto_compact(struct mount *m, struct version *v);

/* --- auto_backfill.c --- */

/* Begin jobs for columns that are to be filled by themselves and have rows that nobody
 * has computed, once for each version. */
void auto_backfill(struct mount *m, struct version *v);

/* --- parked.c: reads that wait, without a thread each --- */

struct parked_list {
	pthread_mutex_t lock;
	struct parked *first; /* guarded by .lock; owned */
};

/* Answer the read, now or when there is something to tell. */
void parked_read(fuse_req_t req, struct server *s, struct handle *h, size_t len);
/* Answer those that have something to tell now. */
void parked_answer(struct server *s);
/* Answer all, for the end. */
void parked_cancel(struct server *s);

/* --- tasks.c: requests that take long, on a few threads of their own --- */

#define MAX_TASK_THREADS 8

struct task {
	struct task *next;     /* guarded by the lock of the server's tasks */
	struct server *server; /* borrowed */
	fuse_req_t req;	       /* guarded by the same; NULL once it is answered */
	bool has_begun;	       /* guarded by the same */
	bool is_parked;	       /* guarded by the same */
	unsigned n_wakes;      /* guarded by the same; when it was last begun */
	bool parks;	       /* of the thread that runs it */
	atomic_bool is_interrupted;
	void (*run)(struct task *t);  /* to its end with task_answer() */
	void (*free)(struct task *t); /* called in any case, at last */
};

struct tasks {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct task *all;   /* guarded by .lock; owned; those that are not done */
	unsigned n_waiting; /* tasks that have not begun; guarded by .lock */
	unsigned n_wakes;   /* of those that are parked; guarded by .lock */
	unsigned n_idle;    /* threads; guarded by .lock */
	bool is_ending;	    /* guarded by .lock */
	unsigned n_threads; /* guarded by .lock */
	pthread_t threads[MAX_TASK_THREADS];
};

/* Let a thread run t, and answer req when it is done.  Takes both. */
void task_submit(fuse_req_t req, struct task *t);
/* From .run: it is to be run again, before long, instead of being answered now. */
void task_park(struct task *t);
/* Let those be run that are parked. */
void tasks_wake(struct server *s);
/* Answer t's write, unless an interrupt has. */
void task_answer(struct task *t, int code, size_t written);
void tasks_init(struct tasks *l);
/* Unmount; wait for what has begun, drop what has not. */
void tasks_end(struct server *s);

/* --- runner.c: jobs --- */

MUST_CHECK struct err *runner_new(struct server *s);
/* Its threads; after the process went to the background. */
MUST_CHECK struct err *runner_start(struct server *s);
/* Run a job of the mount's table soon. */
MUST_CHECK struct err *runner_submit(struct mount *m, uint64_t id);
/* The same for all that wait for somebody, unless the mount is to leave them.  What
 * keeps it from that is only logged. */
void runner_adopt(struct mount *m);
/* The same for those that another process ran then, if it has ended soon after. */
void runner_look(struct server *s);
/* The mount ends: tell those that run, begin no other. */
void runner_interrupt(struct server *s);
/* Wait for them; false: one does not end, and works with what is the server's. */
bool runner_end(struct server *s);
void runner_free(struct server *s);

/* --- writer.c: who writes a command --- */

/* The process, its ids, groups and working directory. */
MUST_CHECK struct err *writer_new(fuse_req_t req, struct server *s,
				  struct writer **ret);
void writer_free(struct writer *w);
DEFINE_AUTO(writer, writer_free)
pid_t writer_pid(const struct writer *w);
/* The user who mounted. */
bool writer_is_owner(const struct writer *w);
/* Open a file that it names for reading, with its rights; one of this mount is read
 * without asking the kernel.  EPERM if lancefs cannot act for it. */
MUST_CHECK struct err *writer_open(const struct writer *w, const char *file,
				   struct command_file *ret);
/* Create or replace a file; EPERM unless it is the user who mounted. */
MUST_CHECK struct err *writer_create(const struct writer *w, const char *file,
				     int *ret_fd);
/* A file or a directory of elsewhere, with its rights. */
MUST_CHECK struct err *writer_open_fd(const struct writer *w, const char *path,
				      int *ret_fd);
/* EPERM unless programs of that user are run: of who mounted, and udf-users=. */
MUST_CHECK struct err *server_check_programs(const struct server *s, uid_t uid);
MUST_CHECK struct err *writer_check_programs(const struct writer *w);
/* The device number of what is mounted there, without asking it; 0 if unknown. */
dev_t mount_device(const char *mountpoint);

struct server {
	struct mount_options options;
	struct log log;
	struct roots *roots; /* owned reference; of all tables */
	struct fuse_session *session;
	char *mountpoint; /* owned; absolute, with no link in it */
	struct inode_table inodes;
	struct mount *mount;   /* owned reference; what SOURCE is */
	struct watch *watch;   /* owned */
	struct runner *runner; /* owned */
	struct metrics metrics;
	struct parked_list parked;
	struct tasks tasks;
	size_t max_write;      /* bytes in one request */
	dev_t device;	       /* the mount's; 0: not known */
	atomic_ullong n_fresh; /* nodes given to lookups of .is_fresh */
	pthread_mutex_t handles_lock;
	struct handle
		*handles; /* guarded by .handles_lock; owned: those that are open */
};

/* --- memo.c: small facts about content, by its key --- */

/* What is remembered of a column's content or a view. */
enum memo_kind {
	MEMO_SIZE,
	MEMO_TIME,
	MEMO_TOUCHED,
	MEMO_EXTENSION,
	N_MEMO_KINDS,
};

/* Loads what was kept: sizes from cache-dir, times that users set from the
 * dataset's state.  What cannot be loaded is only logged. */
MUST_CHECK struct err *memo_open(struct mount *m, struct memo **ret);
void memo_free(struct memo *memo);
/* Write down what is new; failures are only logged. */
void memo_save(struct mount *m);
bool memo_get(struct memo *memo, enum memo_kind kind, uint64_t key, uint64_t *ret);
void memo_put(struct memo *memo, enum memo_kind kind, uint64_t key, uint64_t value);

/* --- report.c --- */

/* The one place where an error ends: logs it, keeps it for last_error if it is
 * the user's or the data's, frees it; the errno to reply. */
int report(struct mount *m, pid_t pid, const char *path, struct err *err);
/* last_error's text. */
void failures_render(struct mount *m, struct buf *out);
uint64_t failures_count(struct mount *m);

/* --- process.c: who is calling --- */

/* The process of a thread id; pid itself if it is unknown. */
pid_t process_of(pid_t tid);
bool process_lives(pid_t pid);
/* Some process has the file of this inode number open, by any of its descriptors. */
bool file_is_held(uint64_t ino);
/* The thread is exiting, by a signal or with a status that is not 0. */
bool process_fails(pid_t tid);
/* "cp[1234]" */
void process_name(pid_t pid, char *dst, size_t size);

/* --- the kinds --- */

extern const struct node_ops root_ops, database_ops, namespace_ops, columns_ops,
	rows_ops, row_ops, versions_ops, version_dir_ops, latest_link_ops,
	binary_dir_ops, rejected_ops, append_ops, joins_ops, join_ops, tags_ops,
	fragments_ops, fragment_ops, data_files_ops, indices_ops, table_dir_ops,
	branches_ops, branch_dir_ops;
extern const struct node_ops column_file_ops, value_file_ops, text_file_ops,
	staged_file_ops, rejected_file_ops, control_ops, tag_link_ops, data_file_ops,
	table_file_ops, part_file_ops, events_ops, metrics_ops;

/* file_text.c: generated files of a directory: info, schema, history ... */
MUST_CHECK struct err *text_lookup(struct mount *m, struct node *dir, const char *name,
				   struct node **ret);
/* Entry i of the texts of a directory; false past the last. */
bool text_entry(struct mount *m, struct node *dir, struct version *v, size_t i,
		const char **ret_name, uint64_t *ret_ino);

/* The same for indices/NAME.json. */
MUST_CHECK struct err *index_node(const struct node *dir, struct version *v,
				  const char *name, struct node **ret);
uint64_t index_ino(const struct node *dir, const struct version *v, const char *name);

/* file_column.c: columns/NAME.FORMAT of a directory: live or frozen, of all
 * fragments or of one */
MUST_CHECK struct err *column_node(const struct node *dir, struct version *v,
				   struct field *f, const struct format_ops *format,
				   struct node **ret);
uint64_t column_ino(const struct node *dir, const struct version *v,
		    const struct field *f, const struct format_ops *format);
/* file_part.c: columns/A.B.FORMAT and columns/A.mask.FORMAT; *ret NULL if there is no
 * such part. */
MUST_CHECK struct err *part_lookup(const struct node *dir, struct version *v,
				   const char *stem, const struct format_ops *format,
				   struct node **ret);
/* view_file.c: .attr and .read of kinds that have a .view */
MUST_CHECK struct err *view_attr(struct mount *m, struct node *n, bool is_exact,
				 struct stat *st, double *ret_timeout);
MUST_CHECK struct err *view_read(struct mount *m, struct handle *h, uint64_t off,
				 size_t len, uint8_t *dst, size_t *ret_len);
/* The view that a node of such a kind is. */
MUST_CHECK struct err *node_view(struct mount *m, struct node *n, struct view **ret);
/* file_live.c: .attr of files that have no size and are never cached */
MUST_CHECK struct err *live_attr(struct mount *m, struct node *n, bool is_exact,
				 struct stat *st, double *ret_timeout);
/* .attr of what shows a column or a part of it */
MUST_CHECK struct err *column_attr(struct mount *m, struct node *n, bool is_exact,
				   struct stat *st, double *ret_timeout);
MUST_CHECK struct err *column_time(struct mount *m, struct version *v,
				   const struct field *f, int64_t *ret_ns);

/* Columns that are directories of one file a row. */
static inline bool column_is_binary(struct field *f)
{
	return (type_is_binary(f->type->id) || f->type->id == TYPE_FIXED_BINARY) &&
	       !format_natural_field(f);
}

/* Has `list` (separated by commas or, within -o, by colons) this word? */
bool list_has(const char *list, const char *word);

/* file_value.c: one value, in rows/N/ and columns/BINARY/; *ret is NULL if the
 * value is null */
MUST_CHECK struct err *value_node(struct mount *m, struct version *v, struct field *f,
				  uint64_t row, bool is_frozen, struct node **ret);
uint64_t value_ino(const struct mount *m, const struct version *v,
		   const struct field *f, uint64_t row, bool is_frozen);
/* media.c: the file extension of a binary column's values ("jpg"), and what a value is
 * to desktop programs ("image/jpeg"); borrowed */
const char *value_extension(struct mount *m, struct version *v, struct field *f);
const char *value_mime(struct mount *m, struct version *v, struct field *f);

/* --- staging.c --- */

struct staging;

MUST_CHECK struct err *staging_new(struct mount *m, struct staging **ret);
void staging_free(struct staging *s);
/* What is dropped into columns/ becomes a column, into append/ rows, into joins/KEY/
 * values of the rows that have its keys. */
extern const struct drop_place place_columns, place_append;
/* The place joins/KEY, which lives as long as the mount.  Borrowed. */
MUST_CHECK struct err *place_of_key(struct mount *m, const char *key,
				    const struct drop_place **ret);
void place_free(struct drop_place *first);		/* and those behind it */
const char *place_name(const struct drop_place *place); /* "columns" */
/* The staged file of that name, referenced; NULL if there is none that this
 * thread's process may see: a replacement is seen by its writer only. */
struct staged *staging_find(struct mount *m, const struct drop_place *place,
			    const char *name, pid_t tid);
/* Create one; errors are create(2)'s. */
MUST_CHECK struct err *staging_create(struct mount *m, const struct drop_place *place,
				      const char *name, pid_t pid, struct staged **ret);
/* List the files of a place behind the first entries; off as of readdir. */
void staging_list(struct mount *m, const struct drop_place *place, uint64_t first,
		  uint64_t off, const struct list_sink *sink);
struct staged *staged_ref(struct staged *s);
void staged_unref(struct staged *s);
DEFINE_AUTO(staged, staged_unref)
MUST_CHECK struct err *staged_node(struct staged *s, struct node **ret);
/* Until it is cut to nothing, s has the bytes of a live column's node. */
MUST_CHECK struct err *staged_show(struct staged *s, struct node *column);
MUST_CHECK struct err *staged_truncate(struct mount *m, struct staged *s,
				       uint64_t size);
void staged_touch(struct staged *s, int64_t mtime_ns);
MUST_CHECK struct err *staged_set_xattr(struct staged *s, const char *name,
					const void *value, size_t len);
/* rename(2) of a staged or rejected file to a name in a place. */
MUST_CHECK struct err *staging_rename(struct mount *m, const struct drop_place *place,
				      const char *from, const char *to, pid_t pid);
MUST_CHECK struct err *staging_retry(struct mount *m, const struct drop_place *place,
				     const char *rejected, const char *to, pid_t pid);
/* false if there is no such staged file, or it was committed already. */
bool staging_remove(struct mount *m, const struct drop_place *place, const char *name);
/* An open for writing of a live column was answered ESTALE: the next lookup of
 * this node by this thread gets a staging node. */
void staging_expect(struct mount *m, uint64_t ino, pid_t tid);
bool staging_expected(struct mount *m, uint64_t ino, pid_t tid);
/* Drop staged files that are idle for long; called about once a second. */
void staging_expire(struct mount *m);
/* Is a column being written? */
bool staging_is_busy(struct mount *m);

/* --- gestures.c: what mv, rm, ln -s and setfattr mean --- */

/* mv columns/FROM columns/TO */
MUST_CHECK struct err *gesture_rename(struct mount *m, const char *from,
				      const char *to);
/* rm columns/FILE; EPERM unless allow-drop */
MUST_CHECK struct err *gesture_drop(struct mount *m, const char *file);
/* setfattr -n user.lance.metadata.KEY of a column; value NULL: setfattr -x */
MUST_CHECK struct err *gesture_describe(struct mount *m, const struct node *n,
					const char *key, const void *value, size_t len);
/* ln -s ../versions/N tags/NAME, and rm tags/NAME */
MUST_CHECK struct err *gesture_tag(struct mount *m, const char *name,
				   const char *target);
MUST_CHECK struct err *gesture_untag(struct mount *m, const char *name);

/* --- rejected.c --- */

MUST_CHECK struct err *rejected_open(struct mount *m, const char *name, int *ret_fd);
/* Keep what could not be committed: link the spool file, write NAME.error; without
 * the file (-1) only that. */
MUST_CHECK struct err *rejected_keep(struct mount *m, const struct drop_place *place,
				     const char *name, int spool_fd, const char *why);
MUST_CHECK struct err *rejected_remove(struct mount *m, const char *name);
/* A rejected file was tried again, and why it stays. */
void rejected_explain(struct mount *m, const struct drop_place *place, const char *name,
		      const char *why);
/* The directory SOURCE/_lancefs/NAME, made if it must be; a descriptor. */
MUST_CHECK struct err *state_dir(struct mount *m, const char *name, int *ret_fd);
/* Remove the directories that hold nothing. */
void state_tidy(struct mount *m);

/* --- watch.c --- */

MUST_CHECK struct err *watch_new(struct server *s);
/* Its thread; after the process went to the background. */
MUST_CHECK struct err *watch_start(struct server *s);
void watch_stop(struct server *s);
void watch_free(struct server *s);
/* Watch a mount from now on, and no longer. */
void watch_add(struct mount *m);
void watch_remove(struct mount *m);
/* Load a new version if one is known to be there; costs a read of inotify. */
void watch_poll(struct mount *m);
/* A version was committed here: let the watcher invalidate entries. */
void watch_wake(struct server *s);

/* --- ops.c, ops_file.c, options.c --- */

/* Close what is still open, once no request is served any more. */
void handles_close_all(struct server *s);

extern const struct fuse_lowlevel_ops lancefs_ops;
MUST_CHECK struct err *options_parse(struct fuse_args *args, struct mount_options *ret);
void options_fini(struct mount_options *o);
void options_usage(void);

#endif
