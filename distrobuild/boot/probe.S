/*
 * A guest of one page that proves whether an accelerator can run a real one.
 *
 * It goes through what every x86-64 kernel does in its first second: protected mode, page tables, long mode,
 * a 16-byte compare and exchange, an instruction with VEX prefix, saving and restoring the vector state, an
 * exception. /dev/kvm of a nested or emulated host can open, create a machine and still stop at any of these.
 *
 * QEMU loads it by -kernel (Multiboot 1, address fields). It names each step it has passed on the debug port
 * 0xe9, and ends QEMU through isa-debug-exit at port 0xf4: exit status (SUCCESS << 1) | 1.
 *
 * Formats: Multiboot Specification 0.6.96, section 3.1; Intel SDM volume 3A, sections 4.5, 6.14 and 9.8.5.
 */
        .set    LOAD, 0x100000
        .set    DEBUG_PORT, 0xe9
        .set    EXIT_PORT, 0xf4
        .set    SUCCESS, 0x10

        .set    MULTIBOOT_MAGIC, 0x1badb002
        .set    MULTIBOOT_ADDRESSES, 1 << 16

        .set    CODE, 8                         /* selectors in the GDT below */
        .set    DATA, 16

        .macro  say text
        .pushsection .rodata
1:      .ascii  "\text\n"
2:      .popsection
        lea     1b(%rip), %rsi
        mov     $(2b - 1b), %ecx
        mov     $DEBUG_PORT, %edx
        rep outsb
        .endm

        .text
        .globl  _start
header: .long   MULTIBOOT_MAGIC, MULTIBOOT_ADDRESSES, -(MULTIBOOT_MAGIC + MULTIBOOT_ADDRESSES)
        .long   header, LOAD, 0, end, _start

        .code32
_start: cld
        mov     $stack, %esp
        /* One 2 MiB page at 0, reached through three tables. The loader has zeroed them with the rest of .bss. */
        movl    $(level3 + 3), level4
        movl    $(level2 + 3), level3
        movl    $0x83, level2                   /* present, writable, large */
        mov     $level4, %eax
        mov     %eax, %cr3
        mov     $0x620, %eax                    /* PAE, FXSAVE, vector exceptions */
        mov     %eax, %cr4
        mov     $0xc0000080, %ecx               /* EFER */
        rdmsr
        bts     $8, %eax                        /* long mode enable */
        wrmsr
        mov     $0x80010033, %eax               /* paging, write protect, FPU, protected mode */
        mov     %eax, %cr0
        lgdt    gdt_register
        ljmp    $CODE, $long_mode

        .code64
long_mode:
        mov     $DATA, %eax
        mov     %eax, %ss
        mov     %eax, %ds
        mov     %eax, %es
        say     "long mode"

        xor     %eax, %eax
        xor     %edx, %edx
        lock cmpxchg16b scratch(%rip)
        say     "cmpxchg16b"

        mov     $7, %eax
        xor     %ecx, %ecx
        cpuid
        bt      $8, %ebx                        /* BMI2 */
        jnc     1f
        mov     $1, %eax
        shlx    %eax, %eax, %eax
        say     "shlx"
1:
        mov     $1, %eax
        cpuid
        bt      $26, %ecx                       /* XSAVE */
        jnc     1f
        mov     %cr4, %rax
        bts     $18, %rax                       /* OSXSAVE */
        mov     %rax, %cr4
        xor     %ecx, %ecx
        xgetbv
        or      $3, %eax                        /* x87 and SSE */
        xsetbv
        xsave64 scratch(%rip)
        xrstor64 scratch(%rip)
        say     "xsave"
1:
        lea     breakpoint(%rip), %rax
        mov     %ax, idt + 3 * 16
        movw    $CODE, idt + 3 * 16 + 2
        movw    $0x8e00, idt + 3 * 16 + 4       /* present interrupt gate */
        shr     $16, %rax
        mov     %ax, idt + 3 * 16 + 6
        lidt    idt_register
        int3
        say     "exception"

        mov     $SUCCESS, %eax
        mov     $EXIT_PORT, %edx
        outl    %eax, %dx
        hlt

breakpoint:
        iretq

        .section .rodata
        .balign 8
gdt:    .quad   0, 0x00af9b000000ffff, 0x00cf93000000ffff
gdt_register:
        .word   . - gdt - 1
        .long   gdt
idt_register:
        .word   4 * 16 - 1
        .quad   idt

        .bss
        .balign 4096
level4: .skip   4096
level3: .skip   4096
level2: .skip   4096
        .balign 64
scratch:
        .skip   1024
idt:    .skip   4 * 16
        .skip   4096
stack:
end:
