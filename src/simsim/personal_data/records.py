"""The rows that name a person, by kind of row."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.conf import settings
from django.db.models import Model, Q

from simsim.accounts.actions import parse_email
from simsim.accounts.models import User
from simsim.audit import journal
from simsim.personal_data.mentions import Mentions, as_texts
from simsim.personal_data.places import ENCRYPTED, Place, places
from simsim.problem import gettext_noop

STEP = 500
NOBODY = gettext_noop("Nothing is stored about “%(email)s”.")
JOURNAL = "revocation journal"
JOURNAL_KEPT = "a file that is only appended to; its oldest lines go once it has 8 MiB"


@dataclass(frozen=True)
class Person:
    """A person by their address. `user` is None if nobody signs in with it: rows can name them all the same."""

    mentions: Mentions
    user: User | None

    @property
    def user_id(self) -> int | None:
        return self.user.pk if self.user else None


@dataclass(frozen=True)
class Records:
    """The rows of one kind: their number, the columns that name the person, and what an erasure does to them."""

    kind: str
    rows: int
    where: tuple[str, ...]
    erasure: str

    def document(self) -> dict[str, object]:
        return {"kind": self.kind, "rows": self.rows, "where": list(self.where), "erasure": self.erasure}


def person_of(email: str) -> Person:
    """Return the person with this address; raise Invalid for any other text: an erasure would replace it everywhere."""
    address = parse_email(email)
    return Person(Mentions(address), User.objects.filter(email=address).first())


def records_of(person: Person) -> list[Records]:
    """Return what is stored about the person, without the log. It reads every text of the database."""
    found = []
    for place in places():
        rows, where = 0, set()
        for row in rows_in(place, person):
            rows += 1
            where |= set(naming(place, row, person))
        if rows:
            erasure = f"kept: {place.kept}" if place.kept else ("deleted" if place.owned else "replaced")
            found.append(Records(place.name, rows, tuple(sorted(where)), erasure))
    if lines := journal_lines(person):
        found.append(Records(JOURNAL, lines, (str(settings.JOURNAL),), f"kept: {JOURNAL_KEPT}"))
    return found


def rows_in(place: Place, person: Person) -> Iterator[Model]:
    """Yield the rows of the place that name the person or refer to their user, in the order of their ids."""
    references = Q(pk__in=[])
    if person.user_id is not None:
        for column in place.references:
            references |= Q(**{column: person.user_id})
    likely = person.mentions.condition(place.texts) | ENCRYPTED.get(place.model, Q(pk__in=[]))
    rows = place.rows().alias(**as_texts(place.texts)).filter(likely | references).order_by("pk")
    for row in rows.iterator(chunk_size=STEP):
        if naming(place, row, person):
            yield row


def naming(place: Place, row: Model, person: Person) -> list[str]:
    """Return the columns in which a row names the person."""
    texts = [column for column in place.texts if person.mentions.are_in(getattr(row, column))]
    if person.user_id is None:
        return texts
    return texts + [column for column in place.references if getattr(row, column) == person.user_id]


def journal_lines(person: Person) -> int:
    """Return the number of lines of this node's revocation journal that name the person."""
    path = settings.JOURNAL
    files = [each for each in (journal.previous(path), path) if each.exists()]
    lines = (line for file in files for line in file.read_text(encoding="utf-8", errors="replace").splitlines())
    return sum(map(person.mentions.are_in, lines))
