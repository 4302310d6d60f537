"""Splits the money of each line and day into the rows of a bill: by resource, then by hour."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from storage.sample.catalogue import PROVIDERS
from storage.sample.series import PARTIAL, PARTIAL_HOURS, Series, noise_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


@dataclass
class Cells:
    """The cells (line, day) that hold money, in the order day, line; ``pieces`` rows each."""

    line: "Ints"
    day: "Ints"
    pieces: "Ints"

    @property
    def rows(self) -> int:
        return int(self.pieces.sum())


@dataclass
class Rows:
    """Rows of a bill. ``node`` numbers the resources of a line; hours are of the day, ``until`` 24 at
    the latest; ``cost`` counts the provider's smallest money, ``quantity`` millionths of a unit."""

    line: "Ints"
    day: "Ints"
    node: "Ints"
    since: "Ints"
    until: "Ints"
    cost: "Ints"
    quantity: "Ints"


def natural_cells(series: Series) -> Cells:
    """One row a day for each resource that is charged."""
    import numpy as np

    day, line = np.nonzero(series.cost.T)
    nodes = np.array([entry.nodes for entry in series.lines])
    return Cells(line, day, nodes[line])


def scaled_cells(cells: Cells, rows: int) -> Cells:
    """The same cells cut into exactly ``rows`` rows. ``rows`` must be at least the number of cells."""
    import numpy as np

    least = int(rows < cells.rows)  # coarser than natural: one row each, then what is left
    share = cells.pieces * ((rows - least * cells.line.size) / cells.rows)
    pieces = least + np.floor(share).astype(np.int64)
    left = rows - int(pieces.sum())
    order = np.argsort(-(share - np.floor(share)), kind="stable")
    pieces[order[:left]] += 1
    return Cells(cells.line, cells.day, pieces)


def split(series: Series, cells: Cells, seed: int, name: str) -> Rows:
    """The rows of ``cells``. Their money adds up to the series' money exactly, cell by cell."""
    import numpy as np

    k = cells.pieces
    starts = np.concatenate(([0], np.cumsum(k)[:-1]))
    cell = np.repeat(np.arange(k.size), k)
    number = np.arange(cell.size) - starts[cell]

    natural = np.array([line.nodes for line in series.lines])
    partial = np.array([line.sku.provider == PARTIAL for line in series.lines])
    newest = cells.day == len(series.days) - 1
    hours = np.where(partial[cells.line] & newest, PARTIAL_HOURS, 24)
    nodes = np.maximum(np.minimum(natural[cells.line], k), -(-k // hours))
    slots = -(-k // nodes)
    node, slot = number % nodes[cell], number // nodes[cell]
    whole = slots == 1
    hours = np.where(whole, 24, hours)
    since = hours[cell] * slot // slots[cell]
    until = hours[cell] * (slot + 1) // slots[cell]

    weight = noise_of(seed, name).uniform(0.85, 1.15, cell.size)
    weight /= np.add.reduceat(weight, starts)[cell]
    cost = _share(series.cost[cells.line, cells.day], weight, cell, starts)
    step = np.array([1_000_000 if line.sku.block > 1 else 1 for line in series.lines])[cells.line]
    quantity = _share(_quantities(series, cells) // step, weight, cell, starts) * step[cell]
    return Rows(cells.line[cell], cells.day[cell], node, since, until, cost, quantity)


def unit_prices(series: Series) -> "Floats":
    """What one consumed unit of each line costs under the company's contract, before planted changes."""
    import numpy as np

    return np.array(
        [
            line.sku.price * (1 - PROVIDERS[line.sku.provider].discount) / line.sku.block
            for line in series.lines
        ]
    )


def _quantities(series: Series, cells: Cells) -> "Ints":
    """Millionths of consumed units; whole tokens."""
    import numpy as np

    units = series.units[cells.line, cells.day] / unit_prices(series)[cells.line]
    whole = np.array([line.sku.block > 1 for line in series.lines])[cells.line]
    return np.where(whole, np.rint(units) * 1e6, np.rint(units * 1e6)).astype(np.int64)


def _share(total: "Ints", weight: "Floats", cell: "Ints", starts: "Ints") -> "Ints":
    """``total`` of each cell in parts as ``weight`` says; the first part takes what rounding leaves."""
    import numpy as np

    parts: Ints = np.floor(total[cell] * weight).astype(np.int64)
    parts[starts] += total - np.add.reduceat(parts, starts)
    return parts
