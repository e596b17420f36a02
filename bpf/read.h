/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* tcp:tcp_rcv_space_adjust: a task took data out of a socket. */
#ifndef TCPLEDGER_READ_H
#define TCPLEDGER_READ_H

#include "use.h"

SEC("tp_btf/tcp_rcv_space_adjust")
int BPF_PROG(on_read, struct sock *sk)
{
	if (BPF_CORE_READ(sk, sk_lock.owned))
		used(ctx, sk, OWNER_READ);
	return 0;
}

#endif
