/* SPDX-License-Identifier: MIT */
/*
 * What a leaf's table names for an operation that the leaf lacks, so that the table reads as a list
 * of what works. Knows no leaf: it asks the backend for its name.
 */
#include "backend.h"
#include "error.h"
#include <errno.h>

static int lacks(const struct backend *be, const char *what)
{
	return error_reason(-EOPNOTSUPP, "the backend %s has no %s", be->ops->name, what);
}

int backend_unsupported_space_allow(
	struct backend *be, uint32_t space, const struct ioasid_range *ranges, unsigned int n)
{
	(void)space, (void)ranges, (void)n;
	return lacks(be, "windows of allowed addresses");
}

/* no reason: nobody asked for this who would be told */
int backend_unsupported_device_ranges(
	struct backend *be, uint32_t device, struct ioasid_range *ranges, unsigned int n)
{
	(void)be, (void)device, (void)ranges, (void)n;
	return -EOPNOTSUPP;
}

int backend_unsupported_map_file(struct backend *be, uint32_t space, const struct backend_map *map,
	const struct backend_file *file)
{
	(void)space, (void)map, (void)file;
	return lacks(be, "maps of files");
}

int backend_unsupported_pgtable_bind(
	struct backend *be, uint32_t space, uint32_t parent, const struct ioasid_pgtable *table)
{
	(void)space, (void)parent, (void)table;
	return lacks(be, "page tables of guests");
}

int backend_unsupported_pasid_table_bind(
	struct backend *be, uint32_t space, uint32_t parent, const struct ioasid_pgtable *table)
{
	(void)space, (void)parent, (void)table;
	return error_reason(-EOPNOTSUPP,
		"the backend %s takes no PASID tables: bind the page table of each PASID to a space of its "
		"own, and attach with the PASID",
		be->ops->name);
}

int backend_unsupported_pgtable_unbind(struct backend *be, uint32_t space)
{
	(void)space;
	return lacks(be, "page tables of guests");
}

int backend_unsupported_invalidate(
	struct backend *be, uint32_t space, const struct ioasid_invalidation *list, unsigned int n)
{
	(void)space, (void)list, (void)n;
	return lacks(be, "page tables of guests");
}

int backend_unsupported_device_invalidate(struct backend *be, uint32_t device)
{
	(void)device;
	return lacks(be, "page tables of guests");
}

int backend_unsupported_kvm(struct backend *be, struct backend_route route, int kvm_fd)
{
	(void)route, (void)kvm_fd;
	return error_reason(-EOPNOTSUPP,
		"no KVM has a table of PASIDs for ENQCMD, and the backend %s cannot reach one",
		be->ops->name);
}

void backend_no_pull(struct backend *be, uint32_t queue)
{
	(void)be, (void)queue;
}
