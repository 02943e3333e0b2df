/* SPDX-License-Identifier: MIT */
/*
 * Was all as it should be? See audit.h.
 */
#include "audit.h"

static int equal(struct vmm *vmm, const char *what, uint64_t is, uint64_t should)
{
	if (is == should)
		return 0;
	return trouble_add(vmm->trouble, "the books do not balance: %s: %llu, not %llu", what,
		(unsigned long long)is, (unsigned long long)should);
}

/* The devices' side. */
static int audit_platform(struct vmm *vmm, struct ioasid_mock *platform)
{
	struct ioasid_mock_stats stats = {.size = sizeof(stats)};
	uint64_t groups = vmm->ledger.done.count;

	if (ioasid_mock_stats(platform, &stats))
		return trouble_add(vmm->trouble, "%s", ioasid_last_error());
	if (equal(vmm, "groups that devices raised", stats.groups, groups) ||
		equal(vmm, "groups that devices saw answered", stats.answers, groups) ||
		equal(vmm, "groups that devices wait for", stats.unanswered, 0))
		return -1;
	return equal(vmm, "pages that devices asked for", stats.requests, vmm->pages);
}

/* The library's side. */
static int audit_queue(struct vmm *vmm)
{
	struct ioasid_faultq_stats stats = {.size = sizeof(stats)};
	uint64_t groups = vmm->ledger.done.count;

	if (ioasid_faultq_stats(vmm->queue, &stats))
		return trouble_add(vmm->trouble, "%s", ioasid_last_error());
	if (equal(vmm, "groups in the queue", stats.raised, groups) ||
		equal(vmm, "groups that the queue handed out", stats.read, groups) ||
		equal(vmm, "groups that the queue saw answered", stats.answered, groups))
		return -1;
	return equal(vmm, "groups cancelled, refused or left in the queue",
		stats.cancelled + stats.stale + stats.outstanding + stats.waiting, 0);
}

int audit(struct vmm *vmm, struct ioasid_mock *platform)
{
	if (equal(vmm, "groups read twice, answered twice or never", ledger_errors(&vmm->ledger),
		    0))
		return -1;
	return audit_platform(vmm, platform) || audit_queue(vmm) ? -1 : 0;
}
