"""``sandrail``: the command line. Exit code 0 done, 1 refused or failed with one clear line, 2 wrong usage."""

import sys

import typer

from bot.cli.audit import audit_app
from bot.cli.check import check_command
from bot.cli.db import db_app
from bot.cli.detect import detect_command
from bot.cli.digest import digest_command
from bot.cli.doctor import doctor_command
from bot.cli.ingest import ingest_command
from bot.cli.manifest import manifest_app
from bot.cli.replay import replay_command
from bot.cli.retro import retro_command
from bot.cli.run import run_command
from bot.cli.sample import sample_command
from bot.cli.score import score_command
from bot.cli.start import err

app = typer.Typer(
    name="sandrail",
    help="Chat-ops guardrails for AI spend, in Slack, Microsoft Teams and a local console.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("run")(run_command)
app.command("check")(check_command)
app.command("sample")(sample_command)
app.command("ingest")(ingest_command)
app.command("detect")(detect_command)
app.command("score")(score_command)
app.command("replay")(replay_command)
app.command("digest")(digest_command)
app.command("retro")(retro_command)
app.command("doctor")(doctor_command)
app.add_typer(audit_app, name="audit")
app.add_typer(db_app, name="db")
app.add_typer(manifest_app, name="manifest")


def main() -> None:
    """The console script's entry. What the machine refuses is one line, not a traceback."""
    from sqlalchemy.exc import SQLAlchemyError

    try:
        app()
    except (OSError, OverflowError, RecursionError, SQLAlchemyError) as error:
        reason = str(getattr(error, "orig", None) or error).strip().splitlines() or [""]
        err.print(f"{type(error).__name__}: {reason[0]}", markup=False, style="red", soft_wrap=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
