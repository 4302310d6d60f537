"""Which files a bill is made of: a file, a folder, a glob, or an address in the cloud."""

# ruff: noqa: S608 – SQL is made of our own names; what comes from outside is quoted or bound.

import hashlib
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from storage.bills.engine import REMOTE, prepare_remote, quoted
from storage.bills.errors import BillError

CSV_ENDINGS = (".csv", ".csv.gz", ".csv.zst", ".tsv", ".tsv.gz")
PARQUET_ENDINGS = (".parquet", ".parq", ".pq")
_GLOB = frozenset("*?[")


@dataclass(frozen=True)
class FoundFiles:
    """The files of a bill by format, and what was left out and why (sentences)."""

    csv: tuple[str, ...]
    parquet: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def all(self) -> tuple[str, ...]:
        return (*self.csv, *self.parquet)


def find_files(backend: Any, where: str, folder: Path, what: str) -> FoundFiles:
    """The files at ``where``; a relative path starts at ``folder``; ``what`` names the bill in errors.

    Raises BillError when nothing is there that could be a bill.
    """
    notes: list[str] = []
    remote = where.lower().startswith(REMOTE)
    found = _remote(backend, where, what) if remote else _local(where, folder, what)
    csv = sorted(f for f in found if _ends(f, CSV_ENDINGS))
    parquet = sorted(f for f in found if _ends(f, PARQUET_ENDINGS))
    others = sorted(set(found) - set(csv) - set(parquet))
    if not csv and not parquet:
        seen = f"; it has only {_few([_base(o) for o in others])}" if others else ""
        raise BillError(f"{what}: there is no CSV or Parquet file at {where}{seen}.")
    if others:
        notes.append(f"not read, neither CSV nor Parquet: {_few([_base(o) for o in others])}")
    kept = _without_copies([*csv, *parquet], notes)
    return FoundFiles(
        tuple(f for f in csv if f in kept), tuple(f for f in parquet if f in kept), tuple(notes)
    )


def _ends(file: str, endings: tuple[str, ...]) -> bool:
    signed = file.lower().startswith(("https://", "http://"))
    return (file.partition("?")[0] if signed else file).lower().endswith(endings)


def _local(where: str, folder: Path, what: str) -> list[str]:
    path = Path(where).expanduser()
    path = path if path.is_absolute() else folder / path
    if path.is_dir():
        return [str(p) for p in path.rglob("*") if p.is_file() and not _hidden(p, path)]
    if path.is_file():
        return [str(path)]
    if _GLOB & set(where):
        anchor = Path(path.anchor)
        found = anchor.glob(str(path.relative_to(anchor)))
        return [str(p) for p in found if p.is_file()]
    raise BillError(f"{what}: there is no file or folder {path}.")


def _hidden(path: Path, root: Path) -> bool:
    return any(part.startswith((".", "_")) for part in path.relative_to(root).parts)


def _remote(backend: Any, where: str, what: str) -> list[str]:
    import duckdb

    prepare_remote(backend, where)
    if where.lower().startswith(("https://", "http://")):
        return [where]
    plain_file = _ends(where, CSV_ENDINGS + PARQUET_ENDINGS)
    pattern = where if _GLOB & set(where) or plain_file else f"{where.rstrip('/')}/**"
    try:
        rows = backend.raw_sql(f"SELECT file FROM glob('{quoted(pattern)}')").fetchall()
    except duckdb.Error as error:
        raise BillError(f"{what}: {where} cannot be listed: {first_line(error)}") from None
    if not rows:
        raise BillError(f"{what}: nothing is at {where}.")
    return [str(row[0]) for row in rows]


def _without_copies(files: list[str], notes: list[str]) -> set[str]:
    """The files without those that have the very content of another: a copy would count twice."""
    by_size: dict[int, list[str]] = defaultdict(list)
    kept = set(files)
    for file in files:
        if not file.lower().startswith(REMOTE):
            by_size[Path(file).stat().st_size].append(file)
    for same_size in by_size.values():
        if len(same_size) < 2:  # only equal sizes are worth reading twice
            continue
        first: dict[str, str] = {}
        for file in same_size:
            with Path(file).open("rb") as opened:
                digest = hashlib.file_digest(opened, "sha256").hexdigest()
            if digest in first:
                kept.discard(file)
                notes.append(f"{_base(file)} is a copy of {_base(first[digest])} and counts once")
            else:
                first[digest] = file
    return kept


def first_line(error: BaseException) -> str:
    """The first line of an engine's message, without its prefix: enough for a person."""
    line = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return line.partition("Error: ")[2] or line


def _base(path: str) -> str:
    return path.replace("\\", "/").rsplit("/", 1)[-1]


def _few(names: list[str], most: int = 5) -> str:
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
