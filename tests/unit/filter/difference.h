/*
 * Whether two programs differ on any call, decided without the verifier that the tests judge. For each architecture and number
 * that either program can tell from others, the tests are collected that both then make on each word of the arguments; of all
 * words that such tests could tell apart one of each kind is chosen (same answers to all tests: same way through both), and
 * every combination is run. Kinds are made from the constants of the tests, their neighbours, single bits and pairs of masks.
 */
#pragma once

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "interpret.h"
#include "profile.h"

#define WORDS       (sizeof(struct seccomp_data) / 4)
#define WORD_NUMBER 0
#define WORD_ARCH   1
#define TESTS_MAX   256
#define KINDS_MAX   1024
#define SYMBOL_OPS  3

/* What stands in the accumulator: a word, behind some operations. */
struct symbol {
    int word; /* -1: none, but a constant */
    unsigned ops;
    struct sock_filter done[SYMBOL_OPS];
};

struct word_test {
    struct symbol symbol;
    struct sock_filter jump;
};

struct difference {
    const struct sock_filter *programs[2];
    uint32_t count;
    uint32_t number, arch;
    struct word_test tests[WORDS][TESTS_MAX];
    uint32_t test_counts[WORDS];
    uint32_t kinds[WORDS][KINDS_MAX];
    uint32_t kind_counts[WORDS];
    struct symbol *seen; /* by instruction: the walk was here with that */
    uint64_t runs;
};

static inline uint32_t symbol_value(const struct symbol *symbol, uint32_t word)
{
    for (unsigned i = 0; i < symbol->ops; i++) {
        uint32_t k = symbol->done[i].k;
        switch (BPF_OP(symbol->done[i].code)) {
        case BPF_AND:
            word &= k;
            break;
        case BPF_OR:
            word |= k;
            break;
        case BPF_ADD:
            word += k;
            break;
        default:
            word -= k;
        }
    }
    return word;
}

static inline bool test_holds(const struct sock_filter *jump, uint32_t value)
{
    switch (BPF_OP(jump->code)) {
    case BPF_JEQ:
        return value == jump->k;
    case BPF_JGT:
        return value > jump->k;
    case BPF_JGE:
        return value >= jump->k;
    default:
        return (value & jump->k) != 0;
    }
}

static inline void note_test(struct difference *all, const struct symbol *symbol, const struct sock_filter *jump)
{
    uint32_t *count = &all->test_counts[symbol->word];
    for (uint32_t i = 0; i < *count; i++)
        if (memcmp(&all->tests[symbol->word][i].symbol, symbol, sizeof *symbol) == 0 &&
            all->tests[symbol->word][i].jump.code == jump->code && all->tests[symbol->word][i].jump.k == jump->k)
            return;
    cr_assert_lt(*count, TESTS_MAX);
    all->tests[symbol->word][(*count)++] = (struct word_test){ *symbol, *jump };
}

/* Follows a program from one instruction on: numbers and architectures are known, of all else both ways are gone. */
static inline void walk(struct difference *all, const struct sock_filter *program, uint64_t at, struct symbol symbol)
{
    for (; at < all->count; at++) {
        const struct sock_filter *here = &program[at];
        switch (BPF_CLASS(here->code)) {
        case BPF_LD:
            memset(&symbol, 0, sizeof symbol);
            symbol.word = BPF_MODE(here->code) == BPF_ABS ? (int)(here->k / 4) : -1;
            if (symbol.word < 0)
                symbol.done[symbol.ops++] = (struct sock_filter){ .code = BPF_ALU | BPF_OR, .k = here->k };
            continue;
        case BPF_ALU:
            cr_assert_lt(symbol.ops, SYMBOL_OPS);
            symbol.done[symbol.ops++] = (struct sock_filter){ .code = here->code, .k = here->k };
            continue;
        case BPF_JMP:
            break;
        default:
            return;
        }
        if (BPF_OP(here->code) == BPF_JA) {
            at += here->k;
            continue;
        }
        if (symbol.word > WORD_ARCH) {
            note_test(all, &symbol, here);
            if (memcmp(&all->seen[at], &symbol, sizeof symbol) == 0)
                return;
            all->seen[at] = symbol;
            walk(all, program, at + 1 + here->jt, symbol);
            at += here->jf;
            continue;
        }
        uint32_t value = symbol.word == WORD_NUMBER ? all->number : symbol.word == WORD_ARCH ? all->arch : 0;
        at += test_holds(here, symbol_value(&symbol, value)) ? here->jt : here->jf;
    }
}

