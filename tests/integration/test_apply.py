"""`simsim apply` brings the database to what a file says: whole, once, and by the rules of every other change."""

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from cast import Cast
from declared_accounts import CHANGES_OF_ONE, declared
from simsim.accounts.models import Account, Membership
from simsim.accounts.permissions import OPERATOR
from simsim.audit import journal
from simsim.audit.models import AuditEvent
from simsim.mail.models import OwedMail
from simsim.operations.command_line import run
from simsim.operations.declaration.changes import Action, Change
from simsim.tokens import account_closure
from simsim.tokens.notice_policy import Audience, Notice, policy_of
from simsim.tokens.policies import DEFAULT as TOKEN_DEFAULT
from simsim.tokens.policies import policies_of
from verbs import WIRING, Simsim

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.covers("B7")]
FILE = """\
software:
  - slug: looker
    name: Looker
accounts:
  - name: Acme
    people:
      - email: alice@acme.example
        role: member
      - email: Bob@Acme.example
        role: administrator
      - {email: dora@acme.example, role: member}
    notices:
      as: bob@acme.example
      token_expired: nobody
      early_days: [14, 7]
  - name: no
    external_id: 0123
    people:
      - email: eve@umbrella.example
        role: administrator
        invite: false
"""
CHANGES = [
    ("add", "software", "looker", None, None, "Looker"),
    ("add", "person", "dora@acme.example", "Acme", None, "member, invited by email"),
    ("change", "person", "bob@acme.example", "Acme", "member", "administrator"),
    ("change", "person", "alice@acme.example", "Acme", "administrator", "member"),
    ("change", "notices", "token_expired", "Acme", "creator", "nobody"),
    ("change", "notices", "early_days", "Acme", "none", "14, 7"),
    ("add", "account", "no", None, None, None),
    ("add", "person", "eve@umbrella.example", "no", None, "administrator"),
]


class Files:
    """Applies texts as files."""

    def __init__(self, folder: Path, simsim: Simsim) -> None:
        self.path, self.simsim = folder / "accounts.yaml", simsim

    def apply(self, text: str, *options: str, fails: int = 0) -> Any:
        """Return the changes as tuples, or the line with which it failed."""
        self.path.write_text(text, encoding="utf-8")
        said = self.simsim("apply", str(self.path), *options, fails=fails)
        return said.replace(str(self.path), "FILE") if fails else [tuple(change.values()) for change in said["changes"]]


@pytest.fixture
def files(tmp_path: Path, simsim: Simsim) -> Files:
    return Files(tmp_path, simsim)


def state() -> tuple[Any, ...]:
    rows = (Account.objects.order_by("pk"), Membership.objects.order_by("pk"), AuditEvent.objects.order_by("pk"))
    return *(list(each.values()) for each in rows), OwedMail.objects.count()


def test_file_is_applied_once_and_audited(files: Files, cast: Cast) -> None:
    assert files.apply(FILE) == CHANGES
    new = Account.objects.get(external_id="0123")
    assert new.name == "no"
    assert policy_of(cast.acme.pk).audience(Notice.EXPIRED) == Audience.NOBODY
    assert AuditEvent.objects.filter(account_id=new.pk, actor_label="operator").count() == 2
    assert AuditEvent.objects.get(event="account.notices_changed").actor_label == "bob@acme.example"
    assert OwedMail.objects.filter(kind="invited").count() == 1
    before = state()
    assert files.apply(FILE) == []
    assert state() == before


def test_dry_run_shows_the_changes_and_makes_none(files: Files, cast: Cast) -> None:
    before = state()
    assert files.apply(FILE, "--dry-run") == CHANGES
    assert state() == before


