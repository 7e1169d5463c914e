"""No code of ours runs what it reads: no shell, no `eval`, no format that can name a class, no parser of XML."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src/simsim"
MODULES = {"pickle", "marshal", "shelve", "dill", "xml", "lxml", "ldap3", "telnetlib", "ftplib", "code", "codeop"}
CALLS = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "yaml.load", "yaml.unsafe_load"}
IN_SCRIPTS = re.compile(
    r"\beval\(|new Function|localStorage|sessionStorage|indexedDB|document\.cookie|postMessage|\.write\("
)


def faults(text: str) -> Iterator[str]:
    """Yield what is dangerous in the text of a Python file."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.partition(".")[0] in MODULES)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in MODULES:
            yield node.module or ""
        elif isinstance(node, ast.Call):
            if (name := ast.unparse(node.func)) in CALLS:
                yield name
            yield from ("shell" for each in node.keywords if each.arg == "shell" and ast.unparse(each.value) == "True")


def test_no_code_runs_what_it_reads() -> None:
    found = {
        path.relative_to(SOURCE).as_posix(): list(faults(path.read_text(encoding="utf-8")))
        for path in SOURCE.rglob("*.py")
    }
    assert {path: each for path, each in found.items() if each} == {}


def test_scripts_run_no_text_and_store_nothing_in_the_browser() -> None:
    scripts = list((SOURCE / "console/static/console").glob("*.js"))
    assert len(scripts) > 10
    assert {
        path.name: found for path in scripts if (found := IN_SCRIPTS.findall(path.read_text(encoding="utf-8")))
    } == {}


def test_each_danger_is_seen() -> None:
    text = "import pickle\nfrom xml.sax import parse\neval('1')\nos.system(x)\nrun(x, shell=True)\nrun(x, shell=False)"
    assert sorted(faults(text)) == ["eval", "os.system", "pickle", "shell", "xml.sax"]
