"""A release installs where no checkout is, and what it installed runs.

The release is a small one (`packages.py`); `tests/proof/test_packages.py` builds and installs the whole one.
"""

import hashlib
import json
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import packages
import units

pytestmark = [pytest.mark.any_database, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("packages")


@pytest.fixture(scope="module")
def release(scratch: Path) -> Path:
    """The folder that `make release` fills."""
    return packages.build(scratch, is_small=True)


@pytest.fixture(scope="module")
def lock(release: Path) -> Path:
    return packages.lock_of(release)


@pytest.fixture(scope="module")
def only_simsim(release: Path, scratch: Path) -> Path:
    """A lock that lists only Simsim, beside the packages of the release."""
    return packages.without_others(release, scratch / "small")


@pytest.fixture(scope="module")
def unpacked(only_simsim: Path, scratch: Path) -> Path:
    """A scratch root into which the Debian package was unpacked, with its control files in DEBIAN."""
    return packages.unpacked_debian_package(scratch, only_simsim.parent, only_simsim.parent)


@pytest.fixture(scope="module")
def installed(only_simsim: Path, scratch: Path) -> Iterator[Path]:
    """The `bin` folder of an environment into which the wheel was installed."""
    programs = packages.install(only_simsim, scratch / "environment", only_simsim.parent)
    with packages.lent_packages(programs.parent):
        yield programs


@pytest.fixture(scope="module")
def data(scratch: Path) -> Path:
    return scratch / "data"


@pytest.fixture(scope="module")
def migrated(installed: Path, data: Path) -> Path:
    packages.run(installed / "simsim", "migrate", data=data)
    return installed / "simsim"


def test_the_wheel_carries_the_lock_and_the_site(release: Path) -> None:
    (wheel,) = release.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        (carried,) = (name for name in names if name.endswith("/share/simsim/requirements.txt"))
        assert archive.read(carried) == (packages.ROOT / "requirements/package.txt").read_bytes()
    assert "simsim/console/site/operators/install.html" in names
    assert sum("/share/simsim/systemd/simsim" in name for name in names) == 4


def test_the_source_archive_builds_everything_again(release: Path) -> None:
    (path,) = release.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"Makefile", "release/build.py", "requirements/package.txt", "tests/run"} <= names
    assert "src/simsim/console/site/index.html" in names


