"""What is proposed for a rule: the exact change of the policy's text, checked, with what a replay says of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from guardrails.policy.model import Policy
from guardrails.policy.retrospective import Retrospective
from guardrails.replay import Report
from guardrails.retro.changes import Change, Edit, Path, candidates
from guardrails.retro.patch import NoPatch, diff, patched
from guardrails.retro.tally import Rule, Tally
from guardrails.retro.verdict import Judged
from handlers.replay.message import sentences
from storage.policy_file import LoadedPolicy, PolicyRefusedError, parse_policy

#: A changed policy beside the policy of now over the quarter; ``True``: with its alerts. Else why there is none.
Replayer = Callable[[LoadedPolicy, bool], Report | str]


@dataclass(frozen=True)
class Proposal:
    """What should become of a rule. ``edit`` is empty when ``no_change`` says why; ``line``: in the file, from 1.
    ``replayed``: sentences with the replay's numbers."""

    tally: Tally
    judged: Judged
    edit: Edit = ()
    no_change: str = ""
    line: int = 0
    diff: str = ""
    replayed: tuple[str, ...] = ()


def propose(
    loaded: LoadedPolicy,
    rules: Retrospective,
    verdicts: Sequence[tuple[Tally, Judged]],
    replayer: Replayer | None = None,
) -> tuple[Proposal, ...]:
    """A proposal for each rule that should not stay as it is. One value is changed by one proposal only."""
    taken: dict[Path, str] = {}
    found = []
    for tally, judged in verdicts:
        if judged.verdict == "keep":
            continue
        one = _propose(loaded, rules, tally, judged, replayer, taken)
        taken |= {change.path: tally.rule.name for change in one.edit}
        found.append(one)
    return tuple(found)


def _propose(
    loaded: LoadedPolicy,
    rules: Retrospective,
    tally: Tally,
    judged: Judged,
    replayer: Replayer | None,
    taken: dict[Path, str],
) -> Proposal:
    plain = Proposal(tally, judged, no_change=_by_hand(tally))
    why = ""
    best: tuple[int, Proposal] | None = None
    for edit in candidates(loaded.policy, rules, tally, judged.verdict):
        before = next((change for change in edit if change.path in taken), None)
        if before is not None:
            other = taken[before.path]
            why = why or f"{before.place} is changed by the proposal for {other} already."
            continue
        try:
            new = changed(loaded, edit)
        except NoPatch as error:
            why = why or str(error)
            continue
        made = diff(loaded.text, new.text, loaded.name)
        one = Proposal(tally, judged, edit, "", _line(loaded.text, new.text), made)
        report = replayer(new, _about_alerts(edit)) if replayer is not None else ""
        if isinstance(report, str):
            return replace(one, replayed=(report,) if report else ())
        currency = loaded.policy.workspace.currency
        said = sentences(report, currency, alerts=_about_alerts(edit))
        one = replace(one, replayed=said)
        effect = _effect(report)
        if effect is None or (effect and tally.rule.kind != "rung"):
            return one
        # Of a rung, what takes the most requests elsewhere, and of those the smallest.
        if best is None or (effect, -len(edit)) > (best[0], -len(best[1].edit)):
            best = (effect, one)
    return best[1] if best is not None else replace(plain, no_change=why or plain.no_change)


def _effect(report: Report) -> int | None:
    """How many requests go elsewhere, else whether anything differs; None where a replay cannot say."""
    if report.not_replayed:
        return None
    return sum(d.differs for d in report.decided) or int(report.differs)


def changed(loaded: LoadedPolicy, edit: Edit) -> LoadedPolicy:
    """The policy with the changes, and its text. Raises NoPatch when it would not be valid or when anything else
    would change."""
    if not loaded.text:
        raise NoPatch("The policy's file is not at hand.")
    text, names = loaded.text, " and ".join(change.place for change in edit)
    for change in edit:
        text = patched(text, change)
    try:
        policy = parse_policy(text, loaded.name)
    except PolicyRefusedError as refused:
        why = refused.errors[0].message
        raise NoPatch(f"With {names} changed the policy would not be valid: {why}.") from None
    if not only_differs(loaded.policy, policy, edit):
        raise NoPatch(f"{names} cannot be changed alone: change it by hand.")
    return loaded.changed_to(policy, text)


