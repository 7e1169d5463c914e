"""A worker that does nothing but ship, until it is told to stop by what comes on its standard input: its end."""

import select
import sys
from pathlib import Path

import django


def main() -> None:
    django.setup()
    from simsim.request_log.shipping import Shipper

    shipper = Shipper(Path(sys.argv[1]))
    print("ready", flush=True)
    while True:
        shipped = shipper.ship_once()
        if not shipped and select.select([sys.stdin], [], [], 0.01)[0]:
            return


if __name__ == "__main__":
    main()
