"""Pages of a list: the query parameters that choose one, and the answer with the next page's cursor and link."""

from collections.abc import Sequence
from typing import Annotated

from django.conf import settings
from django.http import HttpRequest
from pydantic import BaseModel, BeforeValidator, Field

from simsim.api.responses import Answer

MAX_LIMIT = 1000


def whole_number(text: object) -> object:
    """Return the digits of a number as an integer; pydantic would also take 1.0 and 1_0."""
    return int(text) if isinstance(text, str) and text.isascii() and text.isdecimal() and len(text) < 10 else text


class PageQuery(BaseModel):
    """The parameters of every list."""

    limit: Annotated[int, BeforeValidator(whole_number)] = Field(
        50, ge=1, le=MAX_LIMIT, strict=True, description="The number of items on a page."
    )
    cursor: str | None = Field(None, max_length=200, description="The `next_cursor` of the previous page.")


def page_answer(request: HttpRequest, items: Sequence[object], next_cursor: str | None) -> Answer:
    """Return a page, with a link to the next one (RFC 8288)."""
    headers = {}
    if next_cursor is not None:
        query = request.GET.copy()
        query["cursor"] = next_cursor
        address = f"{settings.OPERATOR.base_url.rstrip('/')}{request.path}?{query.urlencode()}"
        headers["Link"] = f'<{address}>; rel="next"'
    return Answer({"items": list(items), "next_cursor": next_cursor}, headers)
