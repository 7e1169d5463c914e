"""A field's label, control, error and help refer to each other, for any typed text."""

import re

import pytest
from django.template import Context, Template

FIELD = Template(
    '{% load console %}{% field "name" label=label error=error help=help is_live=is_live %}'
    "<input {{ field.input }}>{% endfield %}{{ field }}"
)


def rendered(*, error: str = "", help_text: str = "", is_live: bool = False) -> str:
    values = {"label": "Na<me", "error": error, "help": help_text, "is_live": is_live}
    return str(FIELD.render(Context(values)))


def described_by(page: str) -> list[str]:
    found = re.search(r'aria-describedby="([^"]+)"', page)
    return found[1].split() if found else []


@pytest.mark.parametrize("error", ["", "No <b>."])
@pytest.mark.parametrize("help_text", ["", "Say & do."])
@pytest.mark.parametrize("is_live", [False, True])
def test_each_description_of_a_field_exists_and_its_texts_are_escaped(
    error: str, help_text: str, is_live: bool
) -> None:
    page = rendered(error=error, help_text=help_text, is_live=is_live)
    assert 'for="id_name"' in page
    assert "Na&lt;me" in page
    assert re.findall(r'<p [^>]*id="([^"]+)"', page) == described_by(page)
    assert ('aria-invalid="true"' in page) == bool(error)
    assert ("No &lt;b&gt;." in page) == bool(error)
    assert ("Say &amp; do." in page) == bool(help_text)


def test_element_of_a_live_error_is_empty_without_one() -> None:
    """The style sheet hides it only while it is empty, without even a space."""
    assert re.search(r'id="id_name_error"[^>]*></p>', rendered(is_live=True))


def test_field_tag_needs_its_end_tag() -> None:
    assert rendered().rstrip().endswith("</div>")
