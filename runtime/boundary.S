// typeinfo for gofer::detail::boundary_tag: not the compiler's, but an object whose vtable is runtime/boundary.cpp's
// catch_all_info. In assembly, because C++ has no way to define the type_info of a type.

	.section .data.rel.ro, "aw"
	.globl	_ZTIN5gofer6detail12boundary_tagE
	.type	_ZTIN5gofer6detail12boundary_tagE, %object
	.p2align 3
_ZTIN5gofer6detail12boundary_tagE:
	.quad	_ZTVN5gofer7runtime14catch_all_infoE + 16
	.quad	.Lname
	.size	_ZTIN5gofer6detail12boundary_tagE, 16

	.section .rodata
.Lname:
	.asciz	"N5gofer6detail12boundary_tagE"

	.section .note.GNU-stack, "", %progbits