def test_people_are_removed_only_if_the_file_says_so(files: Files, cast: Cast) -> None:
    people = "accounts:\n- name: Acme\n  people:\n  - {email: alice@acme.example, role: administrator}\n"
    assert files.apply(people) == []
    gone = ("remove", "person", "bob@acme.example", "Acme", "member", None)
    assert files.apply(f"{people}  prune_people: true\n", "--dry-run") == [gone]
    assert files.apply(f"{people}  - {{email: bob@acme.example, state: absent}}\n") == [gone]
    assert files.apply(f"{people}  - {{email: bob@acme.example, state: absent}}\n") == []


@pytest.mark.covers("R1")
def test_account_keeps_an_administrator_and_nothing_else_is_changed(files: Files, cast: Cast) -> None:
    before = state()
    line = files.apply(
        "accounts:\n- name: Initech\n- name: Acme\n  people:\n  - {email: alice@acme.example, role: member}\n", fails=4
    )
    assert line.startswith("FILE, line 5: alice@acme.example is the last administrator of the account.")
    assert state() == before


@pytest.mark.covers("R1")
def test_notices_are_set_only_on_behalf_of_an_administrator(files: Files, cast: Cast) -> None:
    notices = "accounts:\n- name: Acme\n  notices:\n    {}token_expired: nobody\n"
    assert "FILE, line 4: “as” is missing" in files.apply(notices.format(""), fails=2)
    assert files.apply(notices.format("as: bob@acme.example\n    "), fails=5).startswith("FILE, line 4: ")
    assert files.apply(notices.format("as: charlie@globex.example\n    "), fails=3).startswith("FILE, line 4: ")


POLICIES = """\
accounts:
- name: Acme
  people:
  - {email: dora@acme.example, role: administrator}
  policies:
    as: alice@acme.example
    max_lifetime_days: 365
    needs_allowlist: true
    min_ipv4_prefix: 16
    min_ipv6_prefix: none
    retrieval: creator
    leak_response: pause
    max_idle_days: 90
    approval_above_days: 30
    approval_if_open: true
    second_factor: true
    single_sign_on: administrators
"""


@pytest.mark.covers("B10")
def test_policies_are_set_once_and_on_behalf_of_an_administrator(files: Files, cast: Cast) -> None:
    wanted = [
        ("max_lifetime_days", "none", "365"), ("needs_allowlist", "false", "true"), ("min_ipv4_prefix", "none", "16"),
        ("retrieval", "administrators", "creator"), ("leak_response", "revoke", "pause"),
        ("max_idle_days", "none", "90"), ("approval_above_days", "none", "30"), ("approval_if_open", "false", "true"),
        ("second_factor", "false", "true"), ("single_sign_on", "off", "administrators"),
    ]  # fmt: skip
    changes = [("change", "policy", name, "Acme", before, after) for name, before, after in wanted]
    before = state()
    assert files.apply(POLICIES, "--dry-run")[1:] == changes
    assert (state(), policies_of(cast.acme).own) == (before, TOKEN_DEFAULT)
    assert files.apply(POLICIES)[1:] == changes
    own = policies_of(cast.acme).own
    assert (own.max_lifetime_days, own.min_ipv6_prefix, own.approval_above_days) == (365, None, 30)
    recorded = AuditEvent.objects.filter(event__endswith="policy_changed").order_by("pk")
    assert [event.actor_label for event in recorded] == ["alice@acme.example", "operator", "operator"]
    before = state()
    assert files.apply(POLICIES) == []
    assert state() == before
    # The operator applies the file, so it can also loosen what no administrator may.
    loosened = POLICIES.replace("approval_above_days: 30", "approval_above_days: none")
    assert files.apply(loosened) == [("change", "policy", "approval_above_days", "Acme", "30", "none")]


