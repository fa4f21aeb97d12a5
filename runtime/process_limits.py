"""What the system allows the process: how many open files, and how many of them its clients may take; core files;
memory that is free again.

Systems begin a process with a soft limit of 1024, for programs that still use `select`; the node does not, so it takes
what the hard limit allows. A part stays for the node itself: without it a flood of connections would leave it no file
for its journal.
"""

from __future__ import annotations

import resource

RESERVED = 384
FEWEST_CONNECTIONS = 16
MOST_OPEN_FILES = 1_048_576


def raise_open_files() -> int:
    """Raises the soft limit as far as the hard one allows, never lowers it; gives what holds now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_OPEN_FILES)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return limit_of(soft)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError):  # a system that says "no limit" and means another figure
        return limit_of(soft)
    return wanted


def forbid_core_files() -> None:
    """A crash of the interpreter leaves no image of the memory on the disk: keys and prompts are in it.

    One byte is too little for a file, and is what Linux takes for "no program either": with 0 it still hands the image
    to the one that collects them (`core_pattern`), which may keep it.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0 if hard == 0 else 1, hard))


def give_back_memory() -> None:
    """Has the C library give back to the system what was freed. After a flood of large answers it keeps most of that:
    they were made on several threads, and small things that live on lie between them. Takes milliseconds; for a
    thread. Does nothing where the library is not glibc."""
    import ctypes  # noqa: PLC0415 - most nodes never see a flood

    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def open_files() -> int:
    """The soft limit."""
    return limit_of(resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def limit_of(soft: int) -> int:
    """A limit as a number, also where there is none."""
    return MOST_OPEN_FILES if soft == resource.RLIM_INFINITY else soft


def room_for(asked: int, listeners: int, limit: int) -> int:
    """How many connections each of so many listeners may have open, of `asked`, with `limit` files in all."""
    return min(asked, max(FEWEST_CONNECTIONS, (limit - RESERVED) // listeners))
