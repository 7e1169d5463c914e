"""A worker that ships into ClickHouse, and kills itself at a given point: `killed_shipping.py SPOOL POINT`.

At the point "never", it ships until nothing is left.
"""

import os
import secrets
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import django


def die(*_arguments: Any, **_named: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def after(function: Any) -> Any:
    """Return the function, followed by the worker's death."""
    return lambda *arguments, **named: die(function(*arguments, **named))


def during(function: Any) -> Any:
    """Return the function, with the worker's death while it runs, or soon afterwards."""

    def run(*arguments: Any, **named: Any) -> None:
        threading.Thread(target=function, args=arguments, kwargs=named).start()
        time.sleep(secrets.randbelow(12) / 1000)
        die()

    return run


def forgotten(function: Any) -> Any:
    """Return the insertion as a server sees it that has forgotten the block's token, followed by the worker's death."""
    return lambda *arguments, token, **named: die(function(*arguments, token=f"{token}-{os.getpid()}", **named))


def prepare(point: str) -> None:
    from simsim.request_log.clickhouse import server
    from simsim.request_log.ship import owed_rows

    match point:
        case "in the transaction":
            owed_rows._owe = after(owed_rows._owe)
        case "after the transaction":
            server.insert = die
        case "during the insertion":
            server.insert = during(server.insert)
        case "after the insertion":
            server.insert = after(server.insert)
        case "after an insertion that is forgotten":
            server.insert = forgotten(server.insert)


def main() -> None:
    django.setup()
    from simsim.request_log.ship.shipper import Shipper

    prepare(sys.argv[2])
    shipper = Shipper(Path(sys.argv[1]))
    while shipper.ship_once():
        pass


if __name__ == "__main__":
    main()
