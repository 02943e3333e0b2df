/* SPDX-License-Identifier: MIT */
/*
 * What of PASIDs is asked for and nobody has: whole PASID tables of guests, and virtual machines
 * that translate PASIDs for ENQCMD. Arguments are checked as if somebody had, so that a monitor
 * that asks well is told what is missing, and one that asks badly, that.
 */
#include "core.h"
#include <fcntl.h>

int ioasid_space_bind_pasid_table(struct ioasid_space *space, const struct ioasid_pgtable *given)
{
	struct ioasid_pgtable table;
	int err = pgtable_enter(space, given, true, &table, __func__);

	if (err)
		return err;
	err = pgtable_check_parent(space, __func__);
	if (!err)
		err = error_set(-EOPNOTSUPP,
			"%s: the backend %s takes no PASID tables: bind the page table of each PASID to a "
			"space of its own, and attach with the PASID",
			__func__, space->ctx->be->ops->name);
	ctx_leave(space->ctx);
	return err;
}

int ioasid_space_unbind_pasid_table(struct ioasid_space *space)
{
	int err = space ? space_enter(space, __func__) : null_argument(__func__, "space");

	if (err)
		return err;
	err = error_set(-ENOENT, "%s: no PASID table is bound to space %u", __func__, space->id);
	ctx_leave(space->ctx);
	return err;
}

static int check_kvm(const struct ioasid_attachment *attachment, int kvm_fd, const char *call)
{
	if (!attachment)
		return null_argument(call, "attachment");
	if (fcntl(kvm_fd, F_GETFD) < 0)
		return error_set(-EBADF, "%s: %d is no open descriptor", call, kvm_fd);
	return 0;
}

static int refuse_kvm(const struct ioasid_attachment *attachment, const char *call)
{
	const char *name = attachment->device->name;

	if (attachment->pasid == IOASID_PASID_NONE)
		return error_set(-EINVAL,
			"%s: the attachment of %s to space %u has no PASID: attach with "
			"IOASID_ATTACH_PASID",
			call, name, attachment->space->id);
	return error_set(-EOPNOTSUPP,
		"%s: PASID %u of %s: no KVM has a table of PASIDs for ENQCMD, and the backend %s cannot "
		"reach one",
		call, attachment->pasid, name, attachment->ctx->be->ops->name);
}

static int ask_kvm(struct ioasid_attachment *attachment, int kvm_fd, const char *call)
{
	int err = check_kvm(attachment, kvm_fd, call);

	if (!err)
		err = ctx_enter(attachment->ctx, call);
	if (err)
		return err;
	err = refuse_kvm(attachment, call);
	ctx_leave(attachment->ctx);
	return err;
}

int ioasid_kvm_map_pasid(struct ioasid_attachment *attachment, int kvm_fd)
{
	return ask_kvm(attachment, kvm_fd, __func__);
}

int ioasid_kvm_unmap_pasid(struct ioasid_attachment *attachment, int kvm_fd)
{
	return ask_kvm(attachment, kvm_fd, __func__);
}
