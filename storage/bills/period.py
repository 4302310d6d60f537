"""One billing period of the rollup, from DuckDB to what is stored."""

# ruff: noqa: S608 – SQL is made of our own names; what comes from outside is quoted or bound.

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from guardrails.money import MICROS
from guardrails.policy.bills import Shared
from storage.bills.allocation import PLACE
from storage.bills.amounts import put_residue_back, to_micros
from storage.bills.rollup import FACTS, PLACES
from storage.bills.shared import MetricReader, split_shared

#: Micros that the database's integers can hold, of all amounts of a period without their signs.
MOST = 9_200_000_000_000 * MICROS


@dataclass(frozen=True)
class Found:
    """What a bill has of one period and currency. ``money`` is the exact sum of its cost column.

    ``grown`` is the newest day that is not in the future, None when all are.
    """

    period: date
    currency: str
    money: Decimal
    rows: int
    oldest: date
    newest: date
    grown: date | None

    @property
    def micros(self) -> int:
        """``money`` in millionths: what the stored rows must add up to."""
        return to_micros(self.money)


def periods_found(local: Any, today: date) -> list[Found]:
    """The periods and currencies in :data:`FACTS`, sorted."""
    rows = local.raw_sql(
        "SELECT period, currency, sum(cost), sum(lines), min(day), max(day), "
        f"max(day) FILTER (WHERE day <= DATE '{today.isoformat()}') FROM {FACTS} "
        "GROUP BY period, currency ORDER BY period, currency"
    ).fetchall()
    return [Found(p, c, money, int(lines), *days) for p, c, money, lines, *days in rows]


def period_rows(
    local: Any, found: list[Found], shared: tuple[Shared, ...], read_metric: MetricReader
) -> tuple[Any, list[str]]:
    """The rows to store of one period as an Arrow table, and notes on how shared costs were split.

    ``found`` are the period's currencies; the ``cost_micros`` of each add up to its ``micros``. Raises
    OverflowError when they are more than can be stored.
    """
    import numpy as np
    import pyarrow as pa

    period = found[0].period
    said = ", ".join(f"p.{name}" for name in PLACE)
    rows = local.con.execute(
        f"SELECT f.day, f.hour, f.currency, {said}, CAST(f.cost AS DECIMAL(38, 6)) AS cost, "
        f"f.quantity FROM {FACTS} f JOIN {PLACES} p ON p.kind = f.place "
        # the same order each time: the rounding residue finds the same row
        f"WHERE f.period = DATE '{period.isoformat()}' ORDER BY ALL"
    ).to_arrow_table()
    micros = _micros(rows["cost"])
    currencies = rows["currency"].to_numpy(zero_copy_only=False)
    for one in found:
        mine = currencies == one.currency
        if np.abs(micros[mine].astype(np.float64)).sum() >= MOST or abs(one.micros) >= MOST:
            raise OverflowError(f"{one.currency} {one.money:,.2f}")
        micros[mine] = put_residue_back(micros[mine], one.micros)
    rows = rows.drop_columns(["cost"]).append_column("cost_micros", pa.array(micros, pa.int64()))
    assert micros.dtype == np.int64
    return split_shared(rows, shared, read_metric)


def fingerprint(local: Any, rows: Any) -> str:
    """Of the rows whatever their order. Quantities count to the thousandth: sums of doubles differ
    beyond that with the order in which threads add them."""
    local.con.register("period_rows", rows)
    columns = ", ".join("round(quantity, 3)" if n == "quantity" else n for n in rows.column_names)
    found = local.con.execute(
        f"SELECT count(*), sum(hash({columns})::HUGEINT), bit_xor(hash({columns})) FROM period_rows"
    ).fetchone()
    local.con.unregister("period_rows")
    return "-".join(str(part) for part in found)


def _micros(cost: Any) -> Any:
    """The unscaled integers of a DECIMAL(38, 6) column: its millionths, as int64."""
    import numpy as np

    if len(cost) == 0:
        return np.zeros(0, np.int64)
    values = []
    for chunk in cost.chunks:
        words = np.frombuffer(chunk.buffers()[1], np.int64).reshape(-1, 2)
        words = words[chunk.offset : chunk.offset + len(chunk)]
        if ((words[:, 0] >> 63) != words[:, 1]).any():
            raise OverflowError("one row of the rollup has more than nine million millions")
        values.append(words[:, 0])
    return np.concatenate(values)
