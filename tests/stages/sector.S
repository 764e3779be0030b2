# A disk that a PC BIOS starts: it says what stands in /work/message on the serial port; then it halts or, with
# --defsym RESET=1, resets the machine. The sector is loaded at 0x7c00, in real mode.
        .code16
        .globl  _start
_start: cli
        xor     %ax, %ax
        mov     %ax, %ds
        mov     $message, %si
say:    lodsb
        test    %al, %al
        jz      done
        mov     %al, %ah
wait:   mov     $0x3fd, %dx             # line status: transmitter empty
        in      %dx, %al
        test    $0x20, %al
        jz      wait
        mov     $0x3f8, %dx
        mov     %ah, %al
        out     %al, %dx
        jmp     say
done:
.if RESET
        lidt    none                    # no interrupt table: the next exception cannot be served, nor the next
        int3
.endif
halt:   hlt
        jmp     halt
none:   .word   0
        .long   0
message:
        .incbin "/work/message"
        .byte   0
        .org    510
        .word   0xaa55
        .org    1 << 20                 # a PC BIOS counts in cylinders of 504 KiB
