/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* sock:sock_send_length: a task wrote into a socket; fires for every protocol. */
#ifndef TCPLEDGER_SEND_H
#define TCPLEDGER_SEND_H

#include "use.h"

SEC("tp_btf/sock_send_length")
int BPF_PROG(on_send, struct sock *sk, int length)
{
	if (length > 0 && is_tcp(sk))
		used(ctx, sk, OWNER_WRITE);
	return 0;
}

#endif
