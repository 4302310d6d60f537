"""The invented company: its teams, its features, its experiments. Roles and teams, no persons."""

from dataclasses import dataclass
from typing import Literal

from guardrails.policy.alerts import Stage

Workload = Literal["training", "inference", "fine-tuning", "data-preparation"]
Rhythm = Literal["working", "always", "consumer", "bursty"]


@dataclass(frozen=True)
class TeamOf:
    """A team: its name, the short name its accounts begin with, the mailbox of its engineers."""

    name: str
    short: str

    @property
    def owner(self) -> str:
        return f"{self.short}-engineering@example.com"


@dataclass(frozen=True)
class Experiment:
    """One line of AI work. ``daily`` is what it costs on a usual working day at the end of the sample,
    in its provider's currency. ``starts`` and ``ends`` count days before the sample's last day."""

    name: str
    team: str
    feature: str
    workload: Workload
    stage: Stage
    provider: str
    engine: str
    daily: float
    rhythm: Rhythm
    starts: int | None = None
    ends: int | None = None
    owner: str = ""
    segment: str = ""


TEAMS: tuple[TeamOf, ...] = (
    TeamOf("ml-recommendations", "recs"),
    TeamOf("ml-search", "search"),
    TeamOf("ml-fraud", "fraud"),
    TeamOf("ml-vision", "vision"),
    TeamOf("genai-assistant", "assistant"),
    TeamOf("ml-forecasting", "forecast"),
    TeamOf("foundation-models", "research"),
    TeamOf("ml-platform", "platform"),
)
SHORT: dict[str, str] = {t.name: t.short for t in TEAMS}

#: The engineer whom the local console plays owns these.
_ENGINEERS_OWN = {"two-tower-retrain", "ranker-serving", "ranker-distillation"}

_WORKLOADS: dict[str, Workload] = {
    "train": "training",
    "infer": "inference",
    "tune": "fine-tuning",
    "data": "data-preparation",
}
_STAGES: dict[str, Stage] = {
    "expl": "exploration",
    "pilot": "pilot",
    "scaled": "scaled",
    "prod": "production",
}
_RHYTHMS: dict[str, Rhythm] = {
    "work": "working",
    "all": "always",
    "cons": "consumer",
    "burst": "bursty",
}

