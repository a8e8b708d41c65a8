#include "interpret.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

struct machine {
    uint32_t a, x;
    uint32_t memory[BPF_MEMWORDS];
};

static bool load(struct machine *machine, const struct sock_filter *at, const struct seccomp_data *data)
{
    switch (at->code) {
    case BPF_LD | BPF_W | BPF_ABS:
        if (at->k % 4 != 0 || at->k > sizeof *data - 4)
            return false;
        memcpy(&machine->a, (const char *)data + at->k, 4);
        return true;
    case BPF_LD | BPF_IMM:
        machine->a = at->k;
        return true;
    case BPF_LDX | BPF_IMM:
        machine->x = at->k;
        return true;
    case BPF_LD | BPF_MEM:
    case BPF_LDX | BPF_MEM:
        if (at->k >= BPF_MEMWORDS)
            return false;
        *(BPF_CLASS(at->code) == BPF_LD ? &machine->a : &machine->x) = machine->memory[at->k];
        return true;
    case BPF_ST:
    case BPF_STX:
        if (at->k >= BPF_MEMWORDS)
            return false;
        machine->memory[at->k] = at->code == BPF_ST ? machine->a : machine->x;
        return true;
    case BPF_MISC | BPF_TAX:
        machine->x = machine->a;
        return true;
    case BPF_MISC | BPF_TXA:
        machine->a = machine->x;
        return true;
    default:
        return false;
    }
}

/* Only what compilers of filters use; the kernel knows more. */
static bool calculate(struct machine *machine, const struct sock_filter *at)
{
    uint32_t operand = BPF_SRC(at->code) == BPF_X ? machine->x : at->k;
    switch (BPF_OP(at->code)) {
    case BPF_AND:
        machine->a &= operand;
        return true;
    case BPF_OR:
        machine->a |= operand;
        return true;
    case BPF_ADD:
        machine->a += operand;
        return true;
    case BPF_SUB:
        machine->a -= operand;
        return true;
    default:
        return false;
    }
}

/* How far to go on behind a jump; false for one that there is not. */
static bool jump(const struct machine *machine, const struct sock_filter *at, uint32_t *ret_offset)
{
    uint32_t operand = BPF_SRC(at->code) == BPF_X ? machine->x : at->k;
    bool holds;
    switch (BPF_OP(at->code)) {
    case BPF_JA:
        *ret_offset = at->k;
        return true;
    case BPF_JEQ:
        holds = machine->a == operand;
        break;
    case BPF_JGT:
        holds = machine->a > operand;
        break;
    case BPF_JGE:
        holds = machine->a >= operand;
        break;
    case BPF_JSET:
        holds = (machine->a & operand) != 0;
        break;
    default:
        return false;
    }
    *ret_offset = holds ? at->jt : at->jf;
    return true;
}

int bpf_run(const struct sock_filter *program, uint32_t count, const struct seccomp_data *data, uint32_t *ret_verdict)
{
    struct machine machine = { 0 };
    for (uint64_t at = 0; at < count; at++) {
        const struct sock_filter *instruction = &program[at];
        uint32_t offset = 0;
        bool is_done;
        switch (BPF_CLASS(instruction->code)) {
        case BPF_RET:
            *ret_verdict = BPF_RVAL(instruction->code) == BPF_A ? machine.a : instruction->k;
            return 0;
        case BPF_JMP:
            is_done = jump(&machine, instruction, &offset);
            at += offset;
            break;
        case BPF_ALU:
            is_done = calculate(&machine, instruction);
            break;
        default:
            is_done = load(&machine, instruction, data);
            break;
        }
        if (!is_done)
            return -EBADMSG;
    }
    return -EBADMSG;
}
