/* SPDX-License-Identifier: Apache-2.0 */
#include "barrier.h"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

bool barrier_is_asymmetric;

void barrier_prepare(void)
{
#ifndef __SANITIZE_THREAD__ /* it knows fences of the language only */
	barrier_is_asymmetric = syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0, 0) == 0;
#endif
}

void barrier_heavy(void)
{
	/* Also where only the other process is registered: whoever is not does its half by itself. */
	syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0);
	atomic_thread_fence(memory_order_seq_cst);
}
