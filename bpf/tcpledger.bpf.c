/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
//go:build ignore

/* All hooks in one object; the agent attaches those that are wanted. */
#include "state.h"
#include "destroy.h"
#include "reset.h"
#include "drop.h"
#include "retransmit.h"
#include "error.h"
#include "consume.h"
#include "read.h"
#include "send.h"
#include "seed.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";
