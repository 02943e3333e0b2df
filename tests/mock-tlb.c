/* SPDX-License-Identifier: MIT */
/*
 * Of the mock, its caches of translations: what they tell apart, what an invalidation takes along,
 * and the TLB that a device has of its own, which must never show what the library took away.
 */
#include "mock/space.h"
#include "mockkit.h"

#define MIB (UINT64_C(1) << 20)

/* The cache by itself */

struct cache {
	struct iotlb tlb;
	struct mock_space space[2];
	unsigned char memory[16];
};

static void cache_begin(struct cache *cache, uint32_t entries)
{
	*cache = (struct cache){.space = {{.id = 1}, {.id = 2}}};
	ck_assert_int_eq(iotlb_init(&cache->tlb, entries), 0);
}

static struct iotlb_tag tag_of(const struct cache *cache, int space)
{
	return (struct iotlb_tag){.space = &cache->space[space], .pasid = NOBODY, .shift = 12};
}

static void fill(
	struct cache *cache, const struct iotlb_tag *tag, uint64_t base, unsigned int shift)
{
	struct mock_page page = {.host = cache->memory, .perms = IOASID_MAP_READ, .shift = shift};

	iotlb_fill(&cache->tlb, tag, base, &page);
}

static bool finds(struct cache *cache, const struct iotlb_tag *tag, uint64_t base)
{
	struct mock_page page;

	return iotlb_find(&cache->tlb, tag, base, IOASID_MAP_READ, &page);
}

START_TEST(a_tag_is_a_space_a_pasid_and_a_mode)
{
	struct cache cache;
	struct iotlb_tag tag, other;

	cache_begin(&cache, 1);
	tag = tag_of(&cache, 0);
	fill(&cache, &tag, 0x5000, 12);
	ck_assert(finds(&cache, &tag, 0x5000));
	ck_assert(!finds(&cache, &tag, 0x6000));
	other = tag_of(&cache, 1);
	ck_assert(!finds(&cache, &other, 0x5000));
	other = tag;
	other.pasid = 0;
	ck_assert(!finds(&cache, &other, 0x5000));
	other = tag;
	other.mode = IOASID_FAULT_PRIV;
	ck_assert(!finds(&cache, &other, 0x5000));
	/* what is not of the tag stays, but for another mode of it */
	other.pasid = 7;
	iotlb_drop(&cache.tlb, &other, 0, UINT64_MAX);
	ck_assert(finds(&cache, &tag, 0x5000));
	other.pasid = NOBODY;
	iotlb_drop(&cache.tlb, &other, 0x5000, 0x5fff);
	ck_assert(!finds(&cache, &tag, 0x5000));
	ck_assert_uint_eq(cache.tlb.valid, 0);
	iotlb_fini(&cache.tlb);
}
END_TEST

START_TEST(a_hit_has_all_that_is_wanted)
{
	struct mock_page page;
	struct cache cache;
	struct iotlb_tag tag;

	cache_begin(&cache, 8);
	tag = tag_of(&cache, 0);
	fill(&cache, &tag, 0, 12);
	ck_assert(iotlb_find(&cache.tlb, &tag, 0, IOASID_MAP_READ, &page));
	ck_assert(!iotlb_find(&cache.tlb, &tag, 0, IOASID_MAP_WRITE, &page));
	ck_assert(!iotlb_find(&cache.tlb, &tag, 0, IOASID_MAP_RW, &page));
	ck_assert_uint_eq(cache.tlb.hits, 1);
	ck_assert_uint_eq(cache.tlb.misses, 2);
	iotlb_fini(&cache.tlb);
}
END_TEST

/* Pieces of a guest's page of 2 MiB, and small pages beside it: caches that are larger than the
 * page, and smaller. */
static const uint32_t cache_sizes[] = {1024, 256};

