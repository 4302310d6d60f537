"""Takes the tags off some resources until 30 % of the bill's rows have none, as on real bills."""

import fnmatch
import zlib
from dataclasses import replace

from storage.sample.incidents import PLANTED
from storage.sample.pieces import Cells
from storage.sample.series import Series

UNTAGGED_SHARE = 0.30


def untag(series: Series, cells: Cells) -> None:
    """Replaces lines of ``series`` by untagged ones, whole lines at a time: what carries no tag today
    carried none yesterday. Accelerators, model tokens and planted lines keep their tags."""
    import numpy as np

    rows = np.bincount(cells.line, weights=cells.pieces, minlength=len(series.lines))
    bare = sum(n for n, line in zip(rows.tolist(), series.lines, strict=True) if not line.tags_json)
    patterns = [p for planted in PLANTED for effect in planted.effects for p in effect.lines]
    for i in sorted(
        range(len(series.lines)), key=lambda i: zlib.crc32(series.lines[i].key.encode())
    ):
        line = series.lines[i]
        engine = line.experiment is not None and line.sku.key.startswith(line.experiment.engine)
        planted = any(fnmatch.fnmatchcase(line.key, pattern) for pattern in patterns)
        if line.experiment is None or engine or planted or not line.tags_json:
            continue
        if (bare + rows[i]) / cells.rows > UNTAGGED_SHARE:
            break
        bare += float(rows[i])
        series.lines[i] = replace(line, tags=())
