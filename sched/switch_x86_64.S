// Our own switch for x86-64 System V: six callee-saved registers, leaving by `jmp`.
// A parked stack looks like this from its saved sp upwards: r15 r14 r13 r12 rbx rbp rip.

#if defined(__x86_64__)
	.text

// void gofer_swap(void** save_sp, void* to_sp)
	.globl	gofer_swap
	.hidden	gofer_swap
	.type	gofer_swap, @function
	.p2align 4
gofer_swap:
	.cfi_startproc
	pushq	%rbp
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %rbp, 0
	pushq	%rbx
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %rbx, 0
	pushq	%r12
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r12, 0
	pushq	%r13
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r13, 0
	pushq	%r14
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r14, 0
	pushq	%r15
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r15, 0
	movq	%rsp, (%rdi)
	movq	%rsi, %rsp
	popq	%r15
	.cfi_adjust_cfa_offset -8
	.cfi_restore %r15
	popq	%r14
	.cfi_adjust_cfa_offset -8
	.cfi_restore %r14
	popq	%r13
	.cfi_adjust_cfa_offset -8
	.cfi_restore %r13
	popq	%r12
	.cfi_adjust_cfa_offset -8
	.cfi_restore %r12
	popq	%rbx
	.cfi_adjust_cfa_offset -8
	.cfi_restore %rbx
	popq	%rbp
	.cfi_adjust_cfa_offset -8
	.cfi_restore %rbp
	popq	%rcx
	.cfi_adjust_cfa_offset -8
	.cfi_register %rip, %rcx
	jmp	*%rcx
	.cfi_endproc
	.size	gofer_swap, .-gofer_swap

// Where a new stack begins; rbx holds the function to call, rbp is 0. The undefined return address and the zero frame
// pointer are where unwinders and frame-pointer walkers stop.
	.globl	gofer_stack_base
	.hidden	gofer_stack_base
	.type	gofer_stack_base, @function
	.p2align 4
gofer_stack_base:
	.cfi_startproc
	.cfi_undefined %rip
	callq	*%rbx
	ud2
	.cfi_endproc
	.size	gofer_stack_base, .-gofer_stack_base
#endif

	.section .note.GNU-stack, "", @progbits
