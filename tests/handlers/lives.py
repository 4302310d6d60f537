"""Random lives: a state machine run on a database, in the suite or longer by hand."""

import sys
import tempfile

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from storage.database import Database
from storage.migrate import upgrade


def live(
    machine: type[RuleBasedStateMachine],
    database: Database,
    examples: int,
    *,
    steps: int = 30,
    derandomize: bool = True,
) -> None:
    """Runs so many lives of a machine, which finds the database in its attribute ``database``."""
    here = type("LifeHere", (machine,), {"database": database})
    run_state_machine_as_test(
        here,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            derandomize=derandomize,
            database=None,
            phases=(Phase.explicit, Phase.generate),  # shrinking a life takes minutes
            suppress_health_check=list(HealthCheck),
        ),
    )


def look_longer(machine: type[RuleBasedStateMachine], steps: int = 30) -> None:
    """Lives on SQLite that differ each time: as many as the command line says, or 200."""
    with tempfile.TemporaryDirectory() as folder:
        made = Database(f"sqlite:///{folder}/life.db")
        upgrade(made)
        examples = int(sys.argv[1]) if len(sys.argv) > 1 else 200
        live(machine, made, examples, steps=steps, derandomize=False)
        made.close()
