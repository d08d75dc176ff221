/* SPDX-License-Identifier: MIT */
#ifndef CHECK_H
#define CHECK_H
/*
 * A harness for one test program; it holds main. Tests run in the order of the file. A CHECK that
 * fails is reported and its test goes on; it is for the main thread only.
 *
 *     TEST("a new buffer is empty") { CHECK(buf.len == 0); }
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>

static struct {
    const char *name;
    void (*run)(void);
} check_tests[128];
static unsigned check_count, check_broken;
static uint64_t check_seed;

/* A number below `below` that looks random; each test gets the same ones in every run. */
static inline uint64_t check_random(uint64_t below)
{
    check_seed ^= check_seed << 13;
    check_seed ^= check_seed >> 7;
    check_seed ^= check_seed << 17;
    return (check_seed >> 11) % below;
}

#define CHECK(cond)                                                                                \
    ((cond) ? 0 : (check_broken++, fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond)))
#define TEST(sentence) CHECK_AT(sentence, __LINE__)
#define CHECK_AT(sentence, line) CHECK_NEW(sentence, line)
#define CHECK_NEW(sentence, line)                                                                  \
    static void test_##line(void);                                                                 \
    __attribute__((constructor)) static void add_##line(void)                                      \
    {                                                                                              \
        check_tests[check_count].name = sentence;                                                  \
        check_tests[check_count++].run = test_##line;                                              \
    }                                                                                              \
    static void test_##line(void)

int main(void)
{
    const char *program = program_invocation_short_name;
    unsigned failed = 0;
    for (unsigned i = 0; i < check_count; i++) {
        check_broken = 0;
        check_seed = UINT64_C(0x9E3779B97F4A7C15);
        check_tests[i].run();
        if (check_broken > 0 && ++failed > 0)
            fprintf(stderr, "%s: failed: %s\n", program, check_tests[i].name);
    }
    printf("%s: %u passed, %u failed\n", program, check_count - failed, failed);
    return failed > 0;
}

#endif
