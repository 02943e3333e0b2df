/* SPDX-License-Identifier: MIT */
/*
 * The command line of vsva: see options.h.
 */
#include "options.h"
#include "../common/arguments.h"
#include <getopt.h>
#include <limits.h>
#include <stdio.h>

static const char usage[] =
	"Usage: vsva FILE -o OUT [OPTION]...\n"
	"Copy FILE to OUT by the DMA of a simulated device that works with the addresses of a\n"
	"guest's processes: each process's own page table, in guest memory, serves the processor\n"
	"and the device, and each page comes when either touches it first.\n"
	"\n"
	"  -o, --output OUT               the copy; appears only when it is complete\n"
	"  -p, --processes N              processes that share the work, 1 to 16 (2)\n"
	"  -f, --frames N                 4 KiB frames of guest memory for each of them, 48 to\n"
	"                                 4096 (64); it works on 128 pages at a time\n"
	"      --forget-invalidation[=N]  do not pass on the N-th (1st) invalidation: see the\n"
	"                                 platform report what goes wrong\n"
	"  -h, --help                     print this, and end\n"
	"\n"
	"The last line says what was done: pages that the device asked for, pages that the\n"
	"processor had touched before it, which the device never asks for, invalidations, MiB/s.\n"
	"Exit status: 0 if FILE was copied whole and nothing stale was used; 1 if not; 2 if the\n"
	"command line is wrong.\n";

#define FORGET 256

static const struct option names[] = {
	{"output", required_argument, NULL, 'o'},
	{"processes", required_argument, NULL, 'p'},
	{"frames", required_argument, NULL, 'f'},
	{"forget-invalidation", optional_argument, NULL, FORGET},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

static int take(struct options *options, int name)
{
	switch (name) {
	case 'o':
		options->out = optarg;
		return 0;
	case 'p':
		return arguments_number(
			optarg, (struct arguments_range){1, 16}, &options->processes);
	case 'f':
		return arguments_number(
			optarg, (struct arguments_range){48, 4096}, &options->frames);
	case FORGET:
		return arguments_number(optarg ? optarg : "1", (struct arguments_range){1, INT_MAX},
			&options->forget);
	case 'h':
		options->help = true;
		return 0;
	default:
		return arguments_wrong("the command line is not understood", "");
	}
}

int options_parse(struct options *options, int argc, char **argv)
{
	int name;

	*options = (struct options){.processes = 2, .frames = 64};
	while ((name = getopt_long(argc, argv, "o:p:f:h", names, NULL)) != -1)
		if (take(options, name))
			return -1;
	if (options->help) {
		fputs(usage, stdout);
		return 0;
	}
	if (arguments_files(argc, argv, options->out))
		return -1;
	options->in = argv[optind];
	return 0;
}
