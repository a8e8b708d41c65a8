/* The smallest program: no libc, no start-up. What a launch costs beyond it is the launcher's. */
_Noreturn void _start(void);

_Noreturn void _start(void)
{
#if defined(__x86_64__)
    __asm__ volatile("mov $231, %eax\n\txor %edi, %edi\n\tsyscall"); /* exit_group(0) */
#elif defined(__aarch64__)
    __asm__ volatile("mov x8, #94\n\tmov x0, #0\n\tsvc #0");
#else
#error "write exit_group(0) for this machine"
#endif
    __builtin_unreachable();
}
