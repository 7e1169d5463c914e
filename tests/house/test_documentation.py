"""The documentation is built from what the program is, and the package carries it."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "docs/_sphinx"))

import colours  # noqa: E402


def test_the_site_has_the_consoles_colours() -> None:
    console = (colours.CONSOLE / "simsim.css").read_text(encoding="utf-8")
    sheet = colours.stylesheet(console)
    for name in ("--paper", "--surface", "--ink", "--muted", "--line", "--accent", "--warn-soft"):
        values = {line.split(f"{name}: ")[1].split(";")[0] for line in console.splitlines() if f"{name}: #" in line}
        assert len(values) == 2, name
        assert all(f"{name}: {value};" in sheet for value in values), name
    with pytest.raises(ValueError, match="dark"):
        colours.stylesheet(console.replace('data-bs-theme="dark"', 'data-bs-theme="night"'))


def test_every_page_belongs_to_a_part_of_one_reader() -> None:
    parts = {"start", "operators", "administrators", "integrators", "reference", "security", "design", "decisions"}
    pages = {path.relative_to(ROOT / "docs") for path in (ROOT / "docs").rglob("*.md")}
    assert {page.parts[0] for page in pages if len(page.parts) > 1} == parts
    assert {str(page) for page in pages if len(page.parts) == 1} == {"index.md", "requirements.md", "proof.md"}


def test_the_package_carries_the_site(tmp_path: Path) -> None:
    """The site is not in the repository, so the build must be told to take it in."""
    copy = tmp_path / "checkout"
    site = copy / "src/simsim/console/site"
    site.mkdir(parents=True)
    (site / "index.html").write_text("<h1>Simsim</h1>")
    (copy / "src/simsim/__init__.py").write_text("")
    for name in ("pyproject.toml", "README.md", "LICENSE", ".gitignore"):
        (copy / name).write_bytes((ROOT / name).read_bytes())
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=copy, capture_output=True, check=True, timeout=60)
    (wheel,) = tmp_path.glob("*.whl")
    assert "simsim/console/site/index.html" in zipfile.ZipFile(wheel).namelist()
