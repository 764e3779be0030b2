/* SPDX-License-Identifier: GPL-2.0 */
/* Random numbers for programs that call the kernel with anything. A run can be repeated by its seed. */
#ifndef KERNEL_TESTS_DRAW_H
#define KERNEL_TESTS_DRAW_H

#include <stddef.h>
#include <stdint.h>

static uint64_t draw_state; /* the seed, at first */

/* splitmix64 (Steele, Lea and Flood 2014): all bits are good. */
static uint64_t draw(void)
{
	uint64_t z = (draw_state += 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

/* At the edges of what is allowed, as usual, and anything. */
static uint64_t draw_around(const uint64_t *edges, size_t count, uint64_t usual)
{
	switch (draw() % 3) {
	case 0:
		return edges[draw() % count];
	case 1:
		return usual;
	default:
		return draw() >> draw() % 64;
	}
}

#define DRAW_AROUND(edges, usual) draw_around(edges, sizeof(edges) / sizeof((edges)[0]), usual)

#endif
