"""What somebody may do at a moment when they do nothing: asked of the surfaces that know their account."""

from bot.kernel import Kernel
from guardrails.authority import may, roles_of
from guardrails.policy.people import Permission


async def may_now(kernel: Kernel, person: str, permission: Permission) -> bool | None:
    """Whether a person has a permission now, by any of their accounts; None when that cannot be told just now.

    Where no surface knows an account of theirs, the e-mail counts, as on the console.
    """
    policy = kernel.loaded.policy
    actors = [a for s in kernel.surfaces.values() for a in await s.actors(person)]
    if not actors:
        return may(policy, permission, roles_of(policy, person))
    if any(a.standing == "member" and may(policy, permission, a.roles) for a in actors):
        return True
    return None if any(a.standing == "unknown" for a in actors) else False
