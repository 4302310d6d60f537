"""Scores of runs from MLflow's tracking server (REST API 2.0: experiments/search, runs/search)."""

import http.client
import json
import math
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from statistics import fmean
from typing import Any

from guardrails.policy.bills import DIMENSIONS
from guardrails.policy.mlflow import Mlflow
from guardrails.suggest import did_you_mean
from storage.bills.errors import BillError
from storage.database import Database
from storage.metric_points import MLFLOW, Point, replace_points

PAGE = 1000  # every server gives at least so many
EXPERIMENTS_AT_ONCE = 100  # of one search for runs
LARGEST = 64 * 1024 * 1024  # bytes of one answer
PATIENCE = 30.0  # seconds for one answer
WAITS = (1.0, 4.0)  # seconds before it is tried again
_PASSING = (429, 500, 502, 503, 504)


def store_mlflow(
    database: Database, section: Mlflow | None, environ: Mapping[str, str], today: date
) -> int:
    """Reads the runs of the last days and stores their scores in place of what was stored of these days.

    Without a section all that was stored of MLflow is removed. ``today`` is in UTC. Returns how many points were
    stored. Raises BillError with one sentence; nothing is changed then.
    """
    if section is None:
        with database.write() as connection:
            return replace_points(connection, MLFLOW, None, [])
    since = today - timedelta(days=section.days)
    points = read_mlflow(section, environ, since)
    with database.write() as connection:
        return replace_points(connection, MLFLOW, since, points)


def read_mlflow(
    section: Mlflow,
    environ: Mapping[str, str],
    since: date,
    wait: Callable[[float], None] = time.sleep,
) -> list[Point]:
    """The latest value of each metric of runs that finished on ``since`` (UTC) or later, a point a day.

    The day is that of the run's end; dimensions are its tags, and the experiment is MLflow's where no tag says
    another. Values that are not finite are left out. Raises BillError with one sentence.
    """
    server = _Server(section, environ, wait)
    names = server.experiments()
    wanted = section.experiments or tuple(sorted(names.values()))
    missing = [name for name in wanted if name not in names.values()]
    if missing:
        hint = did_you_mean(missing[0], names.values())
        raise BillError(f"mlflow: no active experiment is called {missing[0]}{hint or '.'}")
    ids = [found for found, name in names.items() if name in wanted]
    scores: dict[tuple[Any, ...], list[tuple[int, Point]]] = {}
    for run in server.runs(ids, since):
        for ended, point in _scores(section, run, names):
            if point.day >= since:
                scores.setdefault(point.key, []).append((ended, point))
    return [_of_a_day(section, found) for _, found in sorted(scores.items())]


def _scores(
    section: Mlflow, run: dict[str, Any], names: Mapping[str, str]
) -> Iterator[tuple[int, Point]]:
    info, data = run.get("info") or {}, run.get("data") or {}
    ended = _number(info.get("end_time"))
    if info.get("status") != "FINISHED" or ended is None or ended <= 0:
        return
    day = datetime.fromtimestamp(ended / 1000, UTC).date()
    tags = {t.get("key"): str(t.get("value") or "").strip() for t in data.get("tags") or ()}
    where = {d: _plain(tags.get(section.tags.get(d, d), "")) for d in DIMENSIONS}
    where["experiment"] = where["experiment"] or names.get(str(info.get("experiment_id")), "")
    for metric in data.get("metrics") or ():
        called = section.metrics.get(str(metric.get("key")))
        value = _number(metric.get("value"))
        if called is not None and value is not None:
            yield int(ended), Point(day=day, metric=called, value=value, **where)


def _of_a_day(section: Mlflow, found: list[tuple[int, Point]]) -> Point:
    ordered = sorted(found, key=lambda one: (one[0], one[1].value))
    last = ordered[-1][1]
    values = [point.value for _, point in ordered]
    match section.of_a_day:
        case "last":
            return last
        case "mean":
            value = fmean(values)
        case "best-high":
            value = max(values)
        case "best-low":
            value = min(values)
    return Point(**{**vars(last), "value": value})


