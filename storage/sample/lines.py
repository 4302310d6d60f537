"""The lines of the bill: what each experiment runs on, what is shared, what nobody has claimed."""

import json
import zlib
from dataclasses import dataclass, field

from storage.sample.catalogue import PROVIDERS, SKUS, Sku, account_id
from storage.sample.company import EXPERIMENTS, SHORT, Experiment

# provider, workload, then SKU and its share of the experiment's money, as often as needed.
_AROUND_TABLE = """
aws     training         ebs 0.05 s3 0.05 glue 0.04 transfer 0.03 cloudwatch 0.01
aws     fine-tuning      ebs 0.05 s3 0.04 transfer 0.02 cloudwatch 0.01
aws     inference        elb 0.03 dynamodb 0.06 s3 0.03 transfer 0.06 cloudwatch 0.02
aws     data-preparation s3 0.14 lambda 0.04 transfer 0.04 cloudwatch 0.02
azure   training         aml 0.05 disk 0.04 blob 0.05 bandwidth 0.02 monitor 0.01
azure   fine-tuning      aml 0.05 blob 0.04 monitor 0.01
azure   inference        blob 0.03 azuresql 0.06 bandwidth 0.05 monitor 0.03
azure   data-preparation blob 0.15 azuresql 0.06 bandwidth 0.03
google  training         pd 0.04 gcs 0.05 dataflow 0.05 egress 0.02 logging 0.01
google  fine-tuning      pd 0.04 gcs 0.04 egress 0.02
google  inference        gcs 0.04 bigquery 0.05 egress 0.06 logging 0.02
google  data-preparation gcs 0.16 dataflow 0.12 egress 0.03
"""


def _read(table: str) -> dict[tuple[str, str], tuple[tuple[str, float], ...]]:
    found: dict[tuple[str, str], tuple[tuple[str, float], ...]] = {}
    for line in table.strip().splitlines():
        provider, workload, *rest = line.split()
        found[provider, workload] = tuple(
            (sku, float(share)) for sku, share in zip(rest[::2], rest[1::2], strict=True)
        )
    return found


#: What an experiment's engine needs around it: (SKU, share of the experiment's money).
_AROUND = _read(_AROUND_TABLE)
_TOKENS = (("in", 0.42), ("cached", 0.06), ("out", 0.52))
_BESIDE_TOKENS = (("lambda", 0.03), ("cloudwatch", 0.02), ("transfer", 0.02))

#: Engines that run on several nodes, each its own resource on the bill.
_NODES = {"p5": 4, "p4d": 3, "g6e": 3, "g6": 4, "g5": 2, "a3": 3, "a2": 3, "g2": 3,
          "ndh100": 3, "nca100": 3, "nct4": 2, "vertexgpu": 3, "opensearch": 3}  # fmt: skip

#: Experiments without a single tag. The allocation rules of app.yaml know them all the same.
RULED = (
    "support-summaries",
    "vector-index-build",
    "fraud-feature-pipeline",
    "background-removal",
    "tokenizer-corpus",
    "homepage-feed-serving",
    "query-encoder-training",
)

#: How much of the commitment the company bought covers a Google Cloud accelerator.
COMMITTED = 0.17


@dataclass(frozen=True)
class Line:
    """One kind of charge that comes every day. ``daily`` is its money on a usual working day in the
    provider's currency; ``tags`` is empty when the resource carries none."""

    key: str
    sku: Sku
    daily: float
    account: str
    region: tuple[str, str]
    resource: str
    nodes: int = 1
    experiment: Experiment | None = None
    tags: tuple[tuple[str, str], ...] = ()
    kind: str = "Usage"
    correction: bool = False
    rhythm: str = "always"
    starts: int | None = None
    ends: int | None = None
    committed: bool = False
    credential: str = ""
    says: str = ""
    only_planted: bool = False
    posted: int | None = field(default=None)

    @property
    def account_id(self) -> str:
        return account_id(self.sku.provider, self.account)

    @property
    def tags_json(self) -> str:
        return json.dumps(dict(self.tags)) if self.tags else ""


def all_lines() -> list[Line]:
    """Every line of the sample's bill, in the order of the files."""
    lines = [line for e in EXPERIMENTS for line in _of(e)]
    return lines + _planted_only() + _credits(lines) + _shared() + _unclaimed()


