"""A change of one value in the policy's text: comments, order and layout stay, and the rest is not touched."""

import difflib
from dataclasses import dataclass

import yaml

from guardrails.retro.changes import Change, Path, Value


class NoPatch(ValueError):
    """The change cannot be made in this text; the sentence says why."""


@dataclass(frozen=True)
class _Found:
    """The deepest node on a path that the text has, and which keys are left."""

    node: yaml.Node
    left: Path
    parent: yaml.Node | None
    place: int  # among its parent's entries


def patched(text: str, change: Change) -> str:
    """The text with the change made: the value replaced, the key added where the default held, or the entry taken
    out of its list. Raises NoPatch."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise NoPatch("The file is not YAML.") from error
    if not isinstance(root, yaml.MappingNode):
        raise NoPatch("The file has no keys.")
    found = _find(root, change.path)
    if change.new is None:
        if found.left:
            raise NoPatch(f"{change.place} is not in the file: it holds by default.")
        return _without(text, found)
    if not found.left:
        if isinstance(found.node, yaml.MappingNode) or not _same(found.node, change.old):
            raise NoPatch(f"{change.place} is not {written(change.old)} in the file.")
        node = found.node
        return _replaced(text, node.start_mark.index, node.end_mark.index, written(change.new))
    return _with_key(text, root, found, change)


def diff(old: str, new: str, name: str) -> str:
    """A unified diff that ``git apply`` and ``patch -p1`` take in its folder; empty without a difference."""
    before, after = (_lines(text) for text in (old, new))
    made = difflib.unified_diff(before, after, f"a/{name}", f"b/{name}")
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in made
    )


def written(value: Value) -> str:
    """The value as YAML in one line."""
    dumped = yaml.safe_dump(value, default_flow_style=True, width=10**6, allow_unicode=True)
    return (
        str(dumped.removesuffix("\n").removesuffix("\n...")) if not _number(value) else str(value)
    )


def _number(value: Value) -> bool:
    """Whether it is a number, also one that is kept as text so that it stays exact."""
    if isinstance(value, int | float):
        return True
    return isinstance(value, str) and value.replace(".", "", 1).isdigit()


def _lines(text: str) -> list[str]:
    """With their ends; only a line feed ends a line, as for git."""
    parts = text.split("\n")
    return [f"{part}\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])


def _find(root: yaml.Node, path: Path) -> _Found:
    node: yaml.Node = root
    parent: yaml.Node | None = None
    place = 0
    for i, key in enumerate(path):
        following: yaml.Node | None = None
        if isinstance(node, yaml.MappingNode):
            for n, (key_node, value_node) in enumerate(node.value):
                if key_node.value == key:
                    following, parent, place = value_node, node, n
                    break
        elif isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
            following, parent, place = node.value[key], node, key
        if following is None:
            return _Found(node, path[i:], parent, place)
        node = following
    return _Found(node, (), parent, place)


def _same(node: yaml.Node, value: Value) -> bool:
    """Whether the node says the value, however it is written: 2500 and 2500.00 are one number."""
    if isinstance(node, yaml.SequenceNode):
        return isinstance(value, list) and [str(n.value) for n in node.value] == [
            str(v) for v in value
        ]
    if isinstance(value, list):
        return False
    said = str(node.value).replace("_", "")
    try:
        return float(said) == float(value)
    except ValueError:
        return said == str(value)


def _replaced(text: str, start: int, end: int, new: str) -> str:
    return text[:start] + new + text[end:]


def _without(text: str, found: _Found) -> str:
    parent = found.parent
    if not isinstance(parent, yaml.SequenceNode):
        raise NoPatch("Only an entry of a list can be taken out.")
    if len(parent.value) == 1:
        return _emptied(text, parent)
    if parent.flow_style:
        entries = parent.value
        if found.place + 1 < len(entries):
            following = entries[found.place + 1]
            return _replaced(text, found.node.start_mark.index, following.start_mark.index, "")
        before = entries[found.place - 1]
        return _replaced(text, before.end_mark.index, found.node.end_mark.index, "")
    start = text.rfind("\n", 0, found.node.start_mark.index) + 1
    if text[start : found.node.start_mark.index].strip() != "-":
        raise NoPatch("The entry does not stand on lines of its own.")
    return _replaced(text, start, _line_end(text, _last(found.node)), "")


def _emptied(text: str, sequence: yaml.SequenceNode) -> str:
    """The list without its only entry: ``[]`` on the key's line."""
    start = sequence.start_mark.index
    if sequence.flow_style:
        return _replaced(text, start, sequence.end_mark.index, "[]")
    colon = text.rfind(":", 0, start)
    between = text[colon + 1 : start]
    if colon < 0 or any(s.strip() and not s.strip().startswith("#") for s in between.split("\n")):
        raise NoPatch("The list does not stand below its key.")
    end = _line_end(text, _last(sequence))
    ending = text[:end][len(text[:end].rstrip("\r\n")) :]
    return _replaced(text, colon, end, f": []{ending}")


def _last(node: yaml.Node) -> int:
    """Where the node's last character stands: the end mark of a block is where the next thing begins."""
    if isinstance(node, yaml.MappingNode) and not node.flow_style and node.value:
        return _last(node.value[-1][1])
    if isinstance(node, yaml.SequenceNode) and not node.flow_style and node.value:
        return _last(node.value[-1])
    if isinstance(node, yaml.ScalarNode) and node.style in ("|", ">"):
        return max(node.end_mark.index - 1, node.start_mark.index)
    return int(node.end_mark.index)


def _line_end(text: str, at: int) -> int:
    """Behind the line feed of the line that has the place."""
    found = text.find("\n", at)
    return len(text) if found < 0 else found + 1


def _with_key(text: str, root: yaml.MappingNode, found: _Found, change: Change) -> str:
    keys = found.left
    if not isinstance(found.node, yaml.MappingNode) or any(isinstance(k, int) for k in keys):
        raise NoPatch(f"{change.place} is not in the file: it holds by default.")
    value = written(change.new) if change.new is not None else "[]"
    mapping = found.node
    if mapping.flow_style:
        for key in reversed(keys[1:]):
            value = f"{{{key}: {value}}}"
        said = f"{keys[0]}: {value}"
        if not mapping.value:
            return _replaced(text, mapping.start_mark.index, mapping.end_mark.index, f"{{{said}}}")
        end = mapping.value[-1][1].end_mark.index
        return _replaced(text, end, end, f", {said}")
    if not mapping.value:
        raise NoPatch(f"{change.place} has no place in the file.")
    newline = "\r\n" if "\r\n" in text else "\n"
    column = mapping.value[0][0].start_mark.column
    lines = []
    for depth, key in enumerate(keys):
        end_of = f" {value}" if depth == len(keys) - 1 else ""
        lines.append(f"{' ' * (column + 2 * depth)}{key}:{end_of}")
    at = _line_end(text, _last(mapping.value[-1][1]))
    before = "" if at == 0 or text[at - 1] == "\n" else newline
    blank = newline if mapping is root else ""
    return _replaced(text, at, at, before + blank + newline.join(lines) + newline)