def only_differs(old: Policy, new: Policy, edit: Edit) -> bool:
    """Whether the two policies differ, and in the values of the changes alone."""
    before, after = (p.model_dump(mode="json", by_alias=True) for p in (old, new))
    if before == after:
        return False
    try:
        for change in edit:
            *way, last = change.path
            holder: Any = before
            there: Any = after
            for key in way:
                holder, there = holder[key], there[key]
            if change.new is None:
                del holder[last]
            else:
                holder[last] = there[last]
    except (KeyError, IndexError, TypeError):
        return False
    return bool(before == after)


def all_at_once(
    loaded: LoadedPolicy, proposals: Sequence[Proposal]
) -> tuple[str, tuple[Proposal, ...]]:
    """One patch with every change that goes together with those before it, and the proposals that are in it."""
    # Entries are taken out last and from the end, so that the places of the others stay what they are.
    ordered = [p for p in proposals if p.edit and p.edit[0].new is not None]
    out = [p for p in proposals if p.edit and p.edit[0].new is None]
    now, done = loaded, []
    for one in [*ordered, *sorted(out, key=lambda p: int(p.edit[0].path[-1]), reverse=True)]:
        try:
            now = changed(now, one.edit)
        except NoPatch:
            continue
        done.append(one)
    return diff(loaded.text, now.text, loaded.name), tuple(p for p in proposals if p in done)


def _line(old: str, new: str) -> int:
    """The first line that differs, from 1."""
    before, after = old.split("\n"), new.split("\n")
    pairs = zip(before, after, strict=False)
    return next((n for n, (a, b) in enumerate(pairs, 1) if a != b), min(len(before), len(after)))


def _by_hand(tally: Tally) -> str:
    match tally.rule.kind:
        case "shadow":
            return "ai.services says what counts as AI: it is changed by hand."
        case "runbook":
            return "Its path stands in the runbook, not in the policy."
        case "rung" if tally.rule.path[-1] == 0:
            return "There is no rung below it that could take these requests."
        case _:
            return "No single value of the policy would do that."


def _about_alerts(edit: Edit) -> bool:
    return any(change.path[0] in ("alerts", "detection", "watch") for change in edit)


def named(policy: Policy, path: Path) -> str:
    """A place with the names of entries where they have some: ``ladder.rungs[lead].up_to``."""
    found: Any = policy.model_dump(mode="json", by_alias=True)
    said = ""
    for key in path:
        try:
            found = found[key]
        except (KeyError, IndexError, TypeError):
            found = None
        if isinstance(key, str):
            said += f".{key}"
        else:
            own = found.get("name") if isinstance(found, dict) else found
            said += f"[{own if isinstance(own, str) else key}]"
    return said.lstrip(".")


def kept(policy: Policy, proposal: Proposal) -> dict[str, Any]:
    """What is remembered of a proposal until the next retrospective."""
    rule = proposal.tally.rule
    return {
        "rule": rule.id,
        "name": rule.name,
        "verdict": proposal.judged.verdict,
        "changes": [_kept(policy, rule, change) for change in proposal.edit],
    }


def _kept(policy: Policy, rule: Rule, change: Change) -> dict[str, Any]:
    """``keys``: from the rule on when the change is ``inside`` it, whose place may change; else from the top."""
    inside = change.path[: len(rule.path)] == rule.path
    keys = list(change.path[len(rule.path) :] if inside else change.path)
    said = {"old": change.old, "new": change.new, "place": named(policy, change.path)}
    return {**said, "inside": inside, "keys": keys}
