"""Every kind of mail is whole, in the layout, and has facts to be tried with."""

from pathlib import Path

from mail_samples import samples

SOURCES = Path(__file__).parents[2] / "src/simsim"
KINDS = sorted(
    folder for folder in (SOURCES / "mail/templates/mail").iterdir() if folder.is_dir() and folder.name != "parts"
)
READY_MADE = SOURCES / "console/templates/account/email"


def test_every_kind_of_mail_is_tried() -> None:
    """What has no facts in tests/mail_samples.py is in no test and no preview."""
    assert {folder.name for folder in KINDS} | {"ready_made"} == {sample.kind for sample in samples()}
    # The only mail that another room renders.
    assert [path.name for path in READY_MADE.glob("*_message.txt")] == ["password_reset_key_message.txt"]


def test_every_mail_has_a_subject_and_both_bodies_in_the_layout() -> None:
    assert len(KINDS) >= 4
    for folder in KINDS:
        assert {path.name for path in folder.iterdir()} == {"subject.txt", "text.txt", "html.html"}, folder.name
    bodies = [path for folder in (*KINDS, READY_MADE) for path in folder.iterdir() if "subject" not in path.name]
    for path in bodies:
        text = path.read_text(encoding="utf-8")
        assert text.startswith(f'{{% extends "mail/layout{path.suffix}" %}}'), path
        blocks = {name for name in ("happened", "todo") if f"{{% block {name} %}}" in text}
        assert blocks == {"happened", "todo"}, path
        # The styles are the layout's: a mail with its own would fall behind when the look changes.
        assert " style=" not in text, path
