"""``make bench``: ratios measured in one run, each against the plainest thing that does the job."""

from tests.bench import bills, clicks, detection, forecast


def main() -> None:
    """Runs every benchmark that needs nothing but this checkout."""
    bills.main()
    clicks.main()
    detection.main([])
    forecast.main()


if __name__ == "__main__":
    main()