def _of(e: Experiment) -> list[Line]:
    model_api = e.provider in ("solora", "aurelia")
    if model_api:
        parts = [(e.engine + kind, share * 0.93) for kind, share in _TOKENS]
        parts += list(_BESIDE_TOKENS)
    else:
        around = [p for p in _AROUND[e.provider, e.workload] if p[0] != e.engine]
        parts = [(e.engine, 1 - sum(share for _, share in around)), *around]
    return [_line(e, SKUS[key], share) for key, share in parts]


def _line(e: Experiment, sku: Sku, share: float) -> Line:
    short = SHORT[e.team]
    place = "prod" if e.stage in ("scaled", "production") else "lab"
    dice = zlib.crc32(f"{e.name}/{sku.key}".encode())
    regions = PROVIDERS[sku.provider].regions
    is_engine = sku.key.startswith(e.engine)
    role = {"training": "train", "inference": "serve", "fine-tuning": "tune"}.get(
        e.workload, "data"
    )
    return Line(
        key=f"{e.name}/{sku.key}",
        sku=sku,
        daily=e.daily * share,
        account=f"{short}-{place}",
        region=regions[zlib.crc32(e.name.encode()) % len(regions)],
        resource=f"{e.name}-{role if is_engine else sku.key}",
        nodes=_NODES.get(sku.key, 1) if is_engine else 1,
        experiment=e,
        tags=() if e.name in RULED else _tags(e, sku, is_engine, dice),
        rhythm=e.rhythm,
        committed=sku.provider == "google" and sku.is_gpu and e.stage in ("scaled", "production"),
        credential=f"key_{e.name.replace('-', '_')}",
    )


def _tags(e: Experiment, sku: Sku, is_engine: bool, dice: int) -> tuple[tuple[str, str], ...]:
    """Tags as many hands wrote them: other keys for the same thing, other case, stray spaces."""
    short = SHORT[e.team]
    stage = {"production": "prod", "exploration": "research"}.get(e.stage, e.stage)
    style = dice % 6
    if sku.provider == "azure":
        style = (0, 2, 5)[dice % 3]
    if style == 0:
        tags = {"Experiment": e.name, "Team": e.team, "Feature": e.feature,
                "Workload": e.workload, "Stage": e.stage, "Owner": e.owner}  # fmt: skip
    elif style == 1:
        tags = {"experiment ": e.name, "team": f" {e.team}", "feature": e.feature,
                "workload": e.workload, "env": stage, "owner": e.owner}  # fmt: skip
    elif style == 2:
        tags = {"ml-experiment": e.name, "squad": short, "business-feature": e.feature,
                "workload_type": e.workload, "stage": e.stage, "contact": e.owner}  # fmt: skip
    elif style == 3:
        tags = {"EXPERIMENT": e.name, "TEAM": e.team.upper(), "FEATURE": f"{e.feature} ",
                "WORKLOAD": e.workload, "STAGE": stage, "OWNER": e.owner}  # fmt: skip
    elif style == 4:
        tags = {"exp": e.name, "Team ": e.team, "product-feature": e.feature,
                "workload": e.workload, "environment": stage, "owner": e.owner,
                "app.kubernetes.io/name": e.name}  # fmt: skip
    else:
        tags = {"experiment": e.name, "team": e.team, "feature": e.feature,
                "workload": e.workload, "stage": e.stage, "owner": e.owner}  # fmt: skip
    if e.segment:
        tags["customer-segment" if style % 2 else "segment"] = e.segment
    if is_engine:
        tags["Name"] = f"{e.name}-node"
    elif style == 4:
        tags.pop("Team ")  # the account's rule knows the team
    return tuple(tags.items())


def _planted_only() -> list[Line]:
    """Lines that only planted incidents use."""
    from storage.sample.company import EXPERIMENT

    return [
        _planted(EXPERIMENT["demand-transformer"], "a3"),
        _planted(EXPERIMENT["speech-pretraining"], "g2"),
    ]


def _planted(e: Experiment, key: str) -> Line:
    line = _line(e, SKUS[key], 0.0)
    owners = _tags(e, SKUS[key], True, 5)
    return Line(**{**vars(line), "tags": owners, "nodes": 2, "only_planted": True,
                   "resource": f"{e.name}-{key}", "committed": False})  # fmt: skip


