/* SPDX-License-Identifier: MIT */
/*
 * What this machine offers to a VMM: backends and what each can do, the devices that could be bound
 * with their IOMMU groups, and of one device what only its user learns.
 *
 *   ioasid-info [--json] [--probe DEVICE-FILE]
 *
 * Takes no device from anybody unless --probe names it. Ends with 0 on any machine; with 1 if that
 * device cannot be had.
 */
#include "backends.h"
#include "devices.h"
#include "out.h"
#include "probe.h"
#include <getopt.h>
#include <stdlib.h>

struct wish {
	int json;
	const char *device;
};

static void usage(void)
{
	fprintf(stderr, "usage: ioasid-info [--json] [--probe DEVICE-FILE]\n");
	exit(2);
}

static struct wish parse(int argc, char **argv)
{
	static const struct option options[] = {
		{"json", no_argument, NULL, 'j'},
		{"probe", required_argument, NULL, 'p'},
		{NULL, 0, NULL, 0},
	};
	struct wish wish = {.json = 0};

	for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		if (option == 'j')
			wish.json = 1;
		else if (option == 'p')
			wish.device = optarg;
		else
			usage();
	}
	if (optind != argc)
		usage();
	return wish;
}

int main(int argc, char **argv)
{
	struct wish wish = parse(argc, argv);
	struct out out;
	int failed = 0;

	out_start(&out, stdout, wish.json);
	backends_show(&out);
	devices_show(&out);
	if (wish.device)
		failed = probe_show(&out, wish.device);
	return out_end(&out) || failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
