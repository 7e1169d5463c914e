"""The content of mails: the same in text and HTML, with links only to the console, whatever the names contain."""

import re
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from django.conf import settings

from mail_reading import ADDRESS, Letter, Read, letter
from mail_samples import NOT_SHOWN, Sample, hostile, samples
from simsim.mail.message import MAX_SUBJECT_LENGTH, message, safe_fact, safe_facts

EVERY = [*samples(), *hostile()]
TAGS = set(re.findall(r"\w+", "html head meta title style body table tbody tr td th div h1 h2 p a b bdi br"))
ATTRIBUTES = {"lang", "charset", "name", "content", "role", "class", "style", "href", "scope", "aria-hidden"}
HEADINGS = ["What happened", "What should I do?", "How do I know this is genuine?"]


@pytest.fixture(scope="module", params=EVERY, ids=lambda sample: sample.name)
def sample(request: pytest.FixtureRequest) -> Sample:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def received(sample: Sample) -> Letter:
    """Made once for all tests of a sample."""
    return letter(sample.mail)


def words(text: str) -> list[str]:
    """Return the words, without the colons and quote marks of the text, where HTML has a table."""
    return re.sub("[:>]", " ", text).split()


def said_by(received: Letter) -> tuple[str, str]:
    """Return the words of the text and of the HTML below the logo and the title."""
    text = re.sub(r"^> ?", "", received.text, flags=re.MULTILINE)
    html = Read(received.html).text
    return text, html[html.index(HEADINGS[0]) :]


@pytest.mark.covers("R8", "R19")
def test_text_and_html_answer_the_three_questions_in_the_same_words(received: Letter) -> None:
    text, html = said_by(received)
    assert words(text) == words(html)
    assert [line for line in received.text.splitlines() if line in HEADINGS] == HEADINGS
    assert Read(received.html).headings == HEADINGS


@pytest.mark.covers("R8")
def test_every_fact_is_in_the_text_and_in_the_html(sample: Sample, received: Letter) -> None:
    text, html = (" ".join(said.split()) for said in said_by(received))
    for name, fact in safe_facts(sample.facts).items():
        values = fact if isinstance(fact, list) else [fact]
        if name in NOT_SHOWN or sample.kind == "ready_made":
            continue
        for value in values:
            if isinstance(value, bool) or not value:
                continue
            expected = " ".join(str(value).split())
            assert expected in text, name
            assert expected in html, name


@pytest.mark.covers("R8")
def test_every_link_leads_to_the_console_and_is_explained_once(received: Letter) -> None:
    """In text, each is alone on the line below its label; in HTML, it is a button with the address below it."""
    ours = urlsplit(settings.OPERATOR.base_url)
    read = Read(received.html)
    lines = received.text.splitlines()
    in_text = [line for line in lines if ADDRESS.fullmatch(line)]
    assert read.links
    assert [address for address, _ in read.links] == in_text
    assert len(set(in_text)) == len(in_text)
    for address, label in read.links:
        assert urlsplit(address)[:2] == ours[:2]
        assert lines[lines.index(address) - 1] == f"{label}:"
        assert len(label) > 3
        assert "://" not in label
        assert f">{address}</p>" in received.html.replace("&amp;", "&")
    for found in ADDRESS.findall(received.text) + ADDRESS.findall(read.text):
        assert urlsplit(found)[:2] == ours[:2], "a mail program makes a link of what looks like one"


@pytest.mark.covers("R8", "R17")
def test_no_password_is_in_a_mail(received: Letter) -> None:
    """Not even when somebody wrote one into a token's name."""
    for shown_to_people in (str(received.parsed["Subject"]), received.text, received.html):
        assert not re.search(r"sim_[0-9A-Za-z]", shown_to_people)


def test_html_is_well_formed_without_scripts_or_external_resources(received: Letter) -> None:
    read = Read(received.html)
    assert read.faults == []
    assert read.tags <= TAGS
    assert read.attributes <= ATTRIBUTES
    assert "url(" not in received.html


