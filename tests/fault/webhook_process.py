"""A worker that does nothing but send webhooks, by a clock that runs faster, until it is killed.

`webhook_process.py BEGAN FACTOR THREADS SECONDS`: the clock stood at BEGAN (seconds of the epoch) when the real one
did; a receiver gets SECONDS for its answer.
"""

import sys
import threading
import time
from datetime import UTC, datetime

import django


def main() -> None:
    django.setup()
    from simsim.webhooks import outbox

    began, factor, threads = float(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
    outbox.ATTEMPT_SECONDS = float(sys.argv[4])
    # The clock runs on during a round, so a round is short.
    outbox.TURN_SECONDS = 0.05

    def work() -> None:
        while True:
            now = datetime.fromtimestamp(began + (time.time() - began) * factor, UTC)
            if not outbox.deliver_due(now=now):
                time.sleep(0.3)

    for _ in range(threads):
        threading.Thread(target=work, daemon=True).start()
    print("ready", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
