/* SPDX-License-Identifier: MIT */
/*
 * The rules of PASIDs. A guest's PASID table says by itself where each PASID of a device leads: an
 * attachment with a PASID beside it is only tracked, and tells whose the PASID's faults are. And
 * ENQCMD, by which a processor sends PASIDs: which devices may go together, and virtual machines
 * that translate their guest's. The bits of tables, and what is on the wire, are the leaf's.
 */
#include "core.h"
#include <fcntl.h>

static struct ioasid_attachment *attachment_at(struct list *link)
{
	return list_entry(link, struct ioasid_attachment, of_device);
}

/* That the device leads to by default, or its group; else NULL. */
static const struct ioasid_space *table_of(const struct ioasid_device *device)
{
	const struct ioasid_space *leads = route_leads(device, IOASID_PASID_NONE, NULL);

	return leads && leads->pasids ? leads : NULL;
}

bool pasid_is_tracked(const struct ioasid_attachment *attachment)
{
	return attachment->pasid != IOASID_PASID_NONE && table_of(attachment->device);
}

static bool is_mediated(const struct ioasid_device *device)
{
	return device->is.flags & IOASID_DEVICE_MEDIATED;
}

/* ENQCMD */

static bool is_attached_by_any(const struct ioasid_device *device)
{
	list_each(link, &device->attachments)
	{
		if (attachment_at(link)->pasid != IOASID_PASID_NONE)
			return true;
	}
	return false;
}

/* Where the one comes to PASIDs, so does the other. For a mediated device numbers of its own are
 * picked: they are nobody else's. */
static bool comes_along(const struct ioasid_device *device, const struct ioasid_device *mate)
{
	if (is_mediated(device) || is_mediated(mate))
		return device == mate;
	return route_is_shared(device, mate);
}

/* By attachments, its own and those that lead its group, or by a guest's table. */
static bool has_pasids(const struct ioasid_device *device)
{
	list_each(link, &device->ctx->devices)
	{
		const struct ioasid_device *mate = list_entry(link, struct ioasid_device, link);

		if (comes_along(mate, device) && is_attached_by_any(mate))
			return true;
	}
	return !is_mediated(device) && table_of(device);
}

/* What the guest's processor sends to the one must be translated, what it sends to the other must
 * not be. */
static bool exclude(const struct ioasid_device *one, const struct ioasid_device *other)
{
	return one->is.flags & other->is.flags & IOASID_DEVICE_ENQCMD &&
	       is_mediated(one) != is_mediated(other);
}

/* One that has PASIDs already; NULL: there is none. */
static const struct ioasid_device *excluded_by(const struct ioasid_device *device)
{
	list_each(link, &device->ctx->devices)
	{
		const struct ioasid_device *other = list_entry(link, struct ioasid_device, link);

		if (exclude(device, other) && has_pasids(other))
			return other;
	}
	return NULL;
}

/* Two that would both have PASIDs if a device came to some. */
struct rivals {
	const struct ioasid_device *one; /* comes along */
	const struct ioasid_device *other;
};

static bool find_rivals(const struct ioasid_device *device, struct rivals *rivals)
{
	list_each(link, &device->ctx->devices)
	{
		rivals->one = list_entry(link, struct ioasid_device, link);
		if (!comes_along(device, rivals->one))
			continue;
		rivals->other = excluded_by(rivals->one);
		if (rivals->other)
			return true;
	}
	return false;
}

#define NOT_TOGETHER "ENQCMD of %s and of %s do not go together, as just one of them is mediated: "
#define APART        "they need contexts of their own"

int pasid_check_enqcmd(const struct ioasid_device *device, uint32_t pasid, const char *call)
{
	struct rivals rivals;

	if (pasid == IOASID_PASID_NONE || !find_rivals(device, &rivals))
		return 0;
	return error_set(-EBUSY, "%s: PASID %u of %s: " NOT_TOGETHER APART, call, pasid,
		device->name, rivals.one->name, rivals.other->name);
}

/* Its group may have PASIDs already. */
int pasid_check_mate(const struct ioasid_device *device, const char *call)
{
	const struct ioasid_device *other = excluded_by(device);

	if (!other || !has_pasids(device))
		return 0;
	return error_set(-EBUSY,
		"%s: IOMMU group %u has PASIDs: " NOT_TOGETHER "detach the PASIDs of one first",
		call, device->is.group, device->name, other->name);
}

static int check_enqcmd_table(
	const struct ioasid_device *device, const struct ioasid_space *space, const char *call)
{
	struct rivals rivals;

	if (!find_rivals(device, &rivals))
		return 0;
	return error_set(-EBUSY, "%s: the PASID table of space %u, for %s: " NOT_TOGETHER APART,
		call, space->id, device->name, rivals.one->name, rivals.other->name);
}

/* PASID tables */

static int check_siblings_of(
	const struct ioasid_device *device, const struct ioasid_space *space, const char *call)
{
	list_each(link, &device->attachments)
	{
		const struct ioasid_attachment *other = attachment_at(link);

		if (other->pasid == IOASID_PASID_NONE || other->space->parent == space->parent)
			continue;
		return error_set(-EBUSY,
			"%s: PASID %u of %s leads to space %u: with the PASID table of space %u it may lead "
			"to other children of space %u only: detach it first",
			call, other->pasid, device->name, other->space->id, space->id,
			space->parent->id);
	}
	return 0;
}

/* What travels are the host's PASIDs then, which a table of the guest's knows nothing of. */
static int refuse_mediated(
	const struct ioasid_device *device, const struct ioasid_space *space, const char *call)
{
	return error_set(-EINVAL,
		"%s: %s is mediated, its PASIDs are others than its guest's: instead of to the PASID "
		"table of space %u attach it with each PASID to a space of its own",
		call, device->name, space->id);
}

