/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PAUSE_H
#define PAUSE_H

/* Between two looks at a word that another processor may change: cheaper for both, and for whoever shares the core. */
static inline void pause_briefly(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("isb");
#endif
}

#endif
