"""A process of the demo that prepares the database, sample accounts and sample tokens before the others start."""

import os
import sys

import django

from simsim.demo.installation import Installation
from simsim.problem import Problem


def main() -> int:
    django.setup()
    from simsim.demo.sample_data import prepare  # noqa: PLC0415 - models can be imported only once Django is set up

    try:
        prepare(Installation.from_environment(os.environ))
    except Problem as problem:
        sys.stderr.write(f"simsim: {problem}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
