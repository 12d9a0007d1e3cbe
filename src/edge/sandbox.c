/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "sandbox.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sched.h>
#include <seccomp.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

const char *ks_sandbox_unfit(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return "this is a build with sanitizers";
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
    return "this is a build with sanitizers";
#endif
#endif
    return NULL;
}

/* --- Landlock, by number: the C library has no functions for it --- */

/* Rights that Debian 12's headers (ABI 2) do not name yet, and the rules' attributes as of ABI 4. */
#define FS_TRUNCATE (1ULL << 14)    /* ABI 3 */
#define FS_IOCTL_DEV (1ULL << 15)   /* ABI 5 */
#define NET_BIND_TCP (1ULL << 0)    /* ABI 4 */
#define NET_CONNECT_TCP (1ULL << 1) /* ABI 4 */

struct ruleset_attr {
    uint64_t handled_access_fs, handled_access_net;
};

#define FS_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define FS_WRITE                                                                                     \
    (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG    \
        | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_SOCK \
        | LANDLOCK_ACCESS_FS_REFER | FS_TRUNCATE)
/* What a path that is no directory may be given. */
#define FS_OF_FILES                                                                                          \
    (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | FS_TRUNCATE \
        | FS_IOCTL_DEV)

static uint64_t handled_fs(int abi)
{
    uint64_t rights = LANDLOCK_ACCESS_FS_MAKE_SYM * 2 - 1; /* ABI 1: the first 13 */

    rights |= abi >= 2 ? LANDLOCK_ACCESS_FS_REFER : 0;
    rights |= abi >= 3 ? FS_TRUNCATE : 0;
    rights |= abi >= 5 ? FS_IOCTL_DEV : 0;
    return rights;
}

static enum ks_err allow_path(int ruleset, const struct ks_sandbox_path *path, uint64_t handled)
{
    struct landlock_path_beneath_attr rule = { .parent_fd = open(path->path, O_PATH | O_CLOEXEC) };
    struct stat st;

    if (rule.parent_fd < 0)
        return KS_OK;
    rule.allowed_access = (FS_READ | (path->writable ? FS_WRITE : 0)) & handled;
    bool known = fstat(rule.parent_fd, &st) == 0;
    if (known && !S_ISDIR(st.st_mode))
        rule.allowed_access &= FS_OF_FILES;
    bool added = known && syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0;
    close(rule.parent_fd);
    return added ? KS_OK : KS_EIO;
}

static enum ks_err enter_landlock(const struct ks_sandbox_setup *setup, int *ret_abi)
{
    int abi = (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    struct ruleset_attr attr = { 0 };
    enum ks_err err = KS_OK;

    if (abi <= 0)
        return KS_OK;
    attr.handled_access_fs = handled_fs(abi);
    attr.handled_access_net = abi >= 4 ? NET_BIND_TCP | (setup->connects ? 0 : NET_CONNECT_TCP) : 0;
    size_t attr_size = abi >= 4 ? sizeof attr : sizeof attr.handled_access_fs;
    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, attr_size, 0);
    if (ruleset < 0)
        return KS_EIO;
    for (size_t i = 0; err == KS_OK && i < setup->count; i++)
        err = allow_path(ruleset, &setup->paths[i], attr.handled_access_fs);
    if (err == KS_OK && syscall(SYS_landlock_restrict_self, ruleset, 0) != 0)
        err = KS_EIO;
    close(ruleset);
    *ret_abi = abi;
    return err;
}

enum ks_err ks_sandbox_enter(const struct ks_sandbox_setup *setup, int *ret_landlock)
{
    capng_clear(CAPNG_SELECT_BOTH);
    if (setup->change_user) {
        if (capng_change_id((int)setup->uid, (int)setup->gid, CAPNG_INIT_SUPP_GRP | CAPNG_CLEAR_BOUNDING) != 0)
            return KS_EDENIED;
    } else if (capng_apply(geteuid() == 0 ? CAPNG_SELECT_BOTH : CAPNG_SELECT_CAPS) != 0) {
        return KS_EIO;
    }
    *ret_landlock = 0;
    if (setup->user_only)
        return KS_OK;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return KS_EIO;
    return enter_landlock(setup, ret_landlock);
}

/* --- system calls --- */

