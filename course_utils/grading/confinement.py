"""What the answer process may do: limits of time, memory and files, and on Linux what the kernel forbids to it.

Linux can take rights from a process for good. With seccomp we take the network, further processes and signals to
others, and with Landlock all files but those that Python needs. Where a kernel has neither (and on macOS), the limits
and the end of the whole process group remain.
"""

import ctypes
import itertools
import os
import platform
import resource
import signal
import struct
import sys

LARGEST_FILE = 2**26  # bytes

# Numbers of system calls, from the kernel's tables: arch/x86/entry/syscalls/syscall_64.tbl, scripts/syscall.tbl.
CALLS = {
    "x86_64": {
        "architecture": 0xC000003E,
        "clone": 56,
        "capset": 126,
        "forbidden": {
            # socket, connect, bind, listen
            "network": (41, 42, 49, 50),
            # fork, vfork, execve, execveat, setpgid, setsid
            "processes": (57, 58, 59, 322, 109, 112),
            # kill, tkill, tgkill, rt_sigqueueinfo, rt_tgsigqueueinfo, pidfd_send_signal
            "signals": (62, 200, 234, 129, 297, 424),
            # ptrace, process_vm_readv, process_vm_writev, pidfd_getfd, prlimit64
            "other processes": (101, 310, 311, 438, 302),
            # chmod, fchmod, fchmodat, fchmodat2, chown, fchown, lchown, fchownat
            "rights of files": (90, 91, 268, 452, 92, 93, 94, 260),
            # setxattr, lsetxattr, fsetxattr, utime, utimes, futimesat, utimensat
            "marks of files": (188, 189, 190, 132, 235, 261, 280),
            # io_uring_setup, io_uring_enter, io_uring_register
            "acts outside of the filter": (425, 426, 427),
        },
    },
    "aarch64": {  # it has neither fork, vfork, chmod, chown, lchown, utime, utimes nor futimesat
        "architecture": 0xC00000B7,
        "clone": 220,
        "capset": 91,
        "forbidden": {
            "network": (198, 203, 200, 201),
            "processes": (221, 281, 154, 157),
            "signals": (129, 130, 131, 138, 240, 424),
            "other processes": (117, 270, 271, 438, 261),
            "rights of files": (52, 53, 452, 55, 54),
            "marks of files": (5, 6, 7, 88),
            "acts outside of the filter": (425, 426, 427),
        },
    },
}
CLONE3 = 435
NEW_THREAD = 0x10000  # the flag of clone that says that a thread is asked for, not a process
ALLOW, REFUSE, UNKNOWN = 0x7FFF0000, 0x50001, 0x50026  # the last two give the errors EPERM and ENOSYS
LOAD, EQUAL, AT_LEAST, HAS, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06  # operations of the filter
NO_NEW_PRIVILEGES, SECCOMP, END_WITH_PARENT = 38, 22, 1  # of prctl
RULESET, RULE, RESTRICT = 444, 445, 446  # Landlock's calls have the same numbers on every processor
READ = 0b1101  # execute, read a file, read a folder
WRITES = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}  # version of Landlock: how many kinds of access it knows


def confine(folder, readable, seconds, memory):
    """Take from this process, for good, all that an answer does not need.

    Args:
        folder: the only one that the process may write to.
        readable: further folders that it may read, beside those of Python and the system.
        seconds: of computing.
        memory: bytes beyond those that the process has now.
    Returns:
        The names of what holds: 'limits', 'files' and 'calls'.
    """
    _limit(seconds, memory)
    held = ["limits"]
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(END_WITH_PARENT, signal.SIGKILL, 0, 0, 0)
        libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0)
        held += ["files"] * _hide_files(libc, folder, [*readable, *_of_python()])
        held += ["calls"] * _forbid_calls(libc)
    if "calls" not in held:  # this also forbids threads, and an administrator is exempt
        resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
    return held


def _limit(seconds, memory):
    with open("/proc/self/statm") if sys.platform == "linux" else open(os.devnull) as file:
        pages = (file.read().split() or ["0"])[0]
    limits = {
        "RLIMIT_CPU": (seconds, seconds + 1),
        "RLIMIT_FSIZE": (LARGEST_FILE,) * 2,
        "RLIMIT_CORE": (0, 0),
        "RLIMIT_AS": (int(pages) * resource.getpagesize() + memory,) * 2 if sys.platform == "linux" else None,
    }
    for name, values in limits.items():
        if values is not None:
            resource.setrlimit(getattr(resource, name), values)


def _of_python():
    """The folders that Python and its packages are in, and those of the system that programs read."""
    found = {entry for entry in (sys.prefix, sys.base_prefix, *sys.path) if entry}
    return [*found, *("/usr", "/lib", "/lib64", "/etc", "/proc", "/sys", "/dev")]


def _hide_files(libc, folder, readable):
    """Let this process read some folders and write to one, by Landlock. Returns whether the kernel has it."""
    version = libc.syscall(RULESET, None, 0, 1)
    if version < 1:
        return False
    every = (1 << WRITES.get(version, 16)) - 1
    attributes = struct.pack("<Q", every)
    ruleset = libc.syscall(RULESET, attributes, len(attributes), 0)
    for path, access in [(folder, every), *((path, READ & every) for path in readable)]:
        if os.path.isdir(path):
            place = os.open(path, os.O_PATH | os.O_CLOEXEC)
            if libc.syscall(RULE, ruleset, 1, struct.pack("<Qi", access, place), 0):
                raise OSError(ctypes.get_errno(), f"the folder cannot be made readable: {path}")
            os.close(place)
    done = libc.syscall(RESTRICT, ruleset, 0) == 0
    os.close(ruleset)
    return done


def _forbid_calls(libc):
    """Forbid system calls, by seccomp, and give up the rights of an administrator. Returns whether that is done."""
    calls = CALLS.get(platform.machine())
    if calls is None:
        return False
    # without capabilities, an administrator is a user like others; the file rights of the owner remain
    libc.syscall(calls["capset"], struct.pack("<Ii", 0x20080522, 0), bytes(24))
    program = _program(calls)
    array = ctypes.create_string_buffer(b"".join(program))
    described = struct.pack("HxxxxxxP", len(program), ctypes.addressof(array))
    return libc.prctl(SECCOMP, 2, described, 0, 0) == 0


def _program(calls):
    """The filter, in the machine language of BPF: one step is (operation, jumps if true and if false, number)."""

    def step(operation, number, true=0, false=0):
        return struct.pack("HBBI", operation, true, false, number)

    def refused(number, error=REFUSE):
        return [step(EQUAL, number, 0, 1), step(RETURN, error)]

    steps = [step(LOAD, 4), step(EQUAL, calls["architecture"], 1, 0), step(RETURN, REFUSE)]
    steps += [step(LOAD, 0), step(AT_LEAST, 0x40000000, 0, 1), step(RETURN, REFUSE)]  # x86's calls with short pointers
    for number in itertools.chain(*calls["forbidden"].values()):
        steps += refused(number)
    steps += refused(CLONE3, UNKNOWN)  # its arguments cannot be seen; programs then take clone
    steps += [step(EQUAL, calls["clone"], 0, 3), step(LOAD, 16), step(HAS, NEW_THREAD, 1, 0), step(RETURN, REFUSE)]
    return [*steps, step(RETURN, ALLOW)]
