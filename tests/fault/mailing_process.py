"""Starts workers that do nothing but owe and deliver, by a clock that runs faster: one for each line that it is sent.

`mailing_process.py BEGAN NOW FACTOR`: at BEGAN (seconds of the epoch, real) it is NOW (the same, simulated). For each
line on its standard input it forks a worker and prints its process id. Forked, for a process of its own would spend
most of its short life starting.
"""

import os
import signal
import sys
import time
from datetime import UTC, datetime

import django


def main() -> None:
    django.setup()
    from simsim.mail import outbox  # noqa: F401 - imported once, before the forks
    from simsim.tokens import expiry_notices  # noqa: F401

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the killed
    for _ in sys.stdin:
        worker = os.fork()
        if not worker:
            work(*(float(text) for text in sys.argv[1:4]))
        print(worker, flush=True)


def work(began: float, simulated: float, factor: float) -> None:
    from simsim.mail import outbox
    from simsim.tokens import expiry_notices

    while True:
        now = datetime.fromtimestamp(simulated + (time.time() - began) * factor, UTC)
        # One mail at a time, so that leases are counted from a clock that is right.
        claimed = outbox.claim(now)
        if not expiry_notices.owe_due(now=now) + (outbox.deliver(claimed[0], now) if claimed else 0):
            time.sleep(0.02)


if __name__ == "__main__":
    main()