START_TEST(an_invalidation_drops_all_pieces_of_a_large_page_it_touches)
{
	struct cache cache;
	struct iotlb_tag tag;

	cache_begin(&cache, cache_sizes[_i]);
	tag = tag_of(&cache, 0);
	fill(&cache, &tag, 4 * MIB + 0x3000, 21);
	fill(&cache, &tag, 4 * MIB + 0x5000, 21);
	fill(&cache, &tag, 6 * MIB - PAGE, 21);
	fill(&cache, &tag, 6 * MIB, 12);
	fill(&cache, &tag, 4 * MIB - 2 * PAGE, 12);
	iotlb_drop(&cache.tlb, &tag, 4 * MIB - PAGE, 4 * MIB - 1);
	ck_assert_uint_eq(cache.tlb.valid, 5);
	iotlb_drop(&cache.tlb, &tag, 4 * MIB + 0x9000, 4 * MIB + 0x9fff);
	ck_assert_uint_eq(cache.tlb.valid, 2);
	ck_assert(finds(&cache, &tag, 6 * MIB));
	ck_assert(finds(&cache, &tag, 4 * MIB - 2 * PAGE));
	/* no large page is left: only the address itself is looked at */
	ck_assert_uint_eq(cache.tlb.shifts, 1u << 12);
	iotlb_drop(&cache.tlb, &tag, 6 * MIB, 6 * MIB + PAGE - 1);
	ck_assert_uint_eq(cache.tlb.valid, 1);
	iotlb_drop(&cache.tlb, &tag, 0, UINT64_MAX);
	ck_assert_uint_eq(cache.tlb.valid, 0);
	iotlb_fini(&cache.tlb);
}
END_TEST

START_TEST(pages_of_different_least_sizes_lie_side_by_side)
{
	struct cache cache;
	struct iotlb_tag large, small;

	cache_begin(&cache, 64);
	large = tag_of(&cache, 0);
	large.shift = 16;
	small = tag_of(&cache, 1);
	for (uint64_t i = 0; i < 32; i++) {
		fill(&cache, &large, i << 16, 16);
		fill(&cache, &small, i << 12, 12);
	}
	for (uint64_t i = 0; i < 32; i++) {
		ck_assert(finds(&cache, &large, i << 16) || finds(&cache, &small, i << 12));
		iotlb_drop(&cache.tlb, &large, (i << 16) + 0x4000, (i << 16) + 0x4fff);
		ck_assert(!finds(&cache, &large, i << 16));
	}
	iotlb_drop(&cache.tlb, &small, 0, UINT64_MAX);
	ck_assert_uint_eq(cache.tlb.valid, 0);
	iotlb_fini(&cache.tlb);
}
END_TEST

static bool is_first(const struct iotlb_tag *tag, const void *space)
{
	return tag->space == space;
}

START_TEST(what_a_question_says_goes)
{
	struct cache cache;
	struct iotlb_tag tag[2];

	cache_begin(&cache, 16);
	for (int i = 0; i < 2; i++) {
		tag[i] = tag_of(&cache, i);
		for (uint64_t page = 0; page < 4; page++) {
			tag[i].pasid = (uint32_t)page;
			fill(&cache, &tag[i], page * PAGE + (uint64_t)i * 8 * PAGE, 12);
		}
	}
	iotlb_drop_if(&cache.tlb, is_first, &cache.space[0]);
	ck_assert_uint_le(cache.tlb.valid, 4);
	ck_assert_uint_ge(cache.tlb.valid, 1);
	iotlb_drop_if(&cache.tlb, is_first, &cache.space[1]);
	ck_assert_uint_eq(cache.tlb.valid, 0);
	iotlb_fini(&cache.tlb);
}
END_TEST

/* The TLB of a device */

static const struct rig_opts with_ats = {
	.device = {.flags = IOASID_MOCK_DEVICE_ATS, .pasid_bits = 8}};

START_TEST(a_device_with_ats_asks_its_iommu_once_for_a_page)
{
	unsigned char *memory = support_memory(2 * PAGE, 1), buffer[2 * 4096];
	struct rig rig;

	rig_begin(&rig, &with_ats);
	rig_map(rig.space, 0, memory, 2 * PAGE, IOASID_MAP_RW);
	for (int i = 0; i < 5; i++)
		ok(rig_read(&rig, 0, buffer, 2 * PAGE));
	ck_assert_mem_eq(buffer, memory, 2 * PAGE);
	ck_assert_uint_eq(rig_stats(&rig).iotlb_misses, 2);
	ck_assert_uint_eq(rig_stats(&rig).iotlb_hits, 0);
	ck_assert_uint_eq(rig_stats(&rig).device_tlb_hits, 8);
	ck_assert_uint_eq(rig_stats(&rig).device_tlb_entries, 2);
	rig_end(&rig);
	free(memory);
}
END_TEST

