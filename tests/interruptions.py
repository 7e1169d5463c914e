"""A process that is killed as soon as it has done a step."""

import importlib
import os
import signal
from typing import Any


def kill_after(module: str, function: str) -> None:
    """Let this process be killed when the function has returned for the first time."""
    home = importlib.import_module(module)
    step = getattr(home, function)

    def step_and_end(*args: Any, **kwargs: Any) -> None:
        step(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(home, function, step_and_end)
