"""Where the rows of one bill are: an Ibis table with its FOCUS columns found."""

from dataclasses import dataclass
from typing import Any

#: Columns that the reader of files adds to every row.
FILE = "sandrail_file"


@dataclass(frozen=True)
class CsvFiles:
    """CSV files with one delimiter and one header, in the order in which they are read."""

    files: tuple[str, ...]
    delimiter: str
    header: tuple[str, ...]


@dataclass(frozen=True)
class Source:
    """The charges of a bill as they stand, on the engine that holds them.

    ``columns`` is FOCUS name → the table's own name; ``notes`` is what people should know about how
    it was found, such as files that were left out; ``files`` are in the order in which they are read;
    ``exact`` is the type of money in the pass over the rows.
    """

    name: str
    backend: Any
    table: Any
    columns: dict[str, str]
    has_files: bool = False
    notes: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    csv: tuple[CsvFiles, ...] = ()
    parquet: tuple[str, ...] = ()
    exact: str = "decimal(38, 18)"

    @property
    def on_duckdb(self) -> bool:
        """True when the engine is the DuckDB of this process."""
        return bool(self.backend.name == "duckdb")

    def column(self, focus: str) -> Any | None:
        """The column with this FOCUS name, or None when the bill lacks it."""
        own = self.columns.get(focus)
        return None if own is None else self.table[own]
