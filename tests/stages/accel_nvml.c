// SPDX-License-Identifier: Apache-2.0
/*
 * A stand-in for NVIDIA's management library: the functions that mlos-accel asks for, with the signatures of NVIDIA's NVML API reference,
 * about two GPUs. The first one has no error correction, as consumers' GPUs, and answers so; the second one is divided.
 * NVML_STANDS_FOR=unloaded: the driver is not there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SUCCESS = 0, NOT_SUPPORTED = 3, NOT_FOUND = 6, DRIVER_NOT_LOADED = 9 };
enum { GPUS = 2, MIG_SLOTS = 7, INSTANCE_SLOT = 1 };

struct device { int number, instance; };
struct memory { unsigned long long total, free, used; };
struct utilization { unsigned int gpu, memory; };
struct pci {
	char bus_id_legacy[16];
	unsigned int domain, bus, device, pci_device_id, pci_subsystem_id;
	char bus_id[32];
};

static struct device gpus[GPUS] = { { 0, 0 }, { 1, 0 } };
static struct device instance = { 1, 1 };

int nvmlInitWithFlags(unsigned int flags)
{
	const char *state = getenv("NVML_STANDS_FOR");

	return state && !strcmp(state, "unloaded") ? DRIVER_NOT_LOADED : (int)flags;
}

int nvmlShutdown(void)
{
	return SUCCESS;
}

const char *nvmlErrorString(int result)
{
	return result == DRIVER_NOT_LOADED ? "Driver Not Loaded" : "an error";
}

int nvmlDeviceGetCount_v2(unsigned int *count)
{
	*count = GPUS;
	return SUCCESS;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned int index, struct device **device)
{
	*device = &gpus[index];
	return SUCCESS;
}

int nvmlDeviceGetPciInfo_v3(const struct device *device, struct pci *pci)
{
	memset(pci, 0, sizeof(*pci));
	strcpy(pci->bus_id, device->number ? "00000000:98:00.0" : "00000000:18:00.0");
	return SUCCESS;
}

int nvmlDeviceGetUUID(const struct device *device, char *uuid, unsigned int length)
{
	snprintf(uuid, length, "%s-%df0e0d0c-0b0a-4908-8706-05040302010%d", device->instance ? "MIG" : "GPU",
		 device->number + 1, device->number);
	return SUCCESS;
}

int nvmlDeviceGetName(const struct device *device, char *name, unsigned int length)
{
	snprintf(name, length, "NVIDIA H200 number %d", device->number);
	return SUCCESS;
}

int nvmlDeviceGetMemoryInfo(const struct device *device, struct memory *memory)
{
	memory->total = device->instance ? 18ULL << 30 : 141ULL << 30;
	memory->used = 3ULL << 30;
	memory->free = memory->total - memory->used;
	return SUCCESS;
}

int nvmlDeviceGetUtilizationRates(const struct device *device, struct utilization *rates)
{
	if (device->number)
		return NOT_SUPPORTED; /* a divided GPU has no load as a whole */
	rates->gpu = 42;
	rates->memory = 7;
	return SUCCESS;
}

int nvmlDeviceGetTemperature(const struct device *device, unsigned int sensor, unsigned int *degrees)
{
	*degrees = 50 + (unsigned int)device->number + sensor;
	return SUCCESS;
}

int nvmlDeviceGetPowerUsage(const struct device *device, unsigned int *milliwatts)
{
	*milliwatts = 312500 + (unsigned int)device->number;
	return SUCCESS;
}

int nvmlDeviceGetEnforcedPowerLimit(const struct device *device, unsigned int *milliwatts)
{
	(void)device;
	*milliwatts = 700000;
	return SUCCESS;
}

int nvmlDeviceGetCudaComputeCapability(const struct device *device, int *major, int *minor)
{
	(void)device;
	*major = 9;
	*minor = 0;
	return SUCCESS;
}

int nvmlDeviceGetTotalEccErrors(const struct device *device, int type, int counter, unsigned long long *count)
{
	if (!device->number)
		return NOT_SUPPORTED;
	*count = counter ? 999 : type ? 2 : 17; /* of its whole life; since the driver started */
	return SUCCESS;
}

int nvmlDeviceGetRemappedRows(const struct device *device, unsigned int *corrected, unsigned int *uncorrected,
			      unsigned int *pending, unsigned int *failed)
{
	if (!device->number)
		return NOT_SUPPORTED;
	*corrected = *uncorrected = *failed = 0;
	*pending = 1;
	return SUCCESS;
}

int nvmlDeviceGetMigMode(const struct device *device, unsigned int *current, unsigned int *pending)
{
	*current = *pending = (unsigned int)device->number;
	return SUCCESS;
}

int nvmlDeviceGetMaxMigDeviceCount(const struct device *device, unsigned int *count)
{
	(void)device;
	*count = MIG_SLOTS;
	return SUCCESS;
}

int nvmlDeviceGetMigDeviceHandleByIndex(const struct device *device, unsigned int index, struct device **found)
{
	if (!device->number || index != INSTANCE_SLOT)
		return NOT_FOUND;
	*found = &instance;
	return SUCCESS;
}

int nvmlDeviceGetGpuInstanceId(const struct device *device, unsigned int *id)
{
	(void)device;
	*id = 2;
	return SUCCESS;
}

int nvmlDeviceGetComputeInstanceId(const struct device *device, unsigned int *id)
{
	(void)device;
	*id = 0;
	return SUCCESS;
}
