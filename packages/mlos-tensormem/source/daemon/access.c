/* SPDX-License-Identifier: Apache-2.0 */
#include "access.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "packet.h"

bool refused(struct refusal *refusal, int number, const char *format, ...)
{
	va_list arguments;

	refusal->number = number;
	va_start(arguments, format);
	vsnprintf(refusal->text, sizeof(refusal->text), format, arguments);
	va_end(arguments);
	return false;
}

bool open_to(const struct tensormem_scope *scope, const struct peer *peer)
{
	if (peer->uid == 0)
		return true;
	if (scope->kind == TENSORMEM_SCOPE_USER)
		return scope->number == peer->uid;
	for (size_t i = 0; i < peer->group_count; i++)
		if (peer->groups[i] == scope->number)
			return true;
	return false;
}

bool may_use(const struct tensormem_scope *scope, const struct peer *peer, struct refusal *refusal)
{
	return open_to(scope, peer) ||
	       refused(refusal, EACCES, "names of %s %u are not yours to see", scope_name(scope->kind), scope->number);
}
