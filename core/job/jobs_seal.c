// SPDX-License-Identifier: Apache-2.0
/*
 * jobs_seal.c: was a job made by this user?
 *
 * A dataset may come from anywhere, and jobs with it.  One that is made here gets a
 * seal: an HMAC of what it is and where, with a key that only this user has
 * ($XDG_STATE_HOME/lancefs/job-key, of root /var/lib/lancefs/job-key).
 */
#include "job/jobs_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_BYTES 32
#define SEAL_BYTES 32 /* of SHA-256 */

static struct err *key_directory(char **ret)
{
	const char *xdg = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	if (geteuid() == 0)
		return str_dup("/var/lib/lancefs", ret);
	if (xdg && *xdg == '/')
		return str_printf(ret, "%s/lancefs", xdg);
	if (home && *home == '/')
		return str_printf(ret, "%s/.local/state/lancefs", home);
	return err_new(ENOENT, "there is no home directory to keep a key in");
}

/* Make the directories of a path. */
static void make_directories(char *path)
{
	for (char *p = path + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = 0;
		mkdir(path, 0777); /* whether it is there is seen at the end */
		*p = '/';
	}
	mkdir(path, 0700);
}

static bool read_key(const char *path, uint8_t key[KEY_BYTES])
{
	struct stat st;
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	return fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	       st.st_uid == geteuid() && !(st.st_mode & 077) &&
	       read(fd, key, KEY_BYTES) == KEY_BYTES;
}

/* Under a name of its own first, so that nobody reads half of it. */
static struct err *make_key(const char *path)
{
	uint8_t key[KEY_BYTES];
	AUTO_MEM char *scratch = NULL;
	TRY(random_bytes(key, sizeof(key)));
	TRY(str_printf(&scratch, "%s.%ld", path, (long)getpid()));
	AUTO_FD int fd = open(scratch, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_errno(errno, "%s", scratch);
	struct err *err = NULL;
	if (write(fd, key, sizeof(key)) != sizeof(key) || fsync(fd) != 0)
		err = err_errno(errno, "%s", scratch);
	else if (link(scratch, path) != 0 && errno != EEXIST)
		err = err_errno(errno, "%s", path);
	unlink(scratch);
	return err;
}

static struct err *get_key(bool may_make, uint8_t key[KEY_BYTES])
{
	AUTO_MEM char *dir = NULL;
	AUTO_MEM char *path = NULL;
	TRY(key_directory(&dir));
	TRY(str_printf(&path, "%s/job-key", dir));
	if (read_key(path, key))
		return NULL;
	if (may_make) {
		make_directories(dir);
		TRY(make_key(path));
	}
	return read_key(path, key) ? NULL : err_new(ENOENT, "%s is no key", path);
}

static struct err *compute(struct io_store *s, uint64_t id, const char *command,
			   bool may_make, char ret[2 * SEAL_BYTES + 1])
{
	uint8_t key[KEY_BYTES], seal[SEAL_BYTES];
	AUTO_MEM char *place = NULL;
	AUTO_MEM char *text = NULL;
	unsigned len = sizeof(seal);
	TRY(get_key(may_make, key));
	TRY(io_store_real_path(s, &place));
	TRY(str_printf(&text, "%" PRIu64 "\n%s\n%s", id, place, command));
	if (!HMAC(EVP_sha256(), key, sizeof(key), (const uint8_t *)text, strlen(text),
		  seal, &len))
		return err_nomem();
	for (size_t i = 0; i < sizeof(seal); i++)
		snprintf(ret + 2 * i, 3, "%02x", seal[i]);
	return NULL;
}

void job_seal(struct io_store *s, int dir, uint64_t id, const char *command)
{
	char seal[2 * SEAL_BYTES + 1];
	struct err *err = compute(s, id, command, true, seal);
	if (!err)
		err = job_file_replace(dir, "seal", seal, strlen(seal), false);
	err_free(err); /* it will have to be resumed by hand */
}

bool job_is_sealed(struct io_store *s, const struct job_status *status)
{
	char seal[2 * SEAL_BYTES + 1];
	AUTO_FD int dir = -1;
	AUTO_BUF struct buf has = {0};
	bool found = false;
	struct err *err = job_dir_open(s, status->id, &dir);
	if (!err)
		err = job_file_read(dir, "seal", &has, &found);
	if (!err && found)
		err = compute(s, status->id, status->command, false, seal);
	bool good = !err && found && has.len == strlen(seal) &&
		    memcmp(has.data, seal, has.len) == 0;
	err_free(err); /* it is not known to be this user's */
	return good;
}