@pytest.mark.parametrize("sample", list(samples()), ids=lambda sample: sample.name)
def test_elements_keep_their_look_without_the_style_sheet(sample: Sample) -> None:
    html = letter(sample.mail).html.partition("</style>")[2]
    bare = [tag for tag in re.findall(r"<(?:body|table|td|th|h1|h2|p|a)\b[^>]*>", html) if " style=" not in tag]
    assert bare == []


@pytest.mark.covers("R19")
def test_mail_about_a_new_token_leads_to_revoking_it() -> None:
    created = next(sample for sample in samples() if sample.kind == "token_created")
    (unknown, label), (token, _) = Read(letter(created.mail).html).links
    assert unknown == f"{token}revoke/?reason=not_recognised"
    assert label == "I don’t recognise this token"


def test_text_that_somebody_wrote_can_not_pass_for_ours() -> None:
    """A purpose of several lines is quoted, so that none of its lines looks like a heading, a link or the end."""
    attack = next(sample for sample in hostile() if sample.kind == "token_requested")
    lines = letter(attack.mail).text.splitlines()
    assert [line for line in lines if line.endswith(HEADINGS[1])] == [f"> {HEADINGS[1]}", HEADINGS[1]]
    assert "> https: //evil.example/revoke/" in lines


@pytest.mark.parametrize(
    ("fact", "becomes"),
    [
        ("a\r\nBcc: b", "a Bcc: b"),
        ("a\u2028b\x00c\ud800", "a b c"),
        ("gnp.\u202etxt\u202c", "gnp.txt"),
        ("http://localhost:8000.evil.example/", "http: //localhost:8000.evil.example/"),
        ("http://localhost:8000@evil.example/", "http: //localhost:8000@evil.example/"),
        ("http://localhost:8000/a b", "http: //localhost:8000/a b"),
        ("http://localhost:8000/a", "http://localhost:8000/a"),
        ("See WWW.evil.example", "See WWW .evil.example"),
        ("2001:db8::/48", "2001:db8::/48"),
        (["a\nb"], ["a b"]),
        (3, 3),
    ],
)
def test_facts_are_shown_without_what_misleads(fact: object, becomes: object) -> None:
    assert safe_fact(fact) == becomes


def test_name_is_one_line_and_only_a_purpose_has_several() -> None:
    facts = {"token_name": "a\r\nb", "purpose": "a\r\nb"}
    assert safe_facts(facts) == {"token_name": "a b", "purpose": "a\nb"}


ABOUT_ONE_TOKEN = [sample for sample in samples() if "token_name" in sample.facts]


@pytest.mark.covers("R8", "R9")
@pytest.mark.parametrize("sample", ABOUT_ONE_TOKEN, ids=lambda sample: sample.name)
def test_subject_names_the_token(sample: Sample) -> None:
    """Ten mails about ten tokens of one account can be told apart in a list of mails."""
    assert f"API token “{sample.facts['token_name']}”" in message(sample.mail).subject


@pytest.mark.covers("R8", "R9")
@pytest.mark.parametrize("sample", ABOUT_ONE_TOKEN, ids=lambda sample: sample.name)
def test_long_names_are_shortened_in_their_middle_so_that_a_subject_says_what_happened(sample: Sample) -> None:
    long = {"token_name": f"Sales report {'x' * 90} 2027", "account": f"Acme {'y' * 90} Ltd"}
    if "asker" in sample.facts:
        long["asker"] = f"bob@{'z' * 200}.example"
    ordinary = str(message(sample.mail).subject)
    subject = str(message(replace(sample, facts=sample.facts | long).mail).subject)
    assert len(subject) <= MAX_SUBJECT_LENGTH
    assert re.search("“Sales rep.*….* 2027”", subject)
    assert re.search("Acme .*….* Ltd", subject)
    names = [str(sample.facts[name]) for name in long]
    kept = re.split("|".join(map(re.escape, names)), ordinary)
    assert all(words in subject for words in kept)