START_TEST(what_a_device_forgot_may_still_be_in_the_iotlb)
{
	struct rig_opts opts = with_ats;
	unsigned char *memory = support_memory(4 * PAGE, 1), buffer[4 * 4096];
	struct rig rig;

	opts.device.tlb_entries = 2;
	rig_begin(&rig, &opts);
	rig_map(rig.space, 0, memory, 4 * PAGE, IOASID_MAP_RW);
	for (int i = 0; i < 2; i++)
		ok(rig_read(&rig, 0, buffer, 4 * PAGE));
	ck_assert_uint_eq(rig_stats(&rig).iotlb_misses, 4);
	ck_assert_uint_eq(rig_stats(&rig).iotlb_hits, 4);
	ck_assert_uint_eq(rig_stats(&rig).device_tlb_hits, 0);
	ck_assert_uint_eq(rig_stats(&rig).device_tlb_entries, 2);
	rig_end(&rig);
	free(memory);
}
END_TEST

START_TEST(an_unmap_empties_the_tlbs_of_all_devices)
{
	unsigned char *memory = support_memory(2 * PAGE, 1), byte;
	struct ioasid_mock_device *hw;
	struct ioasid_attachment *route;
	struct ioasid_device *device;
	struct ioasid_mock_dma dma;
	struct rig rig;

	rig_begin(&rig, &with_ats);
	ok(ioasid_mock_device_new(rig.mock,
		IOASID_OPTS(ioasid_mock_device_opts, .flags = IOASID_MOCK_DEVICE_ATS), &hw));
	device = rig_bind(&rig, hw, 2);
	ok(ioasid_device_attach(device, rig.space, NULL, &route));
	rig_map(rig.space, 0, memory, PAGE, IOASID_MAP_RW);
	rig_map(rig.space, PAGE, memory + PAGE, PAGE, IOASID_MAP_RW);
	dma = rig_dma(&rig, IOASID_MOCK_DMA_READ, 0, &byte, 1);
	for (uint64_t i = 0; i < 2; i++) {
		dma.iova = i * PAGE;
		ok(ioasid_mock_dma(rig.hw, &dma));
		ok(ioasid_mock_dma(hw, &dma));
	}
	ck_assert_uint_eq(rig_stats(&rig).device_tlb_entries, 4);
	ok(ioasid_space_unmap(rig.space, PAGE, PAGE));
	ck_assert_uint_eq(rig_stats(&rig).device_tlb_entries, 2);
	fails(-EFAULT, "no translation", ioasid_mock_dma(rig.hw, &dma));
	fails(-EFAULT, "no translation", ioasid_mock_dma(hw, &dma));
	ok(ioasid_attachment_detach(route));
	ck_assert_uint_eq(rig_stats(&rig).device_tlb_entries, 1);
	ok(ioasid_device_unbind(device));
	rig_end(&rig);
	free(memory);
}
END_TEST

START_TEST(a_change_of_a_parent_reaches_the_devices_of_its_children)
{
	unsigned char *memory = support_memory(2 * PAGE, 1), byte;
	struct ioasid_attachment *route;
	struct ioasid_space *child;
	struct rig rig;

	rig_begin(&rig, &with_ats);
	ok(ioasid_space_new_nested(rig.space, NULL, &child));
	ok(ioasid_device_attach(rig.device, child, NULL, &route));
	rig_map(rig.space, 0x1000, memory, PAGE, IOASID_MAP_RW);
	rig_map(child, 0x2000, (void *)0x1000, PAGE, IOASID_MAP_RW);
	ok(rig_read(&rig, 0x2001, &byte, 1));
	ck_assert_uint_eq(rig_stats(&rig).device_tlb_entries, 1);
	ok(ioasid_space_unmap(rig.space, 0x1000, PAGE));
	ck_assert_uint_eq(rig_stats(&rig).device_tlb_entries, 0);
	rig_map(rig.space, 0x1000, memory + PAGE, PAGE, IOASID_MAP_RW);
	ok(rig_read(&rig, 0x2001, &byte, 1));
	ck_assert_uint_eq(byte, memory[PAGE + 1]);
	ok(ioasid_attachment_detach(route));
	ok(ioasid_space_destroy(child));
	rig_end(&rig);
	free(memory);
}
END_TEST

