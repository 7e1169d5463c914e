"""Environments with Simsim's code of their own: what a machine has before and after an upgrade."""

import shutil
import subprocess
import sys
import sysconfig
import venv
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "src"
LIBRARY = Path("lib", f"python{sys.version_info[0]}.{sys.version_info[1]}", "site-packages")
# Says which code each process runs that starts anew: the command line's own, and those of the servers.
MARK = """
import os as _os, pathlib as _pathlib
_pathlib.Path(_os.environ["SIMSIM_DATA_DIR"], "codes").open("a").write(f"{{_os.getpid()}} {name} {{__name__}}\\n")
"""
MARKED = ("config/command_line.py", "config/asgi.py", "config/rsgi.py")
MIGRATION = '''"""A table and a column that the code before does not know."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tokens", "{before}")]
    operations = [
        migrations.CreateModel("Colour", fields=[("id", models.BigAutoField(primary_key=True))]),
        migrations.AddField("token", "colour", models.CharField(max_length=20, null=True)),
    ]
'''


@dataclass(frozen=True)
class Environments:
    """Several environments in one directory; `current` is a link to one of them, which an upgrade moves."""

    directory: Path

    @property
    def program(self) -> Path:
        return self.directory / "current" / "bin" / "simsim"

    def make(self, name: str, *, with_migration: bool = False) -> None:
        """Make an environment with a copy of the code, whose dependencies are those of the tests."""
        home = self.directory / name
        library = home / LIBRARY
        library.mkdir(parents=True)
        shutil.copytree(SOURCE / "simsim", home / "code" / "simsim")
        if with_migration:
            migrations = home / "code" / "simsim" / "tokens" / "migrations"
            before = sorted(path.stem for path in migrations.glob("0*.py"))[-1]
            (migrations / "0999_colour.py").write_text(MIGRATION.format(before=before), encoding="utf-8")
        (library / "dependencies.pth").write_text(f"{sysconfig.get_path('purelib')}\n", encoding="utf-8")
        base = Path(sys.base_prefix) / "bin"
        (home / "pyvenv.cfg").write_text(f"home = {base}\ninclude-system-site-packages = false\n", encoding="utf-8")
        (home / "bin").mkdir()
        (home / "bin" / "python").symlink_to(Path(sys.executable).resolve())
        self._finish(name)

    def make_from_commit(self, name: str, commit: str) -> None:
        """Make an environment with the code of a commit, and with the dependencies that its lock names."""
        home = self.directory / name
        checkout = home / "checkout"
        checkout.mkdir(parents=True)
        archive = ["git", "-C", str(SOURCE.parent), "archive", "--format=tar", commit]
        tree = subprocess.run(archive, check=True, capture_output=True).stdout
        subprocess.run(["tar", "-x", "-C", str(checkout)], input=tree, check=True)
        shutil.move(checkout / "src", home / "code")
        described = home / "code" / "simsim-0.1.0.dist-info"
        described.mkdir()
        (described / "METADATA").write_text("Metadata-Version: 2.1\nName: simsim\nVersion: 0.1.0\n", encoding="utf-8")
        venv.create(home, with_pip=True)
        install = [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes"]
        subprocess.run([*install, "-r", checkout / "requirements" / "package.txt"], check=True)
        self._finish(name)

    def _finish(self, name: str) -> None:
        home = self.directory / name
        for path in MARKED:
            with (home / "code" / "simsim" / path).open("a", encoding="utf-8") as file:
                file.write(MARK.format(name=name))
        (home / LIBRARY / "code.pth").write_text(f"{home / 'code'}\n", encoding="utf-8")
        script = f"#!{self.directory}/current/bin/python\nimport sys\n"
        script += "from simsim.config.command_line import main\nsys.exit(main())\n"
        (home / "bin" / "simsim").write_text(script, encoding="utf-8")
        (home / "bin" / "simsim").chmod(0o755)

    def switch(self, name: str) -> None:
        """Have `current` name another environment, in one step."""
        fresh = self.directory / "fresh"
        fresh.symlink_to(name)
        fresh.replace(self.directory / "current")