@pytest.mark.covers("B10")
def test_policy_that_is_refused_changes_nothing(files: Files, cast: Cast) -> None:
    before = state()
    alone = POLICIES.replace("{email: dora@acme.example, role: administrator}", "{email: x@acme.example, role: member}")
    assert files.apply(alone, fails=2).startswith("FILE, line 6: Add a second administrator first")
    assert "FILE, line 6: “as” is missing" in files.apply(POLICIES.replace("as: alice@acme.example\n    ", ""), fails=2)
    assert files.apply(POLICIES.replace("as: alice", "as: bob"), fails=5).startswith("FILE, line 6: ")
    mistakes = POLICIES.replace("365", "0").replace("16", "33").replace(" creator", " nobody").replace("90", "x")
    mistakes = mistakes.replace("single_sign_on: administrators", "sign_on: off").replace("_open: true", "_open: yes")
    assert files.apply(mistakes, fails=2) == (
        "FILE, line 7: write a number from 1 to 3653 or none here "
        "FILE, line 9: write a number from 1 to 32 or none here "
        "FILE, line 11: write administrators or creator or off here "
        "FILE, line 13: write a number from 14 to 3653 or none here "
        "FILE, line 15: write true or false here "
        "FILE, line 17: “sign_on” has no meaning here. Did you mean “single_sign_on”?"
    )
    assert state() == before


def test_account_is_found_by_its_external_id_and_renamed(files: Files, cast: Cast) -> None:
    files.apply("accounts:\n- {name: Initech, external_id: crm-7}\n")
    renamed = "accounts:\n- {name: Initrode, external_id: crm-7}\n- name: Initech\n"
    assert files.apply(renamed) == [
        ("change", "account", "Initrode", None, "Initech", "Initrode"),
        ("add", "account", "Initech", None, None, None),
    ]
    assert files.apply(renamed) == []


def test_closed_account_is_refused(files: Files, cast: Cast, now: datetime) -> None:
    account_closure.close_account(actor=OPERATOR, account=cast.acme, now=now)
    assert files.apply("accounts:\n\n- name: Acme\n", fails=4) == "FILE, line 3: The account “Acme” is closed."


def test_software_is_not_renamed(files: Files, cast: Cast) -> None:
    files.apply("software:\n- {slug: looker, name: Looker}\n")
    line = files.apply("software:\n- {slug: looker, name: Look}\n", fails=4)
    assert line == "FILE, line 2: The catalogue has “looker” as “Looker”, which can't be renamed."


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "FILE, line 1: the file is empty"),
        ("- Acme\n", "FILE, line 1: write keys and values here: accounts, software"),
        ("acounts: []\n", "FILE, line 1: “acounts” has no meaning here. Did you mean “accounts”?"),
        ("accounts:\n- name: A\n  peple: []\n", "FILE, line 3: “peple” has no meaning here. Did you mean “people”?"),
        ("accounts:\n- name: A\n  name: B\n", "FILE, line 3: “name” is given twice"),
        ("accounts:\n- people: []\n", "FILE, line 2: “name” is missing"),
        ("accounts:\n- name: ~\n", "FILE, line 2: a value is missing here"),
        ("accounts:\n- name: ''\n", "FILE, line 2: a value is missing here"),
        ("accounts:\n- name: [A]\n", "FILE, line 2: write one plain value here, without a tag"),
        ("accounts:\n- name: !!python/name:os.system x\n", "FILE, line 2: write one plain value here, without a tag"),
        ("accounts:\n- name: A\n  prune_people: yes\n  people: []\n", "FILE, line 3: write true or false here"),
        ("accounts:\n- name: A\n  prune_people: true\n", "FILE, line 3: “prune_people” needs “people”: those who stay"),
        ("accounts:\n- name: A\n  people:\n  - email: a@b.example\n", "FILE, line 4: “role” is missing"),
        (
            "accounts:\n- name: A\n  people:\n  - {email: a@b.example, role: admin}\n",
            "FILE, line 4: write administrator or member here",
        ),
        (
            "accounts:\n- name: A\n  people:\n  - {email: a, role: member}\n",
            "FILE, line 4: This is not an email address.",
        ),
        (
            "accounts:\n- name: A\n  notices:\n    as: a@b.example\n    token_revoked: me\n    early_days: [3]\n",
            "FILE, line 5: write administrators or creator or nobody here FILE, line 6: write 30 or 14 or 7 or 1 here",
        ),
        ("accounts:\n- name: Acme\n- name: ACME\n", "FILE, line 3: the same name as on line 2"),
        (
            "accounts:\n- &a {name: A}\n- *a\n",
            "FILE, line 2: anchors and aliases are not allowed: write the value again",
        ),
        ("accounts:\n- <<: {name: A}\n", "FILE, line 2: “<<” is not allowed: write the values again"),
        ("accounts:\n\t- name: A\n", "FILE, line 2: found character '\\t' that cannot start any token"),
        ("accounts: []\n---\naccounts: []\n", "FILE, line 2: but found another document"),
        ("accounts:\n- name: \x07\n", "FILE, line 2: there is a control character here"),
        ("[" * 1000, "FILE, line 1: the lists are nested too deeply"),
    ],
)
def test_mistake_is_named_with_its_line_and_changes_nothing(files: Files, cast: Cast, text: str, says: str) -> None:
    before = state()
    assert says in files.apply(text, fails=2)
    assert state() == before


