/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SHARE_MODEL_H
#define SHARE_MODEL_H

#include "share.h"

/* There is one file, of this shape; nobody has a seat. */
void model_begin(enum share_kind kind, uint64_t item_size, uint64_t items);

/* Whose seats the next ones are. */
void model_sit_for(unsigned int thread);

#endif
