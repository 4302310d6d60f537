"""``sandrail check``: is the policy valid? ``--schema`` writes the JSON Schema for editors."""

import json
from pathlib import Path
from typing import Annotated

import typer

from bot.cli.start import fail, out, settings


def check_command(
    file: Annotated[
        Path | None, typer.Argument(help="the policy; SANDRAIL_CONFIG or app.yaml")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="errors as JSON")] = False,
    schema: Annotated[
        Path | None, typer.Option(help="write the policy's JSON Schema to this file instead")
    ] = None,
) -> None:
    """Validates the policy and names everything that is wrong with it; warns of what is probably a mistake."""
    from storage.policy_file import PolicyRefusedError, load_policy, policy_schema

    if schema is not None:
        schema.parent.mkdir(parents=True, exist_ok=True)
        schema.write_text(json.dumps(policy_schema(), indent=1) + "\n", encoding="utf-8")
        out.print(f"The schema is in {schema}.", markup=False)
        return
    path = file or settings().config
    try:
        loaded = load_policy(path)
    except PolicyRefusedError as refused:
        errors = refused.errors
        if as_json:
            typer.echo(json.dumps({"valid": False, "errors": [vars(e) for e in errors]}, indent=1))
            raise typer.Exit(1) from None
        for error in errors:
            typer.echo(str(error), err=True)
        count = "1 error" if len(errors) == 1 else f"{len(errors)} errors"
        raise fail(f"{path} is not valid: {count}.") from None
    if as_json:
        doubts = list(loaded.doubtful())
        typer.echo(json.dumps({"valid": True, "hash": loaded.hash, "doubts": doubts}))
        return
    out.print(f"{path} is valid (policy {loaded.hash[:12]}).", markup=False)
    for doubt in loaded.doubtful():
        out.print(f"Warning: {doubt}", markup=False, soft_wrap=True)
