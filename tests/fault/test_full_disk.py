"""The disk is full: the API keeps going, and the gap in the log is known to the second."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.conf import settings

from simsim.request_log.gaps import LogGap
from simsim.request_log.models import LoggedRequest, SetAsideLine
from simsim.request_log.ship.shipper import Shipper

REQUESTS = 500
# A mount that only this process sees; without root, the process becomes root in a user namespace.
PRIVATELY = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--mount"]


@pytest.mark.covers("R17")
@pytest.mark.django_db(databases=sorted({"default", settings.REQUEST_LOG_ALIAS}))
def test_on_a_full_disk_the_ballast_keeps_the_api_going_and_the_gap_is_reported(tmp_path: Path) -> None:
    disk, spool = tmp_path / "disk", tmp_path / "spool"
    disk.mkdir()
    child = Path(__file__).with_name("full_disk_process.py")
    done = subprocess.run(
        [*PRIVATELY, sys.executable, child, disk, tmp_path / "simsim.sqlite3", spool],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, f"it needs to mount a small disk, as root or in a user namespace:\n{done.stderr}"
    stages = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(stage["stage"], stage["ballast"]) for stage in stages] == [
        ("room", True), ("full, with ballast", False), ("full, without", False), ("nearly full", False),
        ("room again", False),
    ]  # fmt: skip
    room, full, gone, nearly, again = (stage["statuses"] for stage in stages)
    assert [stage["ends"] for stage in stages] == [stage["statuses"].get("204", 0) for stage in stages]
    assert nearly["503"] == REQUESTS, "what room there is waits for the ends of what was let in"
    assert room == full == again == {"204": REQUESTS}
    # Requests whose lines fitted into the last page of the file were written, and let in.
    assert gone.keys() <= {"204", "503"}
    assert gone["503"] > REQUESTS // 2
    while Shipper(spool).ship_once():
        pass
    assert LoggedRequest.objects.filter(reason="ok").count() == 3 * REQUESTS + gone.get("204", 0)
    told = LogGap.objects.get()
    assert told.requests == gone["503"] + nearly["503"]
    assert LoggedRequest.objects.filter(reason="ok", status=None).count() == 0
    began, ended = (datetime.fromtimestamp(stage["at"], UTC) for stage in stages[1:4:2])
    assert began <= told.began_at <= told.ended_at <= ended
    assert SetAsideLine.objects.count() <= 1  # the line that the disk cut in two
    assert list(spool.glob("gate-*")) == []
