"""YAML as nodes with line numbers. Values stay as they are written, so that `no` and `0123` are names as any other."""

import difflib
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import NoReturn

import yaml

from simsim.problem import FieldError, Invalid, gettext_noop

MAX_BYTES = 10_000_000
MERGE = "<<"
PLAIN_TAGS = {f"tag:yaml.org,2002:{name}" for name in ("str", "bool", "int", "float", "null", "timestamp", "value")}


class Loader(yaml.SafeLoader):
    """Composes nodes without anchors and aliases, with which a change in one place has effects in others."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if getattr(event, "anchor", None) is not None:
            raise yaml.MarkedYAMLError(
                problem="anchors and aliases are not allowed: write the value again", problem_mark=event.start_mark
            )
        return super().compose_node(parent, index)


def compose(name: str, content: bytes) -> yaml.Node:
    """Return the root of the only document in a file; raise Invalid, naming file and line, if it can't be read."""
    try:
        if len(content) > MAX_BYTES:
            refuse(name, 1, f"the file has more than {MAX_BYTES // 1_000_000} MB")
        root = Loader(content.decode("utf-8-sig")).get_single_node()
    except UnicodeDecodeError as error:
        refuse(name, content.count(b"\n", 0, error.start) + 1, "this is not UTF-8")
    except yaml.reader.ReaderError as error:
        text = content.decode("utf-8-sig")
        refuse(name, text.count("\n", 0, error.position) + 1, "there is a control character here")
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        refuse(name, mark.line + 1 if mark else 1, error.problem or "this is not YAML")
    except RecursionError:
        refuse(name, 1, "the lists are nested too deeply")
    if root is None:
        refuse(name, 1, "the file is empty")
    return root


def refuse(name: str, line: int, problem: str) -> NoReturn:
    raise Invalid(FieldError(place(name, line), problem)) from None


def place(name: str, line: int) -> str:
    return f"{name}, line {line}"


def line_of(node: yaml.Node) -> int:
    return node.start_mark.line + 1


@dataclass
class NodeReader:
    """Reads nodes as the types that are expected there, and collects what is wrong in `faults`."""

    name: str
    faults: list[FieldError] = field(default_factory=list)

    def complain(self, node: yaml.Node, problem: str, **params: str) -> None:
        self.complain_at(line_of(node), problem, **params)

    def complain_at(self, line: int, problem: str, **params: str) -> None:
        self.faults.append(FieldError(place(self.name, line), problem, params))

    def mapping(
        self, node: yaml.Node, keys: Collection[str], *, required: Collection[str] = ()
    ) -> dict[str, yaml.Node]:
        """Return the values of a mapping by their keys; other keys, repeated keys and missing ones are faults."""
        if not isinstance(node, yaml.MappingNode) or node.tag != "tag:yaml.org,2002:map":
            self.complain(node, gettext_noop("write keys and values here: %(keys)s"), keys=", ".join(keys))
            return {}
        found: dict[str, yaml.Node] = {}
        for key, value in node.value:
            key_text = key.value if isinstance(key, yaml.ScalarNode) else ""
            if key_text in found:
                self.complain(key, gettext_noop("“%(key)s” is given twice"), key=key_text)
            elif key_text not in keys:
                self.complain(key, unknown_key(key_text, keys), key=key_text)
            else:
                found[key_text] = value
        for missing in [key for key in required if key not in found]:
            self.complain(node, gettext_noop("“%(key)s” is missing"), key=missing)
        return found

    def items(self, node: yaml.Node | None) -> list[yaml.Node]:
        """Return the items of a list; no items where there is no node."""
        if node is None:
            return []
        if not isinstance(node, yaml.SequenceNode) or node.tag != "tag:yaml.org,2002:seq":
            self.complain(node, gettext_noop("write a list here: each item on a line that begins with “- ”"))
            return []
        return list(node.value)

    def text(self, node: yaml.Node | None) -> str:
        """Return a value as it is written, "" where there is no node, or a faulty one."""
        if node is None:
            return ""
        if not isinstance(node, yaml.ScalarNode) or node.tag not in PLAIN_TAGS:
            self.complain(node, gettext_noop("write one plain value here, without a tag"))
            return ""
        if not node.value or node.tag == "tag:yaml.org,2002:null":
            self.complain(node, gettext_noop("a value is missing here"))
            return ""
        return str(node.value)

    def choice(self, node: yaml.Node | None, choices: Collection[str], default: str) -> str:
        """Return a value that is one of the choices; the default where there is no node, or a faulty one."""
        if node is None:
            return default
        text = self.text(node)
        if text and text not in choices:
            self.complain(node, gettext_noop("write %(choices)s here"), choices=" or ".join(choices))
        return text if text in choices else default

    def flag(self, node: yaml.Node | None, *, default: bool) -> bool:
        return self.choice(node, ("true", "false"), "true" if default else "false") == "true"

    def proven(self, node: yaml.Node | None, parse: Callable[[str], str]) -> str:
        """Return the parsed text, "" where there is no node, or a faulty one."""
        text = self.text(node)
        if node is None or not text:
            return ""
        try:
            return parse(text)
        except Invalid as problem:
            self.complain(node, str(problem).replace("%", "%%"))
            return ""


def unknown_key(key: str, keys: Collection[str]) -> str:
    """Return the complaint about a key that has no meaning, with the most similar one that has."""
    if key == MERGE:
        return gettext_noop("“<<” is not allowed: write the values again")
    nearest = difflib.get_close_matches(key, keys, n=1, cutoff=0.5)
    if nearest:
        return f"“%(key)s” has no meaning here. Did you mean “{nearest[0]}”?"
    return f"“%(key)s” has no meaning here. Known are: {', '.join(keys)}"
