"""Scores of runs, read from a tracking server over real HTTP."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select

from guardrails.policy.mlflow import Mlflow
from storage.bills.errors import BillError
from storage.database import Database
from storage.metric_points import PUSHED, Point, store_points
from storage.mlflow import read_mlflow, store_mlflow
from storage.tables.spend import MetricPoint
from tests.fakes.mlflow_server import MlflowServer

SINCE = date(2026, 11, 1)
TODAY = date(2026, 11, 23)
_points = MetricPoint.__table__  # type: ignore[attr-defined]


@pytest.fixture
def server() -> Iterator[MlflowServer]:
    with MlflowServer() as made:
        yield made


def ms(day: int, hour: int = 12) -> int:
    return int(datetime(2026, 11, day, hour, tzinfo=UTC).timestamp() * 1000)


def section(server: MlflowServer, **more: Any) -> Mlflow:
    given = {"url": server.url, "metrics": {"val_accuracy": "accuracy"}, **more}
    return Mlflow.model_validate(given)


def read(server: MlflowServer, environ: dict[str, str] | None = None, **more: Any) -> list[Point]:
    return read_mlflow(section(server, **more), environ or {}, SINCE, lambda _: None)


@pytest.mark.parametrize("old", [False, True])
def test_finished_runs_become_points_of_the_day_they_ended(server: MlflowServer, old: bool) -> None:
    server.old = old
    ranker = server.experiment("ranker-training")
    tags = {"experiment": "ranker", "team": "search", "feature": " semantic-search "}
    server.run(ranker, ms(20, 23), tags=tags, val_accuracy=0.91, loss=0.2)
    server.run(ranker, ms(21), val_accuracy=0.92)
    server.run(ranker, ms(21), "FAILED", val_accuracy=0.1)
    server.run(ranker, None, "RUNNING", val_accuracy=0.2)
    server.run(
        ranker, int(datetime(2026, 10, 31, 23, tzinfo=UTC).timestamp() * 1000), val_accuracy=0.3
    )
    assert read(server) == [
        Point(
            date(2026, 11, 20), "accuracy", 0.91,
            experiment="ranker", team="search", feature="semantic-search",
        ),
        Point(date(2026, 11, 21), "accuracy", 0.92, experiment="ranker-training"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("of_a_day", "value"), [("last", 0.7), ("mean", 0.8), ("best-high", 0.9), ("best-low", 0.7)]
)
def test_of_several_runs_of_a_day_the_policy_says_which_counts(
    server: MlflowServer, of_a_day: str, value: float
) -> None:
    one = server.experiment("one")
    for hour, accuracy in ((8, 0.8), (20, 0.7), (12, 0.9)):
        server.run(one, ms(20, hour), val_accuracy=accuracy)
    (point,) = read(server, of_a_day=of_a_day)
    assert point.value == pytest.approx(value)


def test_every_page_is_read(server: MlflowServer) -> None:
    server.page = 7
    names = [server.experiment(f"e{n}") for n in range(20)]
    for n, name in enumerate(names):
        server.run(name, ms(1 + n), val_accuracy=n / 20)
    assert sorted(p.value for p in read(server)) == [n / 20 for n in range(20)]
    assert len(server.asked) == 6


def test_values_that_are_not_finite_are_left_out(server: MlflowServer) -> None:
    one = server.experiment("one")
    server.run(one, ms(20), val_accuracy="NaN")
    server.run(one, ms(21), val_accuracy="Infinity")
    assert read(server) == []


def test_only_the_experiments_of_the_policy(server: MlflowServer) -> None:
    for name in ("one", "two"):
        server.run(server.experiment(name), ms(20), val_accuracy=0.5)
    server.experiment("gone", "deleted")
    assert [p.experiment for p in read(server, experiments=["two"])] == ["two"]
    with pytest.raises(BillError, match="no active experiment is called tow; did you mean two"):
        read(server, experiments=["tow"])
    with pytest.raises(BillError, match="called gone"):
        read(server, experiments=["gone"])


def test_tags_may_be_called_otherwise(server: MlflowServer) -> None:
    server.run(server.experiment("one"), ms(20), tags={"squad": "search"}, val_accuracy=0.5)
    (point,) = read(server, tags={"team": "squad"})
    assert point.team == "search"


def test_the_token_comes_from_the_environment(server: MlflowServer) -> None:
    server.token = "let-me-in"
    with pytest.raises(BillError, match="the environment variable MLFLOW_TOKEN is not set"):
        read(server, token="MLFLOW_TOKEN")
    with pytest.raises(BillError, match="refuses the token") as refused:
        read(server, {"MLFLOW_TOKEN": "wrong-one"}, token="MLFLOW_TOKEN")
    assert "wrong-one" not in str(refused.value)
    assert read(server, {"MLFLOW_TOKEN": "let-me-in\n"}, token="MLFLOW_TOKEN") == []


def test_trouble_that_passes_is_waited_out(server: MlflowServer) -> None:
    server.fail = [503, 429]
    assert read(server) == []
    server.fail = [500, 502, 503]
    with pytest.raises(BillError, match=r"answers 503 \(TEMPORARILY_UNAVAILABLE: not now\)"):
        read(server)


def test_a_redirect_does_not_get_the_token(server: MlflowServer) -> None:
    server.fail = [302]
    with pytest.raises(BillError, match="redirects"):
        read(server, {"T": "secret"}, token="T")
    assert len(server.tokens_seen) == 1


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"\xff"])
def test_what_is_no_tracking_server_is_said(server: MlflowServer, body: bytes) -> None:
    server.body_of_200 = body
    with pytest.raises(BillError, match="does not answer as MLflow does"):
        read(server)


def test_a_server_that_is_not_there(server: MlflowServer) -> None:
    server.__exit__()
    with pytest.raises(BillError, match=r"does not answer: .*refused"):
        read(server)
    server.__enter__()


def test_pages_without_end_end(server: MlflowServer) -> None:
    server.endless = True
    with pytest.raises(BillError, match="gives the same page of experiments again"):
        read(server)


def test_the_days_that_are_read_are_replaced_others_stay(
    server: MlflowServer, database: Database
) -> None:
    one = server.experiment("one")
    server.run(one, ms(20), val_accuracy=0.5)
    server.run(one, ms(21), val_accuracy=0.6)
    old = Point(TODAY - timedelta(days=40), "accuracy", 0.4, experiment="one")
    with database.write() as connection:
        connection.execute(insert(_points).values(**vars(old), source="mlflow"))
        pushed = Point(date(2026, 11, 21), "accuracy", 0.99, experiment="one")
        store_points(connection, PUSHED, [pushed])
    for _ in range(2):
        assert store_mlflow(database, section(server), {}, TODAY) == 1

    def stored() -> list[tuple[str, float]]:
        query = select(_points.c.source, _points.c.value).order_by(_points.c.day)
        with database.read() as connection:
            return [(source, value) for source, value in connection.execute(query)]

    assert stored() == [("mlflow", 0.4), ("mlflow", 0.5), ("api", 0.99)]
    server.runs.pop(0)
    store_mlflow(database, section(server), {}, TODAY)
    assert stored() == [("mlflow", 0.4), ("api", 0.99)]
    store_mlflow(database, None, {}, TODAY)
    assert stored() == [("api", 0.99)]
