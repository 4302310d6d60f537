"""How good detection is, in numbers: on public labelled series and on the sample company's bill.

``python -m tests.bench.detection [--nab FOLDER] [--seeds 1 2 3]``. The folder holds the Numenta Anomaly
Benchmark's ``data`` and ``labels`` (Lavin & Ahmad 2015); SANDRAIL_NAB names it too. Every method is
measured in the same run on the same rows.
"""

import argparse
import os
from pathlib import Path

from tests.bench.company_incidents import bench_company
from tests.bench.labelled_series import bench_labelled


def main(arguments: list[str] | None = None) -> None:
    """Prints both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nab", type=Path, default=os.environ.get("SANDRAIL_NAB"))
    parser.add_argument("--seeds", type=int, nargs="*", default=[1, 2, 3])
    parser.add_argument("--days", type=int, default=120)
    parser.add_argument(
        "--misses", action="store_true", help="list what was missed and what was false"
    )
    given = parser.parse_args(arguments)
    if given.seeds:
        bench_company(given.seeds, given.days, given.misses)
    if given.nab is None:
        print("Public series: not measured; give --nab FOLDER or SANDRAIL_NAB.")
    else:
        bench_labelled(Path(given.nab))


if __name__ == "__main__":
    main()
