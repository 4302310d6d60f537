"""What somebody may do at a moment when they do nothing: asked of the surfaces that know their account."""

from typing import TYPE_CHECKING, cast

from bot.kernel import Kernel
from bot.surface import DeliveryError, NoAccount
from guardrails.authority import may, roles_of
from guardrails.policy.people import Permission
from handlers.conversation import Actor
from handlers.turn import PERSON

if TYPE_CHECKING:
    from bot.slack.surface import SlackSurface
    from bot.teams.surface import TeamsSurface


async def may_now(kernel: Kernel, person: str, permission: Permission) -> bool | None:
    """Whether a person has a permission now, by any of their accounts; None when that cannot be told just now.

    Where no surface knows an account of theirs, the e-mail counts, as on the console.
    """
    policy = kernel.loaded.policy
    actors = await _actors(kernel, person)
    if not actors:
        return may(policy, permission, roles_of(policy, person))
    if any(a.standing == "member" and may(policy, permission, a.roles) for a in actors):
        return True
    return None if any(a.standing == "unknown" for a in actors) else False


async def _actors(kernel: Kernel, person: str) -> list[Actor]:
    found: list[Actor] = []
    for name, surface in kernel.surfaces.items():
        if name == "slack":
            found += await _in_slack(cast("SlackSurface", surface), person)
        elif name == "teams":
            found += await _in_teams(cast("TeamsSurface", surface), person)
    return found


async def _in_slack(surface: "SlackSurface", person: str) -> list[Actor]:
    one_token = not surface.settings.oauth
    workspaces = [surface.main] if one_token else list(surface.workspaces.values())
    found = []
    for workspace in workspaces:
        account = (await workspace.people.accounts([person])).get(person)
        if account is not None:
            found.append(await workspace.people.actor(account))
    return found


async def _in_teams(surface: "TeamsSurface", person: str) -> list[Actor]:
    # Imported here: without Teams nobody needs it.
    from bot.teams.heard import Sender, Where

    account = await surface.people.account(person)
    if account is None:
        return []
    unknown = Actor(
        person=person,
        name=person,
        surface="teams",
        tenant=surface.tenant,
        user_id=account.id,
        standing="unknown",
    )
    try:
        chat = await surface.chat(f"{PERSON}{person}")
        member = await surface.connector.member(chat.service_url, chat.conversation, account.id)
    except NoAccount:
        return []  # not there any more, and nothing can be told there
    except DeliveryError:
        return [unknown]
    oid = str(member.get("aadObjectId") or member.get("objectId") or "").lower()
    where = Where(surface.tenant, chat.service_url, chat.conversation, personal=True)
    return [await surface.people.actor(Sender(account.id, oid, account.name), where)]
