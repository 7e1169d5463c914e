"""The sparkline with each token's requests per day."""

from collections.abc import Sequence

from django.utils.html import format_html
from django.utils.safestring import SafeString

STEP, HEIGHT = 3, 20


def sparkline(days: Sequence[int]) -> SafeString:
    """Return an SVG with one bar for each day. Screen readers skip it, and read the number next to it."""
    most = max(days, default=0)
    if not most:
        return SafeString("")
    path = "".join(
        [
            f"M{place * STEP + 1} {HEIGHT}v-{max(1.0, HEIGHT * count / most):.1f}"
            for place, count in enumerate(days)
            if count
        ]
    )
    width = len(days) * STEP
    return format_html(
        '<svg class="spark" viewBox="0 0 {} {}" width="{}" height="{}" aria-hidden="true" focusable="false">'
        '<path class="spark-base" d="M0 {}h{}"/><path d="{}"/></svg>',
        width, HEIGHT, width, HEIGHT, HEIGHT - 0.5, width, path,
    )  # fmt: skip