def test_file_that_is_not_utf8_is_named_with_the_line(files: Files, db: None) -> None:
    files.path.write_bytes("accounts:\n- name: Müller\n".encode("latin-1"))
    assert f"{files.path}, line 2: this is not UTF-8" in files.simsim("apply", str(files.path), fails=2)


def test_each_account_takes_few_statements(files: Files, db: None) -> None:
    text = declared(20)
    with CaptureQueriesContext(connection) as statements:
        assert len(files.apply(text)) == 20 * CHANGES_OF_ONE
    assert len(statements) < 20 * 80
    with CaptureQueriesContext(connection) as statements:
        assert files.apply(text) == []
    assert len(statements) < 20 * 10


def test_people_see_a_line_for_each_change(files: Files, cast: Cast, capsys: pytest.CaptureFixture[str]) -> None:
    files.path.write_text(FILE, encoding="utf-8")
    assert run(["apply", str(files.path), "--dry-run"], wiring=WIRING) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[2:4] == [
        "~ person “Acme”, bob@acme.example: member → administrator",
        "~ person “Acme”, alice@acme.example: administrator → member",
    ]
    assert told[-1] == "8 changes, not made because of --dry-run."
    assert Change(Action.REMOVE, "person", "bob@acme.example", "Acme", "member").line().startswith("\x1b[31m- person")


@pytest.mark.parametrize("is_dry_run", [True, False])
def test_name_that_looks_like_another_is_made_with_a_warning(
    cast: Cast, tmp_path: Path, capsys: pytest.CaptureFixture[str], is_dry_run: bool
) -> None:
    path = tmp_path / "accounts.yaml"
    path.write_text("accounts: [{name: Gl0bex}, {name: Initech}, {name: Fresh Ltd}, {name: lnitech}]")
    assert run(["apply", str(path), *(["--dry-run"] if is_dry_run else [])], wiring=WIRING) == 0
    warned = capsys.readouterr().err.splitlines()
    assert len(warned) == 3
    assert warned[0] == ("simsim: warning: “Gl0bex” looks like “Globex”. Choose a name that nobody mistakes for it.")
    assert all("Fresh" not in line for line in warned)
    assert run(["apply", str(path)], wiring=WIRING) == 0
    assert bool(capsys.readouterr().err) is is_dry_run, "a file that changes nothing warns again"


def test_dry_run_leaves_nothing_in_the_revocation_journal(
    cast: Cast, tmp_path: Path, settings: Settings, simsim: Simsim
) -> None:
    settings.JOURNAL = tmp_path / "journal.jsonl"
    path = tmp_path / "accounts.yaml"
    path.write_text("accounts: [{name: Acme, people: [{email: bob@acme.example, state: absent}]}]")
    assert len(simsim("apply", str(path), "--dry-run")["changes"]) == 1
    assert not settings.JOURNAL.exists()
    simsim("apply", str(path))
    assert len(journal.read(settings.JOURNAL).changes) == 1
