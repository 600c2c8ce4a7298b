// The two ends of our own walk (walk.hpp): taking the registers from the caller, and giving them to who goes on.

#if defined(__x86_64__)
	.text

// void gofer_unwind_resume(_Unwind_Exception* rdi): called by landing pads when their destructors are done, and by
// forced_unwind. Nobody comes back.
	.globl	gofer_unwind_resume
	.hidden	gofer_unwind_resume
	.weak	_Unwind_Resume
	.type	gofer_unwind_resume, @function
	.type	_Unwind_Resume, @function
	.p2align 4
gofer_unwind_resume:
_Unwind_Resume:
	.cfi_startproc
	leaq	gofer_unwind_stop(%rip), %rax
	cmpq	%rax, 16(%rdi)
	jne	1f
	// struct registers: rbx rbp r12 r13 r14 r15 rsp ip
	subq	$72, %rsp
	.cfi_adjust_cfa_offset 72
	movq	%rbx, (%rsp)
	movq	%rbp, 8(%rsp)
	movq	%r12, 16(%rsp)
	movq	%r13, 24(%rsp)
	movq	%r14, 32(%rsp)
	movq	%r15, 40(%rsp)
	leaq	80(%rsp), %rax
	movq	%rax, 48(%rsp)
	movq	72(%rsp), %rax
	movq	%rax, 56(%rsp)
	movq	%rsp, %rsi
	call	gofer_unwind_walk
	ud2
	.cfi_adjust_cfa_offset -72
1:	// no panic: the system's own, as if it had been called
	movq	gofer_system_unwind_resume(%rip), %rax
	testq	%rax, %rax
	je	2f
	jmp	*%rax
2:	pushq	%rdi
	.cfi_adjust_cfa_offset 8
	call	gofer_find_system_unwind_resume
	popq	%rdi
	.cfi_adjust_cfa_offset -8
	jmp	*%rax
	.cfi_endproc
	.size	gofer_unwind_resume, .-gofer_unwind_resume
	.size	_Unwind_Resume, .-_Unwind_Resume

// void gofer_registers_here(registers* rdi)
	.globl	gofer_registers_here
	.hidden	gofer_registers_here
	.type	gofer_registers_here, @function
	.p2align 4
gofer_registers_here:
	.cfi_startproc
	movq	%rbx, (%rdi)
	movq	%rbp, 8(%rdi)
	movq	%r12, 16(%rdi)
	movq	%r13, 24(%rdi)
	movq	%r14, 32(%rdi)
	movq	%r15, 40(%rdi)
	leaq	8(%rsp), %rax
	movq	%rax, 48(%rdi)
	movq	(%rsp), %rax
	movq	%rax, 56(%rdi)
	ret
	.cfi_endproc
	.size	gofer_registers_here, .-gofer_registers_here

// void gofer_unwind_install(const registers* rdi, _Unwind_Exception* rsi, long selector rdx, const void* target rcx).
// rdi lies on the stack that is left: rsp comes last.
	.globl	gofer_unwind_install
	.hidden	gofer_unwind_install
	.type	gofer_unwind_install, @function
	.p2align 4
gofer_unwind_install:
	.cfi_startproc
	movq	(%rdi), %rbx
	movq	8(%rdi), %rbp
	movq	16(%rdi), %r12
	movq	24(%rdi), %r13
	movq	32(%rdi), %r14
	movq	40(%rdi), %r15
	movq	48(%rdi), %rsp
	movq	%rsi, %rax
	movq	%rsi, %rdi
	jmp	*%rcx
	.cfi_endproc
	.size	gofer_unwind_install, .-gofer_unwind_install
#endif

	.section .note.GNU-stack, "", @progbits
