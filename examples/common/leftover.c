/* SPDX-License-Identifier: MIT */
/*
 * The one file that must not stay behind: see leftover.h. A signal handler has no argument of ours,
 * so the name is static; it is never freed or changed, for a handler may read it on any thread.
 */
#include "leftover.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static const int signals[] = {SIGHUP, SIGINT, SIGPIPE, SIGQUIT, SIGTERM, SIGXCPU, SIGXFSZ};

#define SIGNALS (sizeof(signals) / sizeof(signals[0]))

static char name[PATH_MAX]; /* empty: there is no such file */

void leftover_remove(void)
{
	unlink(name);
}

/* The signal has its default effect again, and takes it as soon as this returns. */
static void remove_and_end(int signal)
{
	leftover_remove();
	raise(signal);
}

/* What is ignored, as by nohup, stays ignored. */
static void watch(int signal)
{
	struct sigaction action = {.sa_handler = remove_and_end}, old;

	action.sa_flags = (int)SA_RESETHAND;
	sigemptyset(&action.sa_mask);
	if (!sigaction(signal, NULL, &old) && old.sa_handler != SIG_IGN)
		sigaction(signal, &action, NULL);
}

/* The name is written down once the file is there: until then it could be somebody else's. */
static int create(const char *path, mode_t mode)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode);

	if (fd < 0)
		return -1;
	memcpy(name, path, strlen(path) + 1);
	for (size_t i = 0; i < SIGNALS; i++)
		watch(signals[i]);
	return fd;
}

int leftover_create(const char *path, mode_t mode)
{
	sigset_t all, before;
	int fd, error;

	if (strlen(path) >= sizeof(name)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	/* No signal comes between the file and its handler. */
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before);
	fd = create(path, mode);
	error = errno;
	sigprocmask(SIG_SETMASK, &before, NULL);
	errno = error;
	return fd;
}
