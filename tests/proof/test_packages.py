"""The whole release: the documentation site, and every package of the lock, installed from their own files."""

import zipfile
from pathlib import Path

import pytest

import packages

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("packages")


@pytest.fixture(scope="module")
def release(scratch: Path) -> Path:
    return packages.build(scratch, is_small=False)


@pytest.fixture(scope="module")
def downloads(release: Path, scratch: Path) -> Path:
    return packages.download(packages.lock_of(release), scratch / "downloads")


@pytest.fixture(scope="module")
def installed(release: Path, downloads: Path, scratch: Path) -> Path:
    """The `bin` folder of an environment into which the lock was installed."""
    return packages.install(packages.lock_of(release), scratch / "environment", downloads)


@pytest.fixture(scope="module")
def unpacked(release: Path, downloads: Path, scratch: Path) -> Path:
    """The root into which the Debian package was unpacked."""
    return packages.unpacked_debian_package(scratch, release, downloads)


def test_the_wheel_carries_the_whole_site(release: Path) -> None:
    (wheel,) = release.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        pages = {name for name in archive.namelist() if name.startswith("simsim/console/site/")}
    written = {
        path.relative_to(packages.ROOT / "docs").with_suffix(".html") for path in packages.ROOT.glob("docs/*/*.md")
    }
    assert {f"simsim/console/site/{page}" for page in written} <= pages


def test_what_is_installed_agrees_with_itself_and_serves(installed: Path, scratch: Path) -> None:
    """Every requirement of every installed package is met by another one, so the lock is complete."""
    done = packages.pip("--python", installed / "python", "check", folder=scratch)
    assert "No broken requirements" in done.stdout
    data = scratch / "data"
    printed = packages.run(installed / "python", "-c", "import simsim, sys; print(simsim, sys.path)", data=data)
    assert str(packages.ROOT) not in printed
    packages.run(installed / "simsim", "migrate", data=data)
    packages.prove_that_it_serves(installed / "simsim", data)


def test_program_of_the_debian_package_runs_where_it_was_unpacked(unpacked: Path, tmp_path: Path) -> None:
    command, data = unpacked / "opt/simsim/bin/simsim", tmp_path / "data"
    packages.run(command, "migrate", data=data)
    packages.prove_that_it_serves(command, data)


def test_debian_package_names_no_path_of_the_machine_that_built_it(unpacked: Path, scratch: Path) -> None:
    places = (str(scratch).encode(), str(packages.ROOT).encode())
    files = [path for path in unpacked.rglob("*") if path.is_file() and not path.is_symlink()]
    assert len(files) > 1000
    assert not [path for path in files if any(place in path.read_bytes() for place in places)]
