"""What the policy may say of bills, and the command of the sample about its wishes."""

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from bot.cli.sample import sample_command
from storage.policy_file import PolicyRefusedError
from tests.bills.charges import load


def _refused(source: str) -> str:
    with pytest.raises(PolicyRefusedError) as refused:
        load(source, Path())
    assert len(refused.value.errors) == 1
    return str(refused.value.errors[0])


def test_a_url_where_a_name_belongs_is_not_repeated() -> None:
    """The story: someone wrote the warehouse's URL as `connection`. `sandrail check` refused it and
    printed it, password and all, into the log of a build."""
    said = _refused("connection: 'postgresql://bot:hunter2@host/bills', table: focus")
    assert "bills[0].connection" in said
    assert "name the environment variable that holds the URL" in said
    assert "hunter2" not in said


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("files: bill, connection: WAREHOUSE_URL", "give either files, or table with connection"),
        ("files: bill, table: focus", "give either files, or table with connection"),
        ("cost: BilledCost", "give either files, or table with connection"),
        ("table: focus", "table and connection go together"),
        ("connection: WAREHOUSE_URL", "table and connection go together"),
    ],
)
def test_a_bill_has_one_source(source: str, says: str) -> None:
    assert says in _refused(source)


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("--until", "2026-99-99"), 2, "“2026-99-99” is not a day"),
        (("--days", "801"), 1, "45 to 800 days"),
    ],
)
def test_a_wrong_wish_for_a_sample(
    tmp_path: Path, arguments: tuple[str, ...], code: int, says: str
) -> None:
    app = typer.Typer()
    app.command()(sample_command)
    result = CliRunner().invoke(app, ["--out", str(tmp_path / "s"), *arguments])
    assert (result.exit_code, result.stdout) == (code, "")
    assert says in " ".join(result.stderr.split())
    assert not (tmp_path / "s").exists()
