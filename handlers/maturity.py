"""Maturity: the level of each team, why, and what the next one needs. What people overrule is recorded."""

from collections.abc import Mapping
from datetime import timedelta

from guardrails.maturity import LEVELS, Facts, Judged, covering, judge, shown
from guardrails.periods import Period
from guardrails.suggest import did_you_mean
from handlers.conversation import (
    Block,
    Code,
    Heading,
    Interaction,
    Items,
    Message,
    Private,
    Small,
    Strong,
    Table,
    text,
)
from handlers.refusals import NotFound
from handlers.router import command
from handlers.turn import Turn
from storage.maturity import (
    SUBJECT,
    TeamSpend,
    metrics_of_teams,
    overrides_on_record,
    spend_of_teams,
)

#: How many teams an answer shows.
SHOWN = 25


def level_of(turn: Turn, team: str) -> Judged:
    """The level of one team; 0 for a team that is not known or has spent nothing."""
    name = team.strip()
    if not name:
        return judge(Facts("", turn.policy.maturity.days), turn.policy.maturity)
    spent = spend_of_teams(turn.connection, turn.policy, _period(turn), name)
    (facts,) = _facts(turn, {name.casefold(): spent.get(name.casefold(), TeamSpend(name))})
    return judge(facts, turn.policy.maturity)


def levels(turn: Turn) -> list[Judged]:
    """The level of every team that spends, is in the policy, or has a level that people set; by name."""
    return [judge(facts, turn.policy.maturity) for facts in _all(turn)]


def look_at_maturity(turn: Turn) -> int:
    """Records in the audit each override that came, changed or went since the last look; returns how many."""
    before = overrides_on_record(turn.connection)
    told = 0
    for team, override in sorted(turn.policy.maturity.override.items()):
        last = before.pop(team, None)
        if last is not None and (last.level, last.because) == (override.level, override.because):
            continue
        was = None if last is None else last.level
        turn.audit(
            "policy",
            "maturity.overruled",
            f"{SUBJECT}{team}",
            override.because,
            level=override.level,
            because=override.because,
            was=was,
            computed=level_of(turn, team).computed,
        )
        told += 1
    for team, last in sorted(before.items()):
        if last.level is None:
            continue
        turn.audit(
            "policy",
            "maturity.override-ended",
            f"{SUBJECT}{team}",
            "the policy no longer sets the level",
            level=None,
            was=last.level,
            computed=level_of(turn, team).computed,
        )
        told += 1
    return told


@command(
    "spend maturity",
    permission="spend.read",
    does="how far the bot goes with each team, and what the next level needs",
    usage="[team]",
    example="/spend maturity {team}",
    looks=True,
)
def show_maturity(turn: Turn, it: Interaction) -> Private:
    """All teams, or one of them with all reasons."""
    name = it.inputs.get("text", "").strip()
    everyone = list(_all(turn))
    if name:
        known = [f for f in everyone if f.team.casefold() == name.casefold()]
        if not known:
            hint = did_you_mean(name, [f.team for f in everyone]) or "; /spend maturity shows all."
            raise NotFound(f"No team is called “{name}”{hint}")
        return Private(message=_one(judge(known[0], turn.policy.maturity)))
    if not everyone:
        sentence = "No team has spent anything yet, so there is no level to show."
        return Private(message=Message(summary=sentence, blocks=(Small(text=text(sentence)),)))
    return Private(message=_table(turn, everyone))


def _table(turn: Turn, everyone: list[Facts]) -> Message:
    judged = [judge(facts, turn.policy.maturity) for facts in everyone]
    rows = tuple(
        (
            j.team,
            f"{j.level} {j.word}{' (set by people)' if j.overruled else ''}",
            shown(f.coverage) if f.spend > 0 else "–",
            shown(f.ownership) if f.spend > 0 else "–",
            ", ".join(f.budgets[:2]) or "none",
            ", ".join(f.metrics[:2]) or "none",
        )
        for j, f in zip(judged, everyone, strict=True)
    )
    title = f"Maturity of {len(rows)} team{'s' if len(rows) > 1 else ''}"
    blocks: list[Block] = [
        Heading(text=title),
        Table(
            header=("Team", "Level", "Allocated", "With an owner", "Budgets", "Metrics"),
            rows=rows[:SHOWN],
            align="llrrll",
        ),
    ]
    needs = tuple(text(Strong(text=j.team), f": {'; '.join(j.needs)}.") for j in judged if j.needs)
    if needs:
        blocks.append(Items(title="What the next level needs", items=needs[:SHOWN]))
    if len(rows) > SHOWN:
        blocks.append(Small(text=text(f"and {len(rows) - SHOWN} more")))
    steps = ", ".join(f"{number} {word}" for number, word in enumerate(LEVELS))
    blocks.append(
        Small(
            text=text(
                f"Levels: {steps}. They are worked out from the {turn.policy.maturity.days} days to "
                "yesterday, without shared costs. One team: ",
                Code(text="/spend maturity NAME"),
            )
        )
    )
    return Message(summary=title, blocks=tuple(blocks))


def _one(judged: Judged) -> Message:
    title = f"Team {judged.team}: level {judged.level}, {judged.word}"
    blocks: list[Block] = [
        Heading(text=title),
        Items(title="Why", items=tuple(text(w) for w in judged.why)),
    ]
    if judged.needs:
        blocks.append(
            Items(title="What the next level needs", items=tuple(text(n) for n in judged.needs))
        )
    else:
        blocks.append(Small(text=text("By the numbers there is no higher level.")))
    return Message(summary=title, blocks=tuple(blocks))


def _all(turn: Turn) -> list[Facts]:
    teams = spend_of_teams(turn.connection, turn.policy, _period(turn))
    for name in (*turn.policy.teams, *turn.policy.maturity.override):
        teams.setdefault(name.casefold(), TeamSpend(name))
    return sorted(_facts(turn, teams), key=lambda f: f.team.casefold())


def _facts(turn: Turn, teams: Mapping[str, TeamSpend]) -> list[Facts]:
    policy = turn.policy
    watched = {unit.metric for unit in policy.watch.units} | set(policy.watch.quality)
    metrics = metrics_of_teams(turn.connection, watched, _period(turn), teams.values())
    return [
        Facts(
            team=one.name,
            days=policy.maturity.days,
            spend=one.spend,
            covered=one.covered,
            owned=one.owned,
            metrics=metrics.get(key, ()),
            budgets=covering(
                policy.budgets, key, frozenset(one.features), frozenset(one.experiments)
            ),
        )
        for key, one in teams.items()
    ]


def _period(turn: Turn) -> Period:
    """The days that are looked at, to yesterday: today is not over."""
    return Period(
        turn.today - timedelta(days=turn.policy.maturity.days), turn.today - timedelta(days=1)
    )
