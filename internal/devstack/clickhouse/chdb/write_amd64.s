// SPDX-License-Identifier: Apache-2.0

#include "textflag.h"

// write is libc's, called by C and by its convention: DI is the descriptor, SI the bytes, DX how many. It needs no stack of Go's.
TEXT write<>(SB), NOSPLIT|NOFRAME, $0
	SUBQ $40, SP // keeps the stack aligned
	MOVQ DI, 0(SP)
	MOVQ SI, 8(SP)
	MOVQ DX, 16(SP)

again:
	MOVQ ·libcWrite(SB), AX
	CALL AX
	CMPQ AX, $-1
	JNE  done
	MOVQ ·libcErrno(SB), AX
	CALL AX
	MOVL (AX), AX
	CMPL AX, $28 // ENOSPC
	JEQ  pause
	CMPL AX, $122 // EDQUOT
	JEQ  pause
	CMPL AX, $5 // EIO
	JEQ  end
	CMPL AX, $27 // EFBIG
	JEQ  end
	MOVQ $-1, AX

done:
	ADDQ $40, SP
	RET

pause:
	MOVQ $0, 24(SP)
	MOVQ $100000000, 32(SP) // nanoseconds
	LEAQ 24(SP), DI
	XORL SI, SI
	MOVL $35, AX // nanosleep
	SYSCALL
	MOVQ 0(SP), DI
	MOVQ 8(SP), SI
	MOVQ 16(SP), DX
	JMP  again

end:
	MOVL $231, AX // exit_group
	MOVL $74, DI // ExitFailedWrite
	SYSCALL
	INT  $3

DATA ·careful(SB)/8, $write<>(SB)
GLOBL ·careful(SB), NOPTR, $8
