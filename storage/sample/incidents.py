"""What is planted in the sample: incidents that a good detector finds, and changes that are no incident."""

from dataclasses import dataclass
from typing import Literal

What = Literal["add", "leak", "scale", "move", "price", "volume", "value", "successes"]


@dataclass(frozen=True)
class Effect:
    """How one thing changes. ``lines`` are keys of bill lines, or begin-with patterns ending in ``*``.

    add: money a day; leak: a share of growth a day; scale and price: factors on volume and on price;
    move: the share of the first line's money that goes to the second, where it costs a tenth more;
    volume, value, successes: factors on an experiment's units of output, its quality, its rate of
    successful outputs (``lines`` then holds experiment names).
    """

    what: What
    lines: tuple[str, ...]
    amount: float


@dataclass(frozen=True)
class Planted:
    """One planted thing, from ``first`` to ``last`` in days before the sample's last day; ``last`` of
    0 or less is still going on."""

    kind: str
    signal: Literal["spend", "gpu-usage", "cost-per-unit", "quality", "resource-mix"]
    dimension: str
    value: str
    first: int
    last: int
    what: str
    effects: tuple[Effect, ...]

    @property
    def benign(self) -> bool:
        return self.kind == "benign"


#: An incident that begins earlier than this many days after the sample's first day is left out: a
#: detector that has seen no history cannot be asked for it.
WARM_UP = 28

_E = Effect
PLANTED: tuple[Planted, ...] = (
    # still going on, or of this week
    Planted("spike", "spend", "experiment", "two-tower-retrain", 2, 0,
            "A hyperparameter sweep was started without a limit and keeps eight more p5.48xlarge nodes busy.",
            (_E("add", ("two-tower-retrain/p5",), 10_130.0),)),
    Planted("retry-loop", "spend", "experiment", "support-copilot", 3, 0,
            "A timeout shorter than the model's answer makes the client send long requests again and again.",
            (_E("scale", ("support-copilot/atlasin", "support-copilot/atlasout"), 1.75),
             _E("scale", ("support-copilot/atlascached",), 1.2),
             _E("successes", ("support-copilot",), 0.87))),
    Planted("idle-gpus", "gpu-usage", "experiment", "defect-segmentation", 6, 0,
            "Virtual machines of finished training runs were never stopped: hours grow, busy hours do not.",
            (_E("add", ("defect-segmentation/nca100",), 830.0),)),
    Planted("quality-drop", "quality", "experiment", "semantic-reranker", 4, 0,
            "A new tokenizer reached serving without the model that was trained with it.",
            (_E("value", ("semantic-reranker",), 0.88),)),
    Planted("cost-per-unit", "cost-per-unit", "feature", "account-takeover", 5, 0,
            "Two customers left and the endpoints kept their size: the same fleet, fewer inferences.",
            (_E("volume", ("account-takeover-alerts",), 0.5),)),
    Planted("resource-mix", "resource-mix", "experiment", "demand-transformer", 5, 0,
            "The training pool fell back from L4 to H100 nodes because a quota was used up.",
            (_E("move", ("demand-transformer/g2", "demand-transformer/a3"), 0.75),)),
    Planted("shadow", "spend", "account", "sales-operations", 6, 0,
            "A team outside engineering began to use a model API; no tag and no rule claims it.",
            (_E("add", ("sales-operations/lead-scoring-agent",), 520.0),
             _E("add", ("sales-operations/lead-scoring-agent-output",), 760.0))),
    # earlier
    Planted("slow-leak", "spend", "experiment", "feature-store", 34, 12,
            "Expired features were never deleted; reads and storage grow every day until a clean-up.",
            (_E("leak", ("feature-store/dynamodb", "feature-store/s3"), 0.05),)),
    Planted("price-change", "spend", "experiment", "writing-helper", 33, 0,
            "Aurelia AI raised the price of its large model by 45 %.",
            (_E("price", ("writing-helper/large*", "chargeback-explanations/large*"), 1.45),)),
    Planted("drop", "spend", "experiment", "fraud-feature-pipeline", 45, 42,
            "The pipeline's trigger was lost in a migration; features went stale for four days.",
            (_E("scale", ("fraud-feature-pipeline/*",), 0.1),)),
    Planted("hidden-by-credit", "gpu-usage", "experiment", "long-context", 26, 20,
            "A doubled cluster was paid by a promotional credit: the net spend hardly moved.",
            (_E("add", ("long-context/a3",), 690.0), _E("add", ("long-context/promotion",), -690.0))),
    Planted("spike", "spend", "experiment", "domain-lm-alignment", 70, 69,
            "A preference run was restarted from its first step on twice the nodes.",
            (_E("add", ("domain-lm-alignment/p5",), 3_100.0),)),
    Planted("idle-gpus", "gpu-usage", "experiment", "speech-pretraining", 57, 51,
            "Notebook nodes stayed on over a week of holidays.",
            (_E("add", ("speech-pretraining/g2",), 420.0),)),
    Planted("quality-drop", "quality", "experiment", "product-photo-tagging", 62, 58,
            "A supplier changed its photo format and labels went wrong.",
            (_E("value", ("product-photo-tagging",), 0.9),)),
    Planted("retry-loop", "spend", "experiment", "query-rewriting", 50, 48,
            "Rate-limited requests were retried without a pause.",
            (_E("scale", ("query-rewriting/atlas*",), 2.3), _E("successes", ("query-rewriting",), 0.8))),
    Planted("spike", "spend", "experiment", "weather-signals", 15, 15,
            "A backfill read three years of weather again.",
            (_E("add", ("weather-signals/bigquery",), 1_450.0),)),
    # no incidents
    Planted("benign", "spend", "feature", "recommendations-v2", 18, 0,
            "Planned launch of recommendations-v2 in six more markets: spend and inferences rise together.",
            (_E("scale", ("ranker-serving/*",), 1.5), _E("volume", ("ranker-serving",), 1.5))),
    Planted("benign", "spend", "experiment", "multilingual-search", 75, 0,
            "A planned experiment starts.", ()),
    Planted("benign", "spend", "experiment", "inventory-rebalancing", 44, 0,
            "A planned experiment starts.", ()),
    Planted("benign", "spend", "experiment", "mixture-of-experts", 34, 0,
            "An experiment ends as planned.", ()),
    Planted("benign", "spend", "experiment", "payment-graph-training", 36, 36,
            "A correction of an earlier day, posted later: negative money.", ()),
)  # fmt: skip
