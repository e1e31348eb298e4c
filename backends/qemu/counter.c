/* Counts the instructions that QEMU's guest executes; a plugin for qemu-user.
 *
 *     qemu-aarch64 -plugin counter.so,out=FILE ...
 *
 * Each time the guest asks for its own process group, getpgid(0), which nothing does by itself, the count so far is
 * noted. At the end FILE has a line for each of these marks, and a last one with all there were. A block of code is
 * counted when it is entered: one that is left by a fault counts in full, which is seldom.
 *
 * What is declared here is the part of QEMU's interface for plugins that is used, as its documentation describes it:
 * Debian ships no header.
 */
#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#ifndef PLUGIN_VERSION
#define PLUGIN_VERSION 1
#endif

#define EXPORT __attribute__((visibility("default")))
#define NO_REGISTERS 0 /* the callback reads no registers of the guest */
#define GETPGID 155    /* on aarch64 */
#define MOST 4096

typedef uint64_t plugin_id;
struct qemu_plugin_tb;

extern void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id, void (*)(plugin_id, struct qemu_plugin_tb *));
extern void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *, void (*)(unsigned int, void *), int, void *);
extern void qemu_plugin_register_vcpu_syscall_cb(plugin_id,
                                                 void (*)(plugin_id, unsigned int, int64_t, uint64_t, uint64_t, uint64_t,
                                                          uint64_t, uint64_t, uint64_t, uint64_t, uint64_t));
extern void qemu_plugin_register_atexit_cb(plugin_id, void (*)(plugin_id, void *), void *);
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);

EXPORT int qemu_plugin_version = PLUGIN_VERSION;

static uint64_t count;
static uint64_t marks[MOST];
static unsigned int marked;
static char out[4096];

static void entered(unsigned int cpu, void *instructions)
{
    (void)cpu;
    __atomic_fetch_add(&count, (uint64_t)(uintptr_t)instructions, __ATOMIC_RELAXED);
}

static void translated(plugin_id id, struct qemu_plugin_tb *block)
{
    (void)id;
    qemu_plugin_register_vcpu_tb_exec_cb(block, entered, NO_REGISTERS,
                                         (void *)(uintptr_t)qemu_plugin_tb_n_insns(block));
}

static void called(plugin_id id, unsigned int cpu, int64_t number, uint64_t first, uint64_t a2, uint64_t a3, uint64_t a4,
                   uint64_t a5, uint64_t a6, uint64_t a7, uint64_t a8)
{
    (void)id, (void)cpu, (void)a2, (void)a3, (void)a4, (void)a5, (void)a6, (void)a7, (void)a8;
    if (number == GETPGID && first == 0 && marked < MOST)
        marks[marked++] = __atomic_load_n(&count, __ATOMIC_RELAXED);
}

static void ended(plugin_id id, void *nothing)
{
    (void)id, (void)nothing;
    FILE *file = fopen(out, "w");
    if (!file)
        return;
    for (unsigned int mark = 0; mark < marked; mark++)
        fprintf(file, "%" PRIu64 "\n", marks[mark]);
    fprintf(file, "%" PRIu64 "\n", __atomic_load_n(&count, __ATOMIC_RELAXED));
    fclose(file);
}

EXPORT int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv)
{
    (void)info;
    if (argc != 1 || strncmp(argv[0], "out=", 4) != 0 || strlen(argv[0] + 4) >= sizeof(out)) {
        fprintf(stderr, "counter: expected out=FILE\n");
        return 1;
    }
    strcpy(out, argv[0] + 4);
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_vcpu_syscall_cb(id, called);
    qemu_plugin_register_atexit_cb(id, ended, NULL);
    return 0;
}
