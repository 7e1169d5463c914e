"""Charts of usage: readable axes, and shapes for the numbers."""

import re
from datetime import UTC, datetime

import pytest

from simsim.console.formats import percent_of
from simsim.console.usage.axes import MAX_STEPS, TimeAxis, short_duration, short_number, steps, time_axis
from simsim.console.usage.charts import durations_chart, durations_text, requests_chart, requests_text
from simsim.request_log import durations
from simsim.request_log.usage.report import Span, Usage

pytestmark = pytest.mark.covers("B5")
NOW = datetime(2026, 11, 24, 14, 30, tzinfo=UTC)
NAMES = TimeAxis(["Mon 23 Nov", "Tue 24 Nov", "Wed 25 Nov"], [(0, "23 Nov", False), (2, "25 Nov", True)])


@pytest.mark.parametrize(
    ("most", "smallest", "expected"),
    [
        (0, 1, [0, 1]), (1, 1, [0, 1]), (3, 1, [0, 1, 2, 3]), (4, 1, [0, 1, 2, 3, 4]), (5, 1, [0, 2, 4, 6]),
        (100, 1, [0, 50, 100]), (1234, 1, [0, 500, 1000, 1500]), (8_000_000, 1, [n * 2_000_000 for n in range(5)]),
        (0, 0.001, [0, 0.001]), (0.0034, 0.001, [0, 0.001, 0.002, 0.003, 0.004]), (46.3, 0.001, [0, 20, 40, 60]),
        (0.61, 0.001, [0, 0.2, 0.4, 0.6, 0.8]),
    ],
)  # fmt: skip
def test_axis_ends_above_the_largest_value_in_round_steps(most: float, smallest: float, expected: list[float]) -> None:
    assert steps(most, smallest) == pytest.approx(expected)


def test_every_axis_is_short_and_holds_its_values() -> None:
    for power in range(-3, 12):
        for digits in range(10, 100):
            most = digits / 10 * 10.0**power
            scale = steps(most, 0.001)
            assert len(scale) <= MAX_STEPS + 1
            assert scale[-1] >= most * (1 - 1e-9)
            assert scale[-2] < most


def test_numbers_beside_an_axis_are_short() -> None:
    numbers = (0, 800, 1000, 1200, 1500, 20_000, 1_250_000, 3_000_000_000)
    assert [short_number(each) for each in numbers] == [
        "0", "800", "1 k", "1.2 k", "1.5 k", "20 k", "1.25 M", "3 G",
    ]  # fmt: skip
    seconds = (0, 0.001, 0.0005, 0.2, 0.30000000000000004, 1.0, 1.5, 60.0)
    assert [short_duration(each) for each in seconds] == [
        "0", "1 ms", "0.5 ms", "200 ms", "300 ms", "1 s", "1.5 s", "60 s",
    ]  # fmt: skip


def test_bars_are_stacked_and_the_smallest_is_visible() -> None:
    chart = requests_chart([Usage(75, 25), Usage(), Usage(99, 1)], NAMES)
    accepted, refused = (shape.path for shape in chart.shapes)
    assert re.findall(r"M([\d.]+) ([\d.]+)v-([\d.]+)h", accepted) == [
        ("0.11", "100.00", "75.00"), ("2.11", "100.00", "99.00"),
    ]  # fmt: skip
    assert re.findall(r"M([\d.]+) ([\d.]+)v-([\d.]+)h", refused) == [
        ("0.11", "25.00", "25.00"), ("2.11", "1.00", "1.00"),
    ]  # fmt: skip
    assert [(line.at, line.label) for line in chart.lines] == [("100.00%", "0"), ("50.00%", "50"), ("0.00%", "100")]
    assert [(time.at, time.label, time.is_extra) for time in chart.times] == [
        ("16.67%", "23 Nov", False), ("83.33%", "25 Nov", True),
    ]  # fmt: skip
    assert chart.descriptions[0] == "Mon 23 Nov: 100 requests, 25 refused"
    assert "v-0.90h" in requests_chart([Usage(100_000, 1), Usage(), Usage()], NAMES).shapes[1].path


def test_lines_have_gaps_without_answers() -> None:
    took = tuple(8 if number == durations.class_of(0.1) else 0 for number in range(durations.CLASSES))
    chart = durations_chart([Usage(8, 0, took), Usage(3), Usage(8, 0, took)], NAMES)
    assert [shape.kind for shape in chart.shapes] == ["p50", "p95", "p99"]
    for shape in chart.shapes:
        assert re.fullmatch(r"M0\.5 [\d.]+h0M2\.5 [\d.]+h0", shape.path)
    assert chart.descriptions[1] == "Tue 24 Nov: no responses"
    assert durations_chart([Usage(1), Usage(), Usage()], NAMES).shapes[0].path == ""


def test_times_below_the_axis_are_regular() -> None:
    hours = time_axis(Span.last_hours(24, NOW))
    assert (hours.names[0], hours.names[-1]) == ("23 Nov, 15:00", "24 Nov, 14:00")
    assert [label for _, label, is_extra in hours.marks if not is_extra] == ["18:00", "00:00", "06:00", "12:00"]
    assert len(hours.marks) == 8
    week = time_axis(Span.last_days(7, NOW))
    assert (week.names[-1], [label for _, label, _ in week.marks][-1]) == ("Tue 24 Nov", "Tue 24")
    month = time_axis(Span.last_days(30, NOW))
    assert [label for _, label, _ in month.marks] == ["26 Oct", "2 Nov", "9 Nov", "16 Nov", "23 Nov"]
    assert len(time_axis(Span.last_days(90, NOW)).marks) == 5


def test_shares_are_never_rounded_to_zero_or_all() -> None:
    assert [percent_of(part, 10_000) for part in (0, 1, 10, 340, 9_999, 10_000)] == [
        "0 %", "under 0.1 %", "0.1 %", "3.4 %", "99.9 %", "100 %",
    ]  # fmt: skip
    assert percent_of(0, 0) == "0 %"


def test_text_describes_the_chart() -> None:
    assert requests_text(Usage(1)) == "1 request"
    assert requests_text(Usage(1_200, 4)) == "1,204 requests, 4 refused"
    assert durations_text({"p50": 0.012, "p95": None, "p99": 1.25}) == "p50 12 ms, p99 1.25 s"