START_TEST(replace_and_detach_empty_the_tlbs_of_the_route)
{
	unsigned char *memory = support_memory(2 * PAGE, 1), byte;
	struct ioasid_space *space;
	struct rig_opts opts = with_ats;
	struct rig rig;

	opts.platform.flags = _i ? IOASID_MOCK_STRICT : 0;
	opts.pasid = 5;
	rig_begin(&rig, &opts);
	ok(ioasid_space_new(rig.ctx, NULL, &space));
	rig_map(rig.space, 0, memory, PAGE, IOASID_MAP_RW);
	ok(rig_read(&rig, 0, &byte, 1));
	ok(ioasid_attachment_replace(rig.route, space));
	ck_assert_uint_eq(rig_stats(&rig).device_tlb_entries, 0);
	rig_map(space, 0, memory + PAGE, PAGE, IOASID_MAP_RW);
	ok(rig_read(&rig, 0, &byte, 1));
	ck_assert_uint_eq(byte, memory[PAGE]);
	/* from now on it is the other space's to drop */
	ok(ioasid_space_unmap(space, 0, PAGE));
	ck_assert_uint_eq(rig_stats(&rig).device_tlb_entries, 0);
	rig_map(space, 0, memory + PAGE, PAGE, IOASID_MAP_RW);
	ok(rig_read(&rig, 0, &byte, 1));
	ok(ioasid_attachment_detach(rig.route));
	rig.route = NULL;
	ck_assert_uint_eq(rig_stats(&rig).device_tlb_entries, 0);
	ok(ioasid_space_destroy(space));
	rig_end(&rig);
	free(memory);
}
END_TEST

START_TEST(a_close_leaves_nothing_cached)
{
	unsigned char *memory = support_memory(PAGE, 1), byte;
	struct rig rig;

	rig_begin(&rig, &with_ats);
	rig_map(rig.space, 0, memory, PAGE, IOASID_MAP_RW);
	ok(rig_read(&rig, 0, &byte, 1));
	ioasid_close(rig.ctx);
	rig.ctx = NULL;
	ck_assert_uint_eq(rig_stats(&rig).device_tlb_entries, 0);
	ck_assert_uint_eq(rig_stats(&rig).iotlb_entries, 0);
	rig_end(&rig);
	free(memory);
}
END_TEST

void add_tlb_tests(Suite *suite)
{
	TCase *tcase = support_case(suite, "tlb");

	tcase_add_test(tcase, a_tag_is_a_space_a_pasid_and_a_mode);
	tcase_add_test(tcase, a_hit_has_all_that_is_wanted);
	tcase_add_loop_test(
		tcase, an_invalidation_drops_all_pieces_of_a_large_page_it_touches, 0, 2);
	tcase_add_test(tcase, pages_of_different_least_sizes_lie_side_by_side);
	tcase_add_test(tcase, what_a_question_says_goes);
	tcase_add_test(tcase, a_device_with_ats_asks_its_iommu_once_for_a_page);
	tcase_add_test(tcase, what_a_device_forgot_may_still_be_in_the_iotlb);
	tcase_add_test(tcase, an_unmap_empties_the_tlbs_of_all_devices);
	tcase_add_test(tcase, a_change_of_a_parent_reaches_the_devices_of_its_children);
	tcase_add_loop_test(tcase, replace_and_detach_empty_the_tlbs_of_the_route, 0, 2);
	tcase_add_test(tcase, a_close_leaves_nothing_cached);
}
