"""Notes decisions at a steady rate and prints the number of each that was acknowledged, until it is killed."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from actors.audit import AuditBook, AuditLog, AuditPlace, Note
from actors.kernel import ChildSpec, Kernel
from supervisors import Supervisor
from tests.actors.audit.audit_for_tests import decision

PER_S = 1_000


async def main(directory: Path, first: int) -> None:
    kernel = Kernel()
    book = AuditBook()
    spec = ChildSpec(
        id="audit",
        actor_class=AuditLog,
        args=(AuditPlace.of(directory), book),
        kwargs={"segment_bytes": 200_000},
        name="audit",
    )
    await kernel.spawn(Supervisor, (spec,), strategy="one_for_one")

    async def note(number: int) -> None:
        await kernel.ref("audit").call(Note(decision(number)), timeout_s=10)
        sys.stdout.write(f"{number}\n")

    loop = asyncio.get_running_loop()
    began, number = loop.time(), first
    async with asyncio.TaskGroup() as tasks:
        while True:
            while number - first < (loop.time() - began) * PER_S:
                tasks.create_task(note(number))
                book.record(decision(number, "recorded"))
                number += 1
            sys.stdout.flush()
            await asyncio.sleep(0.002)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
