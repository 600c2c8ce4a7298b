// Where a new goroutine's stack begins. The switch itself is inline assembly: switch.hpp.

#if defined(__x86_64__)
	.text

// Jumped to with the function to call at the top of the stack, which is aligned to 16 bytes, and rbp 0. The undefined
// return address and the zero frame pointer are where unwinders and frame-pointer walkers stop.
	.globl	gofer_stack_base
	.hidden	gofer_stack_base
	.type	gofer_stack_base, @function
	.p2align 4
gofer_stack_base:
	.cfi_startproc
	.cfi_undefined %rip
	callq	*(%rsp)
	ud2
	.cfi_endproc
	.size	gofer_stack_base, .-gofer_stack_base
#endif

	.section .note.GNU-stack, "", @progbits