def test_two_builds_are_the_same_and_name_no_path_of_the_machine(release: Path, scratch: Path) -> None:
    again = packages.build_again(scratch, scratch / "again")
    sums = (release / "SHA256SUMS").read_text()
    assert sums == (again / "SHA256SUMS").read_text()
    for line in sums.splitlines():
        digest, name = line.split()
        content = (release / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == digest
    for wheel in release.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            assert not [name for name in archive.namelist() if str(scratch).encode() in archive.read(name)]


def test_the_list_of_what_is_in_a_release_names_the_lock_s_packages_and_hashes(release: Path, lock: Path) -> None:
    (path,) = release.glob("*.cdx.json")
    bill = json.loads(path.read_text())
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    product = bill["metadata"]["component"]
    (wheel,) = release.glob("*.whl")
    assert [each["content"] for each in product["hashes"]] == [packages.sha256(wheel)]
    listed = {f"{each['name']}=={each['version']}" for each in [product, *bill["components"]]}
    assert listed == set(re.findall(r"^([a-z0-9-]+==[^\s;]+)", lock.read_text(), re.M))
    hashes = [each["content"] for part in bill["components"] for each in part["hashes"]]
    assert len(hashes) == lock.read_text().count("--hash=sha256:") - 1


def test_provenance_names_each_package_the_lock_and_the_commit(release: Path, scratch: Path) -> None:
    copy = scratch / "checkout"
    said = subprocess.run([sys.executable, "release/provenance.py", release], cwd=copy, capture_output=True, check=True)
    without = json.loads(Path(said.stdout.decode().strip()).read_text())
    assert {each["name"]: each["digest"]["sha256"] for each in without["subject"]} == {
        name: digest for digest, name in (line.split() for line in (release / "SHA256SUMS").read_text().splitlines())
    }
    (material,) = without["predicate"]["buildDefinition"]["resolvedDependencies"]
    assert material["digest"]["sha256"] == packages.sha256(copy / "requirements/package.txt")
    identity = ("-c", "user.name=Olga", "-c", "user.email=olga@simsim.example")
    for command in (("init", "-q"), ("add", "release/provenance.py"), (*identity, "commit", "-qm", "Begin")):
        subprocess.run(["git", *command], cwd=copy, check=True, timeout=60)
    said = subprocess.run([sys.executable, "release/provenance.py", release], cwd=copy, capture_output=True, check=True)
    shutil.rmtree(copy / ".git")
    source, _ = json.loads(Path(said.stdout.decode().strip()).read_text())["predicate"]["buildDefinition"][
        "resolvedDependencies"
    ]
    assert re.fullmatch(r"[0-9a-f]{40}", source["digest"]["gitCommit"])
    assert source["annotations"] == {"changed": True}, "the other files are in no commit"


def test_the_lock_lists_every_package_with_a_hash(lock: Path) -> None:
    listed = re.findall(r"^([a-z0-9-]+)==(\S+)((?: | \\\n +)--hash=sha256:[0-9a-f]{64})+", lock.read_text(), re.M)
    names = [name for name, *_ in listed]
    assert names[0] == "simsim"
    assert len(names) == lock.read_text().count("==")
    # They build packages, and a server needs none of them.
    assert not {"hatchling", "editables", "sphinx", "pytest"} & set(names)


def test_the_lock_meets_every_requirement_of_every_package_in_it(lock: Path) -> None:
    listed = dict(re.findall(r"^([a-z0-9-]+)==(\S+)", lock.read_text(), re.M))
    wanted, met = [Requirement("simsim[server]")], set[str]()
    while wanted:
        requirement = wanted.pop()
        name = canonicalize_name(requirement.name)
        assert requirement.specifier.contains(listed[name]), str(requirement)
        met.add(name)
        for each in map(Requirement, distribution(name).requires or []):
            if any(
                each.marker is None or each.marker.evaluate({"extra": extra}) for extra in {"", *requirement.extras}
            ):
                wanted.append(each)
    assert met == set(listed)


def test_a_wheel_that_was_changed_is_not_installed(release: Path, lock: Path, tmp_path: Path) -> None:
    (wheel,) = release.glob("*.whl")
    folder, elsewhere = tmp_path / "packages", tmp_path / "elsewhere"
    folder.mkdir()
    elsewhere.mkdir()
    (folder / wheel.name).write_bytes(wheel.read_bytes() + b"\0")
    changed = folder / lock.name
    changed.write_text("".join(lock.read_text().splitlines(keepends=True)[:2]))
    done = packages.pip("download", "--no-deps", "--no-index", "--require-hashes", "-r", changed, folder=elsewhere)
    assert done.returncode != 0
    assert "DO NOT MATCH THE HASHES" in done.stderr


def test_the_installed_command_uses_nothing_of_the_checkout(installed: Path, data: Path) -> None:
    assert packages.run(installed / "simsim", "--version", data=data).startswith("simsim ")
    code = "import sys, simsim; print(simsim.__file__, *sys.path, sep='\\n')"
    printed = packages.run(installed / "python", "-c", code, data=data)
    assert str(installed.parent) in printed.splitlines()[0]
    assert str(packages.ROOT / "src") not in printed


def test_installed_gateway_prints_its_configuration(migrated: Path, data: Path) -> None:
    printed = packages.run(migrated, "gateway", "--upstream", "http://127.0.0.1:9000", "--print-config", data=data)
    assert str(data / "run/gate.sock") in printed


def test_installed_server_is_ready_and_shows_its_files(migrated: Path, data: Path) -> None:
    packages.prove_that_it_serves(migrated, data)


def test_debian_package_is_described_and_added_to_the_checksums(unpacked: Path, only_simsim: Path) -> None:
    (package,) = only_simsim.parent.glob("simsim_*.deb")
    told = subprocess.run(["dpkg-deb", "--info", package], capture_output=True, text=True, check=True).stdout
    assert f"Depends: adduser, libc6 (>= 2.28), {packages.PYTHON}\n" in told
    assert hashlib.sha256(package.read_bytes()).hexdigest() in (package.parent / "SHA256SUMS").read_text()
    listed = subprocess.run(["dpkg-deb", "--contents", package], capture_output=True, text=True, check=True).stdout
    assert {line.split()[1] for line in listed.splitlines()} == {"root/root"}
    assert "-rw-r----- root/root" in next(line for line in listed.splitlines() if line.endswith("/simsim.env"))


def test_debian_package_keeps_the_operators_settings_and_data(unpacked: Path) -> None:
    settings = (unpacked / "DEBIAN/conffiles").read_text().split()
    assert sorted(settings) == ["/etc/default/simsim", "/etc/simsim/simsim.env"]
    assert all((unpacked / path[1:]).is_file() for path in settings)
    assert not (unpacked / "var").exists()
    for name in ("postinst", "prerm", "postrm"):
        script = unpacked / "DEBIAN" / name
        assert subprocess.run(["sh", "-n", script], check=False).returncode == 0
        assert "rm -" not in script.read_text()


def test_debian_package_has_the_units_with_the_options_of_etc_default(unpacked: Path) -> None:
    found = {path.name: path.read_bytes() for path in (unpacked / "usr/lib/systemd/system").iterdir()}
    assert found == {path.name: path.read_bytes() for path in units.UNITS.iterdir()}
    options = dict(
        line.split("=", 1) for line in (unpacked / "etc/default/simsim").read_text().splitlines() if line[0] != "#"
    )
    for name, variable in (("serve", "SERVE_OPTIONS"), ("gateway", "GATEWAY_OPTIONS")):
        unit = units.UNITS / f"simsim-{name}.service"
        assert units.environment(unit, {})[variable] == options[variable].strip('"')
        assert f"${variable}" in unit.read_text()


def test_debian_package_names_no_path_of_the_machine_that_built_it(unpacked: Path, scratch: Path) -> None:
    places = (str(scratch).encode(), str(packages.ROOT).encode())
    files = [path for path in unpacked.rglob("*") if path.is_file() and not path.is_symlink()]
    assert len(files) > 300
    assert not [path for path in files if any(place in path.read_bytes() for place in places)]


def test_program_of_the_debian_package_runs_where_it_was_unpacked(unpacked: Path, tmp_path: Path) -> None:
    command, data = unpacked / "opt/simsim/bin/simsim", tmp_path / "data"
    (tmp_path / "simsim.py").write_text("raise SystemExit('a module of the current folder')")
    with packages.lent_packages(unpacked / "opt/simsim"):
        assert packages.run(command, "--version", data=data).startswith("simsim ")
        packages.run(command, "migrate", data=data)
        printed = packages.run(command, "gateway", "--upstream", "http://127.0.0.1:9000", "--print-config", data=data)
    assert str(data / "run/gate.sock") in printed