def _credits(lines: list[Line]) -> list[Line]:
    """Money that comes back: commitment credits every day, one promotional credit, refunds, corrections."""
    found = [
        Line(
            **{
                **vars(line),
                "key": f"{line.key}/commitment",
                "daily": -COMMITTED * line.daily,
                "kind": "Credit",
                "nodes": 1,
                "committed": True,
                "says": "Committed use discount, 1 year",
            }
        )
        for line in lines
        if line.committed
    ]
    by_key = {line.key: line for line in lines}

    def back(key: str, daily: float, day: int, says: str, **more: object) -> Line:
        given = {"key": f"{key}/{says}", "daily": daily, "starts": day, "ends": day, "says": says,
                 "nodes": 1, "rhythm": "once", "committed": False}  # fmt: skip
        return Line(**{**vars(by_key[key]), **given, **more})

    found += [
        back("payment-graph-training/ndh100", -140.0, 36, "Correction of node hours that were billed twice",
             correction=True, posted=9),
        back("small-model-distillation/a2", -60.0, 27, "Service credit for an interrupted reservation",
             kind="Credit"),
        back("support-copilot/atlasout", -85.0, 31, "Refund for failed batches", correction=True, posted=12),
    ]  # fmt: skip
    promotional = by_key["long-context/a3"]
    found.append(
        Line(
            **{
                **vars(promotional),
                "key": "long-context/promotion",
                "kind": "Credit",
                "nodes": 1,
                "says": "Promotional credit for accelerators",
                "only_planted": True,
            }
        )
    )
    return found


def _plain(key: str, daily: float, account: str, resource: str, **more: object) -> Line:
    sku = SKUS[key]
    regions = PROVIDERS[sku.provider].regions
    given = {"region": regions[zlib.crc32(account.encode()) % len(regions)], **more}
    return Line(key=f"{account}/{resource}", sku=sku, daily=daily, account=account,
                resource=resource, **given)  # type: ignore[arg-type]  # fmt: skip


def _shared() -> list[Line]:
    """The platform's cluster, logs and support: they serve all teams and carry no experiment."""
    return [
        _plain("c7i", 520, "platform-shared", "shared-cluster-workers", nodes=4, rhythm="working"),
        _plain("eks", 30, "platform-shared", "shared-cluster-control", nodes=2),
        _plain("ebs", 85, "platform-shared", "shared-cluster-volumes"),
        _plain("transfer", 140, "platform-shared", "shared-nat-gateway"),
        _plain("cloudwatch", 95, "platform-shared", "shared-logs"),
        _plain("gke", 24, "platform-shared", "shared-gke-control", nodes=2),
        _plain("egress", 60, "platform-shared", "shared-interconnect"),
        _plain("logging", 40, "platform-shared", "shared-google-logs"),
        _plain("monitor", 70, "platform-shared", "shared-azure-logs"),
        _plain("bandwidth", 55, "platform-shared", "shared-expressroute"),
        _plain("awssupport", 240, "organization", "support-plan"),
        _plain("awssupport", 950, "organization", "training-credits", kind="Purchase",
               rhythm="month-start", says="Yearly licence in monthly parts"),
    ]  # fmt: skip


def _unclaimed() -> list[Line]:
    """What no tag and no rule gives to a team; part of it is AI: shadow spend."""
    return [
        _plain("c7i", 190, "legacy-web", "legacy-batch", nodes=2),
        _plain("s3", 120, "legacy-web", "archive-2023"),
        _plain("ebs", 60, "legacy-web", "unattached-volumes"),
        _plain("azuresql", 110, "corporate-it", "reporting-db"),
        _plain("blob", 45, "corporate-it", "shared-drive-backup"),
        _plain("gcs", 40, "analytics-trial", "exports"),
        _plain("aoaiin", 60, "marketing-automation", "campaign-texts", rhythm="working",
               tags=(("created-by", "marketing-operations@example.com"),)),
        _plain("aoaiout", 95, "marketing-automation", "campaign-texts-output", rhythm="working",
               tags=(("created-by", "marketing-operations@example.com"),)),
        _plain("g2", 130, "analytics-trial", "notebook-forgotten", nodes=2),
        _plain("bedrockin", 0, "sales-operations", "lead-scoring-agent", only_planted=True,
               tags=(("created-by", "sales-operations@example.com"),)),
        _plain("bedrockout", 0, "sales-operations", "lead-scoring-agent-output", only_planted=True,
               tags=(("created-by", "sales-operations@example.com"),)),
    ]  # fmt: skip
