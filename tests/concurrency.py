"""Works that race each other, each in a thread of its own."""

import threading
from collections.abc import Callable

from django.db import connections

from simsim.problem import Problem


def race(*works: Callable[[], object]) -> list[str]:
    """Start the works at the same moment; return how each ended, sorted: "done", or its Problem's name."""
    outcomes: list[str] = []
    barrier = threading.Barrier(len(works))

    def one(work: Callable[[], object]) -> None:
        barrier.wait()
        try:
            work()
            outcomes.append("done")
        except Problem as problem:
            outcomes.append(type(problem).__name__)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=one, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(outcomes)
