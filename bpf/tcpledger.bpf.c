/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
//go:build ignore

/* Every hook in one object. The agent attaches those that are wanted. */
#include "hook/state.h"
#include "hook/destroy.h"
#include "hook/reset.h"
#include "hook/drop.h"
#include "hook/retransmit.h"
#include "hook/error.h"
#include "hook/consume.h"
#include "hook/use.h"
#include "hook/seed.h"
#include "hook/listen.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";