/* The table of the space takes over the PASIDs of the device, and of those that it is led with. */
static int check_taken(
	const struct ioasid_device *device, const struct ioasid_space *space, const char *call)
{
	list_each(link, &device->ctx->devices)
	{
		const struct ioasid_device *mate = list_entry(link, struct ioasid_device, link);
		int err = 0;

		if (!route_is_shared(device, mate))
			continue;
		if (is_mediated(mate) && (mate == device || route_top(mate, IOASID_PASID_NONE)))
			err = refuse_mediated(mate, space, call);
		if (!err)
			err = check_siblings_of(mate, space, call);
		if (err)
			return err;
	}
	return check_enqcmd_table(device, space, call);
}

static int refuse_own_pasid(const struct ioasid_attachment *attachment, const char *call)
{
	return error_set(-EBUSY,
		"%s: %s is attached to space %u with PASID %u, but a PASID table is one of all PASIDs: "
		"detach that first",
		call, attachment->device->name, attachment->space->id, attachment->pasid);
}

int pasid_check_bind(const struct ioasid_space *space, const char *call)
{
	list_each(link, &space->attachments)
	{
		const struct ioasid_attachment *attachment =
			list_entry(link, struct ioasid_attachment, of_space);
		int err = attachment->pasid == IOASID_PASID_NONE
				  ? check_taken(attachment->device, space, call)
				  : refuse_own_pasid(attachment, call);

		if (err)
			return err;
	}
	return 0;
}

int pasid_check_lead(const struct ioasid_device *device, const struct ioasid_space *space,
	uint32_t pasid, const char *call)
{
	const struct ioasid_space *table = table_of(device);

	if (pasid == IOASID_PASID_NONE && space->pasids)
		return check_taken(device, space, call);
	if (pasid == IOASID_PASID_NONE) /* to a parent, but its group leads on to the table */
		return table && is_mediated(device) ? refuse_mediated(device, table, call) : 0;
	if (space->pasids)
		return error_set(-EINVAL,
			"%s: PASID %u of %s: space %u has a PASID table bound, which is one of all PASIDs: "
			"attach without one",
			call, pasid, device->name, space->id);
	if (!table || table->parent == space->parent)
		return 0;
	return error_set(-EINVAL,
		"%s: PASID %u of %s: the device leads to the PASID table of space %u, beside which a "
		"PASID is attached to another child of space %u only, not to %u",
		call, pasid, device->name, table->id, table->parent->id, space->id);
}

/* Virtual machines */

static int check_kvm(const struct ioasid_attachment *attachment, int kvm_fd, const char *call)
{
	if (!attachment)
		return null_argument(call, "attachment");
	if (fcntl(kvm_fd, F_GETFD) < 0)
		return error_set(-EBADF, "%s: %d is no open descriptor", call, kvm_fd);
	return 0;
}

static int check_translated(const struct ioasid_attachment *attachment, const char *call)
{
	const struct ioasid_device *device = attachment->device;

	if (attachment->pasid == IOASID_PASID_NONE)
		return error_set(-EINVAL,
			"%s: the attachment of %s to space %u has no PASID: attach with "
			"IOASID_ATTACH_PASID",
			call, device->name, attachment->space->id);
	if (!(device->is.flags & IOASID_DEVICE_MEDIATED))
		return error_set(-EINVAL,
			"%s: PASID %u of %s: the device is not mediated, its PASIDs travel as they are",
			call, attachment->pasid, device->name);
	if (!(device->is.flags & IOASID_DEVICE_ENQCMD))
		return error_set(-EINVAL,
			"%s: PASID %u of %s: the backend %s knows of no work by ENQCMD that the device takes",
			call, attachment->pasid, device->name, device->ctx->be->ops->name);
	return 0;
}

static int ask_locked(
	const struct ioasid_attachment *attachment, int kvm_fd, bool map, const char *call)
{
	struct backend_route route = {attachment->device->is.id, attachment->pasid};
	struct backend *be = attachment->ctx->be;
	int err = check_translated(attachment, call);

	if (err)
		return err;
	err = (map ? be->ops->kvm_map : be->ops->kvm_unmap)(be, route, kvm_fd);
	if (err)
		return error_from(err, "%s: PASID %u of %s, virtual machine %d", call,
			attachment->pasid, attachment->device->name, kvm_fd);
	return 0;
}

static int ask(struct ioasid_attachment *attachment, int kvm_fd, bool map, const char *call)
{
	int err = check_kvm(attachment, kvm_fd, call);

	if (!err)
		err = ctx_enter(attachment->ctx, call);
	if (err)
		return err;
	err = ask_locked(attachment, kvm_fd, map, call);
	ctx_leave(attachment->ctx);
	return err;
}

int ioasid_kvm_map_pasid(struct ioasid_attachment *attachment, int kvm_fd)
{
	return ask(attachment, kvm_fd, true, __func__);
}

int ioasid_kvm_unmap_pasid(struct ioasid_attachment *attachment, int kvm_fd)
{
	return ask(attachment, kvm_fd, false, __func__);
}

/* The checks and the bind are those of any table. */

int ioasid_space_bind_pasid_table(struct ioasid_space *space, const struct ioasid_pgtable *table)
{
	return pgtable_bind(space, table, true, __func__);
}

int ioasid_space_unbind_pasid_table(struct ioasid_space *space)
{
	return pgtable_unbind(space, true, __func__);
}
