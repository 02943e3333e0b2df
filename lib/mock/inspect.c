/* SPDX-License-Identifier: MIT */
/*
 * What a user asks the platform, and what changes nothing on it: where an access of a device would
 * lead if it came now.
 */
#include "../error.h"
#include "track.h"
#include "translate.h"
#include <errno.h>

#define ACCESS (IOASID_FAULT_READ | IOASID_FAULT_WRITE | IOASID_FAULT_EXEC | IOASID_FAULT_PRIV)

static int check(const struct ioasid_mock_device *device,
	const struct ioasid_mock_translation *translation, const char *call)
{
	if (!device || !translation)
		return error_set(
			-EINVAL, "%s: %s is NULL", call, device ? "translation" : "device");
	if (translation->access & ~ACCESS || translation->reserved)
		return error_set(-EINVAL, "%s: access 0x%x: unknown flags, or reserved is not zero",
			call, translation->access);
	return 0;
}

static void describe(const struct mock_access *access, struct ioasid_mock_translation *translation)
{
	uint64_t offset = translation->iova & (mock_translate_page(access) - 1);
	struct mock_answer answer = {0};

	mock_translate_anew(access, translation->iova - offset, &answer);
	translation->fault = answer.fault;
	translation->parent_addr = answer.parent_addr;
	translation->host = NULL;
	translation->page_size = 0;
	translation->perms = 0;
	if (answer.fault)
		return;
	if (access->space->bound)
		translation->parent_addr += offset;
	translation->host = answer.page.host + offset;
	translation->page_size = UINT64_C(1) << answer.page.shift;
	translation->perms = answer.allowed;
}

static int look(struct ioasid_mock_device *device, struct ioasid_mock_translation *translation)
{
	struct mock_access access = {
		.device = device,
		.pasid = translation->pasid,
		.flags = translation->access,
	};

	if (!mock_track_lead(&access))
		return error_set(-ENODEV,
			"ioasid_mock_translate: device %u, PASID 0x%x: it leads to no space",
			device->number, translation->pasid);
	describe(&access, translation);
	return 0;
}

int ioasid_mock_translate(
	struct ioasid_mock_device *device, struct ioasid_mock_translation *translation)
{
	int err = check(device, translation, "ioasid_mock_translate");

	if (err)
		return err;
	pthread_rwlock_rdlock(&device->mock->world);
	err = look(device, translation);
	pthread_rwlock_unlock(&device->mock->world);
	return err;
}
