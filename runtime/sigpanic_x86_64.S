// Where a faulting goroutine goes on when the signal handler returns. Entered with rsp = rdi = a fault_frame {pc, sp, …}, below the
// red zone of the faulting function, every callee-saved register as at the fault. For the unwinder this is a signal frame: its caller's pc is
// exact (no -1), its caller's stack pointer is frame->sp.

#if defined(__x86_64__)
	.text
	.globl	gofer_sigpanic_trampoline
	.hidden	gofer_sigpanic_trampoline
	.type	gofer_sigpanic_trampoline, @function
	.cfi_startproc
	.cfi_signal_frame
	// CFA = *(rsp + 8)
	.cfi_escape 0x0f, 0x03, 0x77, 0x08, 0x06
	// rip at rsp + 0
	.cfi_escape 0x10, 0x10, 0x02, 0x77, 0x00
	nop
gofer_sigpanic_trampoline:
	call	gofer_sigpanic
	ud2
	.cfi_endproc
	.size	gofer_sigpanic_trampoline, .-gofer_sigpanic_trampoline
#endif

	.section .note.GNU-stack, "", @progbits
