"""A worker that does nothing but ship, until it is told to stop by what comes on its standard input: its end.

`shipping_process.py SPOOL [ACCESS_LOG...]`, each as SIMSIM_ACCESS_LOGS names it.
"""

import select
import sys
from pathlib import Path

import django


def main() -> None:
    django.setup()
    from simsim.request_log.ship.proxy_formats import parse_access_log
    from simsim.request_log.ship.shipper import Shipper

    shipper = Shipper(Path(sys.argv[1]), access_logs=[parse_access_log(text) for text in sys.argv[2:]])
    print("ready", flush=True)
    while True:
        shipped = shipper.ship_once()
        if not shipped and select.select([sys.stdin], [], [], 0.01)[0]:
            return


if __name__ == "__main__":
    main()
