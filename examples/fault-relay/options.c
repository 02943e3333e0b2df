/* SPDX-License-Identifier: MIT */
/*
 * The command line of fault-relay: see options.h.
 */
#include "options.h"
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

static const char usage[] =
	"Usage: fault-relay FILE -o OUT [OPTION]...\n"
	"Copy FILE to OUT by the DMA of simulated devices, in a virtual machine whose guest has\n"
	"no page of either in memory until a device faults on it.\n"
	"\n"
	"  -o, --output OUT         the copy; appears only when it is complete\n"
	"  -d, --devices N          devices that share the work, 1 to 128 (4)\n"
	"  -p, --pages-per-group N  most pages of one page request group, 1 to 512 (8)\n"
	"  -h, --help               print this, and end\n"
	"\n"
	"The last line says what was done: faults read, groups answered, pages asked for, MiB/s,\n"
	"and the time from raising a fault to its answer in microseconds. Exit status: 0 if FILE\n"
	"was copied whole and each group was read once and answered once; 1 if not; 2 if the\n"
	"command line is wrong.\n";

static const struct option names[] = {
	{"output", required_argument, NULL, 'o'},
	{"devices", required_argument, NULL, 'd'},
	{"pages-per-group", required_argument, NULL, 'p'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

static int wrong(const char *what, const char *value)
{
	fprintf(stderr, "fault-relay: %s%s\nTry 'fault-relay --help'.\n", what, value);
	return -1;
}

/* A decimal number from 1 to max; strtoul() alone would take signs and spaces. */
static int number(const char *text, unsigned int max, unsigned int *value)
{
	unsigned long parsed;
	char *end;

	errno = 0;
	parsed = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || !parsed || parsed > max) {
		fprintf(stderr, "fault-relay: not a number from 1 to %u: '%s'\n", max, text);
		return -1;
	}
	*value = (unsigned int)parsed;
	return 0;
}

static int take(struct options *options, int name)
{
	switch (name) {
	case 'o':
		options->out = optarg;
		return 0;
	case 'd':
		return number(optarg, OPTIONS_DEVICES_MAX, &options->devices);
	case 'p':
		return number(optarg, OPTIONS_GROUP_PAGES_MAX, &options->group_pages);
	case 'h':
		options->help = true;
		return 0;
	default:
		return wrong("the command line is not understood", "");
	}
}

static int check(struct options *options, int argc, char **argv)
{
	if (optind == argc || !*argv[optind])
		return wrong("which FILE?", "");
	if (optind + 1 < argc)
		return wrong("more than one FILE: ", argv[optind + 1]);
	if (!options->out || !*options->out)
		return wrong("where to? There is no -o OUT", "");
	options->in = argv[optind];
	return 0;
}

int options_parse(struct options *options, int argc, char **argv)
{
	int name;

	*options = (struct options){.devices = 4, .group_pages = 8};
	while ((name = getopt_long(argc, argv, "o:d:p:h", names, NULL)) != -1)
		if (take(options, name))
			return -1;
	if (!options->help)
		return check(options, argc, argv);
	fputs(usage, stdout);
	return 0;
}
