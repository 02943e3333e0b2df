/* SPDX-License-Identifier: MIT */
/*
 * What a context can do: see context.h.
 */
#include "context.h"
#include "../must.h"

/* Answers of ioasid_check_extension(), by what it means for a VMM. */
static const struct {
	const char *key;
	uint32_t extension;
} abilities[] = {
	{"registers_memory", IOASID_EXT_REGISTER_MEMORY},
	{"pins_at_registration", IOASID_EXT_REGISTER_PINS},
	{"maps_before_attach", IOASID_EXT_MAP_BEFORE_ATTACH},
	{"maps_files_directly", IOASID_EXT_MAP_FILE},
	{"moves_routes_without_a_gap", IOASID_EXT_REPLACE_ATOMIC},
	{"attaches_groups_one_by_one", IOASID_EXT_GROUP_STRICT},
	{"nests_in_software_by_itself", IOASID_EXT_NEST_SOFTWARE},
	{"delivers_page_requests", IOASID_EXT_FAULT_QUEUE},
	{"answers_failure_as_failure", IOASID_EXT_RESPONSE_FAILURE},
};

/* Intents of a space: what no backend can ever serve is refused when it is made. */
static const struct {
	const char *key;
	uint32_t flags;
} intents[] = {
	{"nesting_parents", IOASID_SPACE_NEST_PARENT},
	{"dirty_tracking", IOASID_SPACE_DIRTY_TRACKING},
	{"small_pages", IOASID_SPACE_SMALL_PAGES},
};

static int takes(struct ioasid_ctx *ctx, uint32_t flags)
{
	struct ioasid_space_opts opts = {.size = sizeof(opts), .flags = flags};
	struct ioasid_space *space;

	if (ioasid_space_new(ctx, &opts, &space))
		return 0;
	must(ioasid_space_destroy(space));
	return 1;
}

static void show_abilities(struct out *out, struct ioasid_ctx *ctx)
{
	out_open(out, "abilities");
	for (unsigned int i = 0; i < sizeof(abilities) / sizeof(abilities[0]); i++)
		out_yes(out, abilities[i].key,
			must(ioasid_check_extension(ctx, abilities[i].extension)));
	for (unsigned int i = 0; i < sizeof(intents) / sizeof(intents[0]); i++)
		out_yes(out, intents[i].key, takes(ctx, intents[i].flags));
	out_close(out);
}

void context_show_ranges(struct out *out, struct ioasid_space *space)
{
	struct ioasid_range ranges[64];
	int n = ioasid_space_ranges(space, ranges, 64);

	out_open_list(out, "usable_addresses");
	if (n < 0)
		out_none(out, ioasid_last_error());
	for (int i = 0; i < n && i < 64; i++)
		out_range(out, ranges[i].first, ranges[i].last);
	out_close(out);
}

void context_show(struct out *out, struct ioasid_ctx *ctx)
{
	struct ioasid_space *space;

	show_abilities(out, ctx);
	must(ioasid_space_new(ctx, NULL, &space));
	context_show_ranges(out, space);
	must(ioasid_space_destroy(space));
}
