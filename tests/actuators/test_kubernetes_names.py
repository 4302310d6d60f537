"""Whatever a sandbox and its tags are called, Kubernetes takes it."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.actuators import cluster_objects as objects
from bot.actuators.cluster_names import label_key, label_value, namespace_name, tag_labels
from bot.actuators.cluster_plan import Seen, Write, plan
from guardrails.orders import Order, Resources
from guardrails.policy.actuators import Kubernetes
from tests.actuators.clusters import order
from tests.fakes import kubernetes_rules as rules

TEXT = st.text(max_size=200)
PREFIXES = st.from_regex(r"\A[a-z0-9][a-z0-9-]{0,19}\Z")
PLAIN = st.from_regex(r"\A[a-z0-9]([a-z0-9-]{0,60}[a-z0-9])?\Z")
SECTIONS = st.builds(
    Kubernetes,
    name=st.just("gpus"),
    kind=st.just("kubernetes"),
    gpu_resource=st.sampled_from(["nvidia.com/gpu", "amd.com/gpu", "nvidia.com/mig-1g.5gb"]),
    cpus=st.integers(1, 4096),
    memory_gib=st.integers(1, 65536),
    pods=st.integers(1, 10000),
    storage_gib=st.integers(1, 1_000_000),
)
TAGS = st.dictionaries(TEXT, TEXT, max_size=6)
ORDERS = st.builds(
    order,
    st.sampled_from(["allocate", "change", "throttle", "halt", "resume"]),
    name=TEXT,
    sandbox=TEXT,
    tags=TAGS,
    owner=TEXT,
    cap=st.decimals(0, Decimal("1e12"), places=2),
    ends_on=st.dates(date(2026, 1, 1)),
    resources=st.builds(Resources, gpu=TEXT, gpus=st.integers(0, 10_000)),
)


@given(PREFIXES, TEXT)
def test_any_name_is_a_namespace(prefix: str, name: str) -> None:
    made = namespace_name(prefix, name)
    rules.check("", "namespaces", {"metadata": {"name": made}})
    assert made.startswith(prefix)
    assert made == namespace_name(prefix, name)


@given(PREFIXES, PLAIN, PLAIN)
def test_two_names_are_two_namespaces(prefix: str, one: str, other: str) -> None:
    assert (namespace_name(prefix, one) == namespace_name(prefix, other)) == (one == other)


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("ranker-v2", "sandbox-ranker-v2"),
        ("Ranker v2", "sandbox-ranker-v2-"),
        ("x" * 55, "sandbox-" + "x" * 55),
        ("x" * 56, "sandbox-" + "x" * 46 + "-"),
        ("größe", "sandbox-gr-e-"),
        ("---", "sandbox-"),
        ("", "sandbox-"),
    ],
)
def test_names_stay_readable(name: str, made: str) -> None:
    found = namespace_name("sandbox-", name)
    assert found.startswith(made)
    assert len(found) - len(made) in (0, 8)


@given(TEXT)
def test_any_text_is_a_label(text: str) -> None:
    rules.check(
        "", "pods", {"metadata": {"name": "x", "labels": {label_key(text): label_value(text)}}}
    )
    assert "/" not in label_key(text)


@given(st.from_regex(r"\A[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?\Z"))
def test_what_is_valid_stays_as_it_is(text: str) -> None:
    assert label_key(text) == text
    assert label_value(text) == text


def test_a_tag_cannot_set_a_label_that_kubernetes_acts_upon() -> None:
    made = tag_labels({"pod-security.kubernetes.io/enforce": "privileged"})
    assert not any("/" in key for key in made)


@given(SECTIONS, ORDERS)
def test_every_object_of_an_order_is_valid(section: Kubernetes, made: Order) -> None:
    name = namespace_name(section.namespace_prefix, made.name)
    for state in ("running", "throttled", "halted"):
        rules.check("", "namespaces", objects.namespace(made, name, state))
        quota = objects.quota(section, made, name, state)
        rules.check("", "resourcequotas", quota)
        rules.check("", "limitranges", objects.limits(section, name))
        default = objects.limits(section, name)["spec"]["limits"][0]["default"]
        hard = quota["spec"]["hard"]
        assert rules.quantity(default["cpu"]) <= rules.quantity(hard["limits.cpu"])
        assert rules.quantity(default["memory"]) <= rules.quantity(hard["limits.memory"])


@settings(deadline=None)  # the first one loads the client
@given(SECTIONS, ORDERS, ORDERS)
def test_after_a_plan_is_written_nothing_is_left(
    section: Kubernetes, first: Order, then: Order
) -> None:
    """Whatever there was, one round of writing makes the objects as ordered."""
    name = namespace_name(section.namespace_prefix, first.name)
    seen = Seen(name)
    for made in (first, then):
        seen = _written(seen, plan(section, made, seen))
        assert plan(section, made, seen) == ()
        assert seen.namespace is not None
        labels = {**tag_labels(made.tags), **objects.MANAGED_BY}
        assert labels.items() <= seen.namespace["metadata"]["labels"].items()
        assert len(seen.namespace["metadata"]["labels"]) == len(
            labels.keys() | {"sandrail.io/sandbox"}
        )


def _written(seen: Seen, writes: tuple[Write, ...]) -> Seen:
    found = {"Namespace": seen.namespace, "ResourceQuota": seen.quota, "LimitRange": seen.limits}
    for write in writes:
        body = {key: value for key, value in write.body.items() if key != "resourceVersion"}
        found[write.kind.title] = rules.merge(found[write.kind.title], body)
    return Seen(seen.name, found["Namespace"], found["ResourceQuota"], found["LimitRange"])
