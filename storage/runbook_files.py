"""Reads the folder of runbooks: every error at once, each with its file and line."""

from pathlib import Path

from guardrails.runbooks import Event, Runbook, Wrong, local_links, read_all


def read_runbooks(folder: Path) -> tuple[dict[Event, Runbook], list[Wrong]]:
    """The runbook of each event from the ``.md`` files of a folder, and all that is wrong with them.

    A ``README.md`` is for those who write runbooks, and is none.
    """
    texts: dict[str, str] = {}
    wrong: list[Wrong] = []
    for path in sorted(folder.glob("*.md")):
        if path.name.casefold() == "readme.md":
            continue
        try:
            texts[str(path)] = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            wrong.append(Wrong(str(path), 1, 1, "", f"cannot be read: {why}"))
    found, errors = read_all(texts)
    for file, text in texts.items():
        for line, column, target in local_links(text):
            if not (Path(file).parent / target).exists():
                said = f"there is no file {target} beside the runbook"
                wrong.append(Wrong(file, line, column, "link", said))
    return found, [*errors, *wrong]