# team (its short name): name, feature, workload, stage, provider, engine (a SKU or a family of
# them), money a day, rhythm, and for some >starts or <ends, in days before the last day.
_TABLE = """
recs:
  two-tower-retrain        recommendations-v2    train scaled aws     p5         1650 work
  ranker-serving           recommendations-v2    infer prod   aws     g6         1900 cons
  ranker-distillation      recommendations-v2    tune  pilot  aws     g6e         420 work
  session-features         recommendations-v2    data  prod   aws     glue        310 all
  homepage-feed-serving    homepage-feed         infer prod   aws     g6          880 cons
  homepage-bandit          homepage-feed         train pilot  aws     g5          240 work
  cold-start-embeddings    homepage-feed         train expl   aws     g6e          95 burst
  email-subject-lines      email-digest          infer pilot  solora  mini        120 work
  email-send-time          email-digest          train expl   google  g2           75 work
search:
  semantic-reranker        semantic-search       infer prod   aws     g6e        1150 cons
  query-encoder-training   semantic-search       train scaled google  a3          980 work
  vector-index-build       semantic-search       data  prod   aws     opensearch  520 all
  query-rewriting          query-understanding   infer scaled solora  atlas       430 cons
  typo-tolerance           query-understanding   tune  pilot  google  a2          190 work
  multilingual-search      semantic-search       tune  pilot  google  a2          260 work  >75
  zero-result-recovery     query-understanding   infer pilot  aurelia small        85 cons
  click-model              query-understanding   train expl   aws     g5          110 work  <30
fraud:
  payment-fraud-scoring    payment-fraud         infer prod   azure   nca100      960 all
  payment-graph-training   payment-fraud         train scaled azure   ndh100      780 work
  fraud-feature-pipeline   payment-fraud         data  prod   azure   databricks  410 all
  account-takeover-alerts  account-takeover      infer prod   azure   nct4        520 all
  takeover-sequence-model  account-takeover      train pilot  azure   nca100      210 work
  chargeback-explanations  chargebacks           infer pilot  aurelia large        95 work
  merchant-risk-scores     merchant-risk         train expl   azure   nct4         90 work  <20
  synthetic-fraud-cases    payment-fraud         data  expl   azure   databricks   60 burst
vision:
  defect-segmentation      quality-inspection    train scaled azure   nca100      690 work
  inspection-edge-export   quality-inspection    tune  pilot  azure   nct4        140 work
  product-photo-tagging    product-photos        infer prod   google  vertexgpu   560 cons
  background-removal       product-photos        infer scaled google  vertexgpu   290 cons
  visual-search-embeddings visual-search         train pilot  google  a2          350 work
  visual-search-serving    visual-search         infer pilot  google  vertexgpu   180 cons  >60
  video-highlights         video-highlights      train expl   google  a2           90 burst
  image-moderation         product-photos        infer prod   azure   azurevision 210 cons
assistant:
  support-copilot          support-assistant     infer prod   solora  atlas      1350 work
  support-summaries        support-assistant     infer scaled solora  mini        380 work
  support-retrieval        support-assistant     data  prod   aws     opensearch  290 all
  agent-tools              support-assistant     infer pilot  solora  atlas       260 work  >50
  writing-helper           writing-assistant     infer prod   aurelia large       720 cons
  tone-tuning              writing-assistant     tune  pilot  aws     g5          170 work
  voice-transcription      voice-notes           infer pilot  azure   azurespeech 150 work
  guardrail-classifier     answer-safety         infer scaled aws     g5          220 work
  prompt-evaluation        support-assistant     data  expl   solora  atlas        70 burst
forecast:
  demand-transformer       demand-forecast       train scaled google  g2          900 all
  demand-daily-batch       demand-forecast       infer prod   google  g2          420 all
  price-elasticity         dynamic-pricing       train pilot  google  g2          230 work
  dynamic-pricing-serving  dynamic-pricing       infer scaled google  vertex      310 all
  promo-uplift             dynamic-pricing       train expl   google  g2           80 work  <40
  weather-signals          demand-forecast       data  prod   google  bigquery    190 all
  inventory-rebalancing    inventory-planning    train pilot  google  g2          120 work  >44
  probabilistic-forecast   demand-forecast       train expl   google  g2           65 burst
research:
  domain-lm-pretraining    domain-language-model train scaled aws     p5         3900 all
  domain-lm-alignment      domain-language-model tune  pilot  aws     p5         1100 work
  domain-lm-evaluation     model-evaluation      infer pilot  aws     g6e         330 work
  tokenizer-corpus         domain-language-model data  scaled aws     emr         360 all
  long-context             domain-language-model train expl   google  a3          720 work  >65
  mixture-of-experts       domain-language-model train expl   aws     p4d         480 work  <35
  speech-pretraining       speech-models         train expl   google  a2          270 work
  small-model-distillation domain-language-model tune  pilot  google  a2          310 work
  synthetic-corpus         domain-language-model data  pilot  solora  mini        240 all
  reward-model             domain-language-model tune  expl   aws     p4d         150 burst
platform:
  feature-store            ml-platform           data  prod   aws     dynamodb    480 all
  evaluation-harness       ml-platform           infer scaled aws     g5          150 work
  model-gateway            ml-platform           infer prod   aws     c7i         130 all
  gpu-scheduler            ml-platform           train pilot  google  g2           95 work
  experiment-tracking      ml-platform           data  prod   azure   databricks   55 all
  dataset-versioning       ml-platform           data  scaled aws     glue         50 all
"""

_SEGMENTS: dict[str, str] = {
    "support-copilot": "enterprise",
    "support-summaries": "mid-market",
    "writing-helper": "consumer",
    "payment-fraud-scoring": "enterprise",
    "dynamic-pricing-serving": "enterprise",
    "homepage-feed-serving": "consumer",
}


def _read(table: str) -> tuple[Experiment, ...]:
    found: list[Experiment] = []
    team = TEAMS[0]
    for line in table.strip().splitlines():
        if line.endswith(":"):
            team = next(t for t in TEAMS if t.short == line[:-1])
            continue
        name, feature, workload, stage, provider, engine, daily, rhythm, *span = line.split()
        ends = {s[0]: int(s[1:]) for s in span}
        found.append(
            Experiment(
                name=name,
                team=team.name,
                feature=feature,
                workload=_WORKLOADS[workload],
                stage=_STAGES[stage],
                provider=provider,
                engine=engine,
                daily=float(daily),
                rhythm=_RHYTHMS[rhythm],
                starts=ends.get(">"),
                ends=ends.get("<"),
                owner="engineer@example.com" if name in _ENGINEERS_OWN else team.owner,
                segment=_SEGMENTS.get(name, ""),
            )
        )
    return tuple(found)


EXPERIMENTS: tuple[Experiment, ...] = _read(_TABLE)
EXPERIMENT: dict[str, Experiment] = {e.name: e for e in EXPERIMENTS}
FEATURES: tuple[str, ...] = tuple(dict.fromkeys(e.feature for e in EXPERIMENTS))
