// SPDX-License-Identifier: Apache-2.0
/*
 * process.c: what /proc says of the callers.
 *
 * FUSE gives the id of a thread.  A process that dies closes its files after its
 * exit code is set, so the flush of a killed writer can be told from the flush
 * of one that closed: /proc/TID/stat shows the exiting flag (field 9) and the
 * exit code in wait status form (field 52).
 * Source: proc(5); PF_EXITING in the kernel's sched.h.
 */
#include "fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#define PF_EXITING 0x4
#define FIELD_FLAGS 9
#define FIELD_EXIT_CODE 52
#define PROC_TEXT 4096

/* The file's text, "" if it cannot be read. */
static void read_proc(pid_t pid, const char *file, char text[PROC_TEXT])
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	text[0] = 0;
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, text, PROC_TEXT - 1) : 0;
	text[n > 0 ? n : 0] = 0;
}

pid_t process_of(pid_t tid)
{
	char text[PROC_TEXT];
	if (tid <= 0)
		return 0;
	read_proc(tid, "status", text);
	const char *line = strstr(text, "\nTgid:");
	int tgid = 0;
	if (!line || sscanf(line, "\nTgid: %d", &tgid) != 1)
		return tid;
	return tgid;
}

bool process_lives(pid_t pid)
{
	return pid <= 0 || kill(pid, 0) == 0 || errno == EPERM;
}

/* Field i (from 3 on) of a stat line; its second field may hold anything. */
static unsigned long stat_field(const char *text, int i)
{
	const char *p = strrchr(text, ')');
	if (!p)
		return 0;
	p++;
	for (int at = 2; at + 1 < i && *p; at++) {
		p += strspn(p, " ");
		p += strcspn(p, " ");
	}
	return strtoul(p, NULL, 10);
}

bool process_fails(pid_t tid)
{
	char text[PROC_TEXT];
	if (tid <= 0)
		return false;
	read_proc(tid, "stat", text);
	return (stat_field(text, FIELD_FLAGS) & PF_EXITING) &&
	       stat_field(text, FIELD_EXIT_CODE) != 0;
}

void process_name(pid_t pid, char *dst, size_t size)
{
	char text[PROC_TEXT];
	read_proc(pid, "comm", text);
	text[strcspn(text, "\n")] = 0;
	if (pid <= 0)
		snprintf(dst, size, "?");
	else
		snprintf(dst, size, "%.15s[%d]", text[0] ? text : "?", (int)pid);
}

/* --- who has a file open --- */

/* One /proc/PID/fdinfo/N says so. */
static bool fdinfo_names(int dir, const char *name, uint64_t ino)
{
	char text[512];
	unsigned long long found = 0;
	AUTO_FD int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : 0;
	text[n > 0 ? n : 0] = 0;
	const char *line = strstr(text, "\nino:");
	return line && sscanf(line, "\nino: %llu", &found) == 1 && found == ino;
}

static bool process_holds(const char *pid, uint64_t ino)
{
	char path[300];
	struct dirent *e;
	bool found = false;
	snprintf(path, sizeof(path), "/proc/%s/fdinfo", pid);
	DIR *d = opendir(path);
	while (d && !found && (e = readdir(d)))
		found = e->d_name[0] != '.' && fdinfo_names(dirfd(d), e->d_name, ino);
	if (d)
		closedir(d);
	return found;
}

bool file_is_held(uint64_t ino)
{
	struct dirent *e;
	bool found = false;
	DIR *d = opendir("/proc");
	while (d && !found && (e = readdir(d)))
		found = e->d_name[0] >= '1' && e->d_name[0] <= '9' &&
			process_holds(e->d_name, ino);
	if (d)
		closedir(d);
	return found;
}
