/* SPDX-License-Identifier: MIT */
/*
 * The command line of fault-relay: see options.h.
 */
#include "options.h"
#include "../common/arguments.h"
#include <getopt.h>
#include <ioasid/pgtable.h>
#include <stdio.h>
#include <string.h>

static const char usage[] =
	"Usage: fault-relay FILE -o OUT [OPTION]...\n"
	"Copy FILE to OUT by the DMA of simulated devices, in a virtual machine whose guest has\n"
	"no page of either in memory until a device faults on it.\n"
	"\n"
	"  -o, --output OUT         the copy; appears only when it is complete\n"
	"  -d, --devices N          devices that share the work, 1 to 128 (4)\n"
	"  -p, --pages-per-group N  most pages of one page request group, 1 to 512 (8)\n"
	"  -m, --mode MODE          how the guest's IOMMU works: 'software': each map is a call\n"
	"                           of the VMM (the default); 'vtd', 'smmuv3', 'amd': the guest\n"
	"                           writes page tables of that format into its memory, where the\n"
	"                           hardware walks them, and the VMM passes on invalidations\n"
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
	{"mode", required_argument, NULL, 'm'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

static const struct {
	const char *name;
	uint32_t format;
} modes[] = {
	{"software", 0},
	{"vtd", IOASID_PGTABLE_VTD_S1},
	{"smmuv3", IOASID_PGTABLE_SMMUV3_S1},
	{"amd", IOASID_PGTABLE_AMD_V2},
};

static int mode(const char *name, uint32_t *format)
{
	for (unsigned int i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (strcmp(name, modes[i].name))
			continue;
		*format = modes[i].format;
		return 0;
	}
	return arguments_wrong("no such mode: ", name);
}

static int take(struct options *options, int name)
{
	switch (name) {
	case 'o':
		options->out = optarg;
		return 0;
	case 'd':
		return arguments_number(optarg, (struct arguments_range){1, OPTIONS_DEVICES_MAX},
			&options->devices);
	case 'p':
		return arguments_number(optarg,
			(struct arguments_range){1, OPTIONS_GROUP_PAGES_MAX},
			&options->group_pages);
	case 'm':
		return mode(optarg, &options->pgtable_format);
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

	*options = (struct options){.devices = 4, .group_pages = 8};
	while ((name = getopt_long(argc, argv, "o:d:p:m:h", names, NULL)) != -1)
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