def _number(value: Any) -> float | None:
    """64-bit integers come as numbers or as text, by the server's age; NaN and Infinity as text."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _plain(value: str) -> str:
    return "".join(c for c in value if c.isprintable())[:200]


class _StayHere(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the token to wherever it leads."""

    def redirect_request(self, *_: Any) -> None:
        return None


@dataclass(frozen=True)
class _Server:
    section: Mlflow
    environ: Mapping[str, str]
    wait: Callable[[float], None]

    def experiments(self) -> dict[str, str]:
        """Active experiments: id → name."""
        body = {"max_results": PAGE, "view_type": "ACTIVE_ONLY"}
        pages = self._pages("experiments/search", body, "experiments")
        return {str(e["experiment_id"]): str(e["name"]) for e in pages}

    def runs(self, experiments: list[str], since: date) -> Iterator[dict[str, Any]]:
        """Finished runs that ended on that day or later."""
        first = int(datetime(since.year, since.month, since.day, tzinfo=UTC).timestamp() * 1000)
        for n in range(0, len(experiments), EXPERIMENTS_AT_ONCE):
            body = {
                "experiment_ids": experiments[n : n + EXPERIMENTS_AT_ONCE],
                "filter": f"attributes.status = 'FINISHED' and attributes.end_time >= {first}",
                "run_view_type": "ACTIVE_ONLY",
                "max_results": PAGE,
            }
            yield from self._pages("runs/search", body, "runs")

    def _pages(self, path: str, body: dict[str, Any], key: str) -> Iterator[dict[str, Any]]:
        seen: set[str] = set()
        token = ""
        while True:
            answer = self._ask(path, {**body, **({"page_token": token} if token else {})})
            yield from answer.get(key) or ()
            token = str(answer.get("next_page_token") or "")
            if not token:
                return
            if token in seen:
                raise BillError(f"mlflow: {self.section.url} gives the same page of {key} again.")
            seen.add(token)

    def _ask(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        for pause in (*WAITS, None):
            try:
                return self._once(path, body)
            except urllib.error.HTTPError as error:
                with error:
                    said = _said(error)
                if error.code not in _PASSING or pause is None:
                    raise BillError(f"mlflow: {self.section.url} {said}") from None
            except (OSError, http.client.HTTPException) as error:
                if pause is None:
                    why = str(getattr(error, "reason", "") or error) or type(error).__name__
                    raise BillError(f"mlflow: {self.section.url} does not answer: {why}.") from None
            except ValueError:
                raise BillError(
                    f"mlflow: {self.section.url} does not answer as MLflow does; "
                    "is it the tracking server's address?"
                ) from None
            self.wait(pause)
        raise AssertionError("the last try returns or raises")

    def _once(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self.section.token is not None:
            token = self.environ.get(self.section.token, "").strip()
            if not token:
                raise BillError(
                    f"mlflow: the environment variable {self.section.token} is not set; put the token into it."
                )
            headers["Authorization"] = f"Bearer {token}"
        request = urllib.request.Request(  # noqa: S310 – the policy takes http and https alone
            f"{self.section.url}/api/2.0/mlflow/{path}",
            data=json.dumps(body).encode(),
            headers=headers,
            method="POST",
        )
        opener = urllib.request.build_opener(_StayHere)
        with opener.open(request, timeout=PATIENCE) as answer:
            raw = answer.read(LARGEST + 1)
        if len(raw) > LARGEST:
            raise ValueError("too large")
        found = json.loads(raw)
        if not isinstance(found, dict):
            raise ValueError("not an object")
        return found


def _said(error: urllib.error.HTTPError) -> str:
    """What the server refuses with, without repeating the token."""
    if error.code in (401, 403):
        return "refuses the token: give one that may read experiments and runs."
    if 300 <= error.code < 400:
        return "redirects; write the address where it leads to into the policy."
    try:
        said = json.loads(error.read(10_000))
        why = f"{said['error_code']}: {str(said.get('message', ''))[:200]}"
    except (ValueError, KeyError, TypeError, OSError):
        why = error.reason
    return f"answers {error.code} ({why})."
