"""A worker that does nothing but ship and forward, by a clock that runs faster, until it is killed.

`forwarding_process.py SPOOL BEGAN FACTOR`: the clock stood at BEGAN (seconds of the epoch) when the real one did.
"""

import contextlib
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import django


def main() -> None:
    django.setup()
    from django.conf import settings

    from simsim.delivery.connection import ReceiverUnavailable
    from simsim.forwarding import forwarder
    from simsim.request_log.ship.shipper import Shipper

    began, factor = float(sys.argv[2]), float(sys.argv[3])

    def clock() -> datetime:
        return datetime.fromtimestamp(began + (time.time() - began) * factor, UTC)

    target = settings.FORWARD_TARGET
    assert target
    shipper = Shipper(Path(sys.argv[1]), clock)
    print("ready", flush=True)
    while True:
        done = shipper.ship_once()
        with contextlib.suppress(ReceiverUnavailable):
            done += forwarder.forward_due(target, now=clock())
        if not done:
            time.sleep(0.01)


if __name__ == "__main__":
    main()
