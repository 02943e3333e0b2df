/* SPDX-License-Identifier: MIT */
/*
 * The library can be loaded late, by a program that was not linked with it: its thread-local error
 * text must fit what the dynamic linker keeps in reserve, and be each thread's own. Knows the
 * library by the names of functions only.
 */
#include <dlfcn.h>
#include <ioasid/ioasid.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

static struct {
	__typeof__(ioasid_last_error) *last_error;
	__typeof__(ioasid_check_extension) *check_extension;
} library;

static void *text_of_another_thread(void *arg)
{
	const char **problem = arg;

	*problem = strlen(library.last_error()) ? "a thread has another one's text" : NULL;
	return NULL;
}

/* NULL, or what is wrong. */
static const char *try_errors(void)
{
	const char *problem;
	pthread_t thread;

	if (strlen(library.last_error()))
		return "there is a text before any failure";
	if (library.check_extension(NULL, 0) >= 0)
		return "no context was good enough";
	if (!strstr(library.last_error(), "ioasid_check_extension"))
		return "the text does not name the call";
	if (pthread_create(&thread, NULL, text_of_another_thread, &problem))
		return "no thread";
	pthread_join(thread, NULL);
	return problem;
}

/* The one way from an object pointer to a function that C and POSIX both bless. */
static int look_up(void *handle, const char *name, void *function)
{
	void *found = dlsym(handle, name);

	memcpy(function, &found, sizeof(found));
	return found ? 0 : -1;
}

int main(int argc, char **argv)
{
	void *handle = argc == 2 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : NULL;
	const char *problem;

	if (!handle) {
		fprintf(stderr, "dlopen: %s\n", argc == 2 ? dlerror() : "which library?");
		return 1;
	}
	if (look_up(handle, "ioasid_last_error", &library.last_error) ||
		look_up(handle, "ioasid_check_extension", &library.check_extension)) {
		fprintf(stderr, "dlopen: %s\n", dlerror());
		return 1;
	}
	problem = try_errors();
	if (problem)
		fprintf(stderr, "dlopen: %s\n", problem);
	return problem || dlclose(handle) ? 1 : 0;
}
