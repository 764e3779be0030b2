/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What waits for work: a count of what is not done yet, and in the lowest bit whether somebody sleeps until it is 0. Both
 * are one word, so whoever is last learns with its only touch whether it has to wake: right after that the group may be gone.
 */
#ifndef GROUP_H
#define GROUP_H

#include "mlos/workers.h"
#include "shared.h"

#define GROUP_SLEEPER 1u
#define GROUP_ONE 2u

_Static_assert(sizeof(shared_event) == sizeof(unsigned int), "a group's word is the futex");

static inline shared_event *group_word(struct dp_group *group)
{
	return (shared_event *)&group->state;
}

#endif