/* What threads of konsild need from here on; all else is answered with EPERM. */
static const int allowed_calls[] = {
    /* sockets and the loop; no socket(), bind() or connect(): what listens is open */
    SCMP_SYS(accept4),
    SCMP_SYS(recvfrom),
    SCMP_SYS(recvmsg),
    SCMP_SYS(sendto),
    SCMP_SYS(sendmsg),
    SCMP_SYS(shutdown),
    SCMP_SYS(setsockopt),
    SCMP_SYS(getsockopt),
    SCMP_SYS(getsockname),
    SCMP_SYS(getpeername),
    SCMP_SYS(epoll_wait),
    SCMP_SYS(epoll_pwait),
    SCMP_SYS(epoll_ctl),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    /* files: the store, certificates, the log */
    SCMP_SYS(open),
    SCMP_SYS(openat),
    SCMP_SYS(openat2),
    SCMP_SYS(close),
    SCMP_SYS(read),
    SCMP_SYS(write),
    SCMP_SYS(readv),
    SCMP_SYS(writev),
    SCMP_SYS(pread64),
    SCMP_SYS(pwrite64),
    SCMP_SYS(lseek),
    SCMP_SYS(fstat),
    SCMP_SYS(stat),
    SCMP_SYS(lstat),
    SCMP_SYS(newfstatat),
    SCMP_SYS(statx),
    SCMP_SYS(fsync),
    SCMP_SYS(fdatasync),
    SCMP_SYS(ftruncate),
    SCMP_SYS(fallocate),
    SCMP_SYS(fcntl),
    SCMP_SYS(flock),
    SCMP_SYS(fchmod),
    SCMP_SYS(access),
    SCMP_SYS(faccessat),
    SCMP_SYS(faccessat2),
    SCMP_SYS(readlink),
    SCMP_SYS(readlinkat),
    SCMP_SYS(unlink),
    SCMP_SYS(unlinkat),
    SCMP_SYS(rename),
    SCMP_SYS(renameat),
    SCMP_SYS(renameat2),
    SCMP_SYS(mkdir),
    SCMP_SYS(mkdirat),
    SCMP_SYS(rmdir),
    SCMP_SYS(getdents64),
    SCMP_SYS(getcwd),
    SCMP_SYS(dup),
    SCMP_SYS(dup2),
    SCMP_SYS(dup3),
    SCMP_SYS(umask),
    SCMP_SYS(statfs),
    SCMP_SYS(fstatfs),
    SCMP_SYS(sync_file_range),
    /* memory */
    SCMP_SYS(brk),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    /* time, chance, signals, threads that are there already */
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(nanosleep),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(getrandom),
    SCMP_SYS(futex),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(getuid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(getegid),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(rt_sigtimedwait),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(tgkill),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(rseq),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(getrusage),
    SCMP_SYS(sysinfo),
    SCMP_SYS(uname),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
};

/* What the courier needs beyond that: no files to write, but sockets, and the resolver's threads. */
static const int courier_calls[] = {
    SCMP_SYS(socket),
    SCMP_SYS(socketpair),
    SCMP_SYS(connect),
    SCMP_SYS(bind), /* the resolver's netlink socket */
    SCMP_SYS(sendmmsg),
    SCMP_SYS(ioctl),
    SCMP_SYS(pipe2),
    SCMP_SYS(eventfd2),
};

static bool allow(scmp_filter_ctx filter, const int *calls, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0) != 0)
            return false;
    return true;
}

static bool allow_calls(scmp_filter_ctx filter)
{
    if (!allow(filter, allowed_calls, KS_COUNT(allowed_calls)))
        return false;
    /* The times of an open file (when it goes), of none by its name. */
    if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(utimensat), 1, SCMP_A1(SCMP_CMP_EQ, 0)) != 0)
        return false;
    /* Memory may be had, but not made executable. */
    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)) == 0
        && seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0))
        == 0;
}

/* clone3 hides its flags behind a pointer, so it is answered as by a kernel without it: the C library then calls clone,
 * which may make threads and no processes. */
static bool allow_courier(scmp_filter_ctx filter)
{
    return allow(filter, courier_calls, KS_COUNT(courier_calls))
        && seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0) == 0
        && seccomp_rule_add(
               filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1, SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD))
        == 0;
}

static enum ks_err seal(bool courier)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    bool loaded = filter && seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1) == 0 && allow_calls(filter)
        && (!courier || allow_courier(filter)) && seccomp_load(filter) == 0;

    seccomp_release(filter);
    return loaded ? KS_OK : KS_EIO;
}

enum ks_err ks_sandbox_seal(void)
{
    return seal(false);
}

enum ks_err ks_sandbox_seal_courier(void)
{
    return seal(true);
}