static inline bool is_same_kind(const struct difference *all, size_t word, uint32_t one, uint32_t other)
{
    for (uint32_t i = 0; i < all->test_counts[word]; i++) {
        const struct word_test *test = &all->tests[word][i];
        if (test_holds(&test->jump, symbol_value(&test->symbol, one)) !=
            test_holds(&test->jump, symbol_value(&test->symbol, other)))
            return false;
    }
    return true;
}

static inline void add_kind(struct difference *all, size_t word, uint32_t value)
{
    for (uint32_t i = 0; i < all->kind_counts[word]; i++)
        if (is_same_kind(all, word, all->kinds[word][i], value))
            return;
    cr_assert_lt(all->kind_counts[word], KINDS_MAX);
    all->kinds[word][all->kind_counts[word]++] = value;
}

static inline uint32_t mask_of(const struct word_test *test)
{
    return test->symbol.ops > 0 && BPF_OP(test->symbol.done[0].code) == BPF_AND ? test->symbol.done[0].k : UINT32_MAX;
}

static inline void choose_kinds(struct difference *all, size_t word)
{
    all->kind_counts[word] = 0;
    add_kind(all, word, 0);
    for (uint32_t i = 0; i < all->test_counts[word]; i++) {
        const struct word_test *test = &all->tests[word][i];
        uint32_t k = test->jump.k, mask = mask_of(test);
        const uint32_t near[] = { k, k - 1, k + 1, ~k, mask, ~mask, k | ~mask, UINT32_MAX, INT32_MAX, 1 };
        for (size_t j = 0; j < sizeof near / sizeof near[0]; j++)
            add_kind(all, word, near[j]);
        for (unsigned bit = 0; bit < 32; bit++) {
            add_kind(all, word, k ^ (1u << bit));
            add_kind(all, word, 1u << bit);
        }
        for (uint32_t j = 0; j < all->test_counts[word]; j++)
            add_kind(all, word, (k & mask) | (all->tests[word][j].jump.k & ~mask));
    }
}

static inline bool run_differs(struct difference *all, const struct seccomp_data *data)
{
    uint32_t verdicts[2] = { 0, 0 };
    all->runs++;
    return bpf_run(all->programs[0], all->count, data, &verdicts[0]) !=
               bpf_run(all->programs[1], all->count, data, &verdicts[1]) ||
           verdicts[0] != verdicts[1];
}

static inline bool combinations_differ(struct difference *all, uint32_t words[WORDS], size_t word)
{
    if (word == WORDS) {
        struct seccomp_data data;
        memcpy(&data, words, sizeof data);
        return run_differs(all, &data);
    }
    for (uint32_t i = 0; i < all->kind_counts[word]; i++) {
        words[word] = all->kinds[word][i];
        if (combinations_differ(all, words, word + 1))
            return true;
    }
    return false;
}

static inline bool number_differs(struct difference *all, uint32_t arch, uint32_t number)
{
    uint32_t words[WORDS] = { number, arch };
    all->arch = arch;
    all->number = number;
    memset(all->test_counts, 0, sizeof all->test_counts);
    for (size_t i = 0; i < 2; i++) {
        memset(all->seen, 0, all->count * sizeof *all->seen); /* none is of word 0: those are known */
        walk(all, all->programs[i], 0, (struct symbol){ .word = -1 });
    }
    for (size_t word = WORD_ARCH + 1; word < WORDS; word++)
        choose_kinds(all, word);
    return combinations_differ(all, words, WORD_ARCH + 1);
}

/* The programs have the same length. */
static inline bool programs_differ(const struct sock_filter *left, const struct sock_filter *right, uint32_t count)
{
    struct difference *all = calloc(1, sizeof *all);
    cr_assert(all != NULL);
    *all = (struct difference){ .programs = { left, right },
                                .count = count,
                                .seen = calloc(count, sizeof(struct symbol)) };
    const uint32_t arch = filter_native_arch();
    bool differs = false;
    for (uint32_t number = 0; number < 1024 && !differs; number++)
        differs = number_differs(all, arch, number);
    for (unsigned bit = 0; bit < 32 && !differs; bit++)
        differs = number_differs(all, arch, 1u << bit) || number_differs(all, arch, UINT32_MAX ^ (1u << bit)) ||
                  number_differs(all, arch ^ (1u << bit), 0) || number_differs(all, 1u << bit, 0);
    for (uint32_t i = 0; i < 2 * count && !differs; i++) { /* whatever either compares anything with */
        uint32_t k = (i < count ? left[i] : right[i - count]).k;
        for (uint32_t near = k - 1; near != k + 2 && !differs; near++)
            differs = number_differs(all, arch, near) || number_differs(all, near, 1);
    }
    free(all->seen);
    free(all);
    return differs;
}
