/* SPDX-License-Identifier: GPL-2.0 */
/* include/uapi/drm/drm.h, accel_hub.h and linux/npu.h, as far as tests call them; the compiler's headers have none of it. */
#ifndef KERNEL_TESTS_ACCEL_HUB_H
#define KERNEL_TESTS_ACCEL_HUB_H

#include <stdint.h>
#include <sys/ioctl.h>

struct query { uint32_t version, kind; uint64_t capabilities, total, used; uint32_t queues; int32_t node; uint32_t number, pad; char name[32]; };
struct buffer { uint64_t size; uint32_t flags, handle; uint64_t offset; };
struct context { uint64_t model; uint32_t flags, id; };
struct context_end { uint32_t id, pad; };
struct operand { uint32_t handle, access; uint64_t offset, size; };
struct operation { uint32_t code, type, operands[4], shape[8]; };
struct syncobj { uint32_t handle, pad; uint64_t point; };
struct submit {
	uint32_t context, flags;
	uint64_t operands, operations, wait, signal;
	uint32_t operand_count, operation_count, wait_count, signal_count, timeout_ms, pad;
	uint64_t job;
};
struct wait { uint32_t context; int32_t error; uint64_t job; int64_t deadline; uint64_t queued, run; };
struct cancel { uint32_t context, pad; uint64_t job; };
struct prime { uint32_t handle, flags; int32_t fd; };

enum { QUERY = 0x40, BUFFER, CONTEXT, CONTEXT_END, SUBMIT, WAIT, CANCEL, GEM_CLOSE = 0x09, TO_FD = 0x2d, TO_HANDLE };
enum { NOP, COPY, MATMUL, CONVOLUTION, ADD, MULTIPLY, RELU, FACTORIAL, OPERATIONS };

#define DRM(number, type) _IOWR('d', number, type)

struct npu_info { uint32_t type, version, capabilities, batch; uint64_t memory; char name[64]; };
struct npu_buffer { uint64_t size, physical, address; uint32_t flags, handle; };
struct npu_model { uint32_t count, pad; struct operation operations[64]; };
struct npu_job { uint32_t id, model, input_count, output_count; uint64_t inputs, outputs; uint32_t timeout_ms, priority; };
struct npu_result { uint32_t id, status; uint64_t us; uint32_t error, pad; };

#define NPU_INFO _IOR('N', 1, struct npu_info)
#define NPU_ALLOC _IOWR('N', 2, struct npu_buffer)
#define NPU_FREE _IOW('N', 3, struct npu_buffer)
#define NPU_SUBMIT _IOWR('N', 4, struct npu_job)
#define NPU_WAIT _IOWR('N', 5, struct npu_result)
#define NPU_CANCEL _IOW('N', 6, uint32_t)

#endif
