"""What the sample's providers sell: services, SKUs, units, list prices, regions, accounts.

Prices are of the right order for 2025 and no provider's price list. Solora AI is the model provider of
FOCUS's own examples (https://focus.finops.org); Aurelia AI is invented and bills in euros.
"""

import zlib
from dataclasses import dataclass


@dataclass(frozen=True)
class Provider:
    """One issuer of bills. ``decimals`` is how exact its money is; ``rounded`` its EffectiveCost's
    decimals when it rounds that; ``discount`` what the company's contract takes off list prices."""

    key: str
    name: str
    issuer: str
    focus: str
    suffix: str
    currency: str
    decimals: int
    discount: float
    billing_account: tuple[str, str]
    regions: tuple[tuple[str, str], ...]
    rounded: int | None = None


PROVIDERS: dict[str, Provider] = {
    p.key: p
    for p in (
        Provider(
            "aws", "AWS", "Amazon Web Services, Inc.", "1.2", ".csv", "USD", 10, 0.06,
            ("100200300400", "Example AI organization"),
            (("us-east-1", "US East (N. Virginia)"), ("eu-central-1", "Europe (Frankfurt)"),
             ("us-west-2", "US West (Oregon)")),
        ),
        Provider(
            "azure", "Microsoft", "Microsoft", "1.0", ".csv", "USD", 8, 0.04,
            ("/providers/Microsoft.Billing/billingAccounts/7654321", "Example AI enterprise"),
            (("westeurope", "West Europe"), ("swedencentral", "Sweden Central")),
        ),
        Provider(
            "google", "Google Cloud", "Google Cloud EMEA Limited", "1.1", ".parquet", "USD", 6, 0.05,
            ("01ABCD-234567-89EF01", "Example AI billing"),
            (("europe-west4", "Netherlands"), ("us-central1", "Iowa")),
            rounded=2,
        ),
        Provider(
            "solora", "Solora AI", "Solora AI", "1.3", ".csv", "USD", 6, 0.0,
            ("org-example-ai", "Example AI"), (("global", "Global"),),
        ),
        Provider(
            "aurelia", "Aurelia AI", "Aurelia AI SAS", "1.4", ".csv.gz", "EUR", 6, 0.0,
            ("acc_example_ai", "Example AI"), (("eu", "Europe"),),
        ),
    )
}  # fmt: skip


@dataclass(frozen=True)
class Sku:
    """What is sold. ``price`` is the list price of ``block`` consumed units; ``calm`` charges do not
    follow the week: what is stored is there on Sundays too."""

    key: str
    provider: str
    service: str
    category: str
    subcategory: str
    meter: str
    unit: str
    price: float
    resource_type: str
    block: int = 1
    calm: bool = False

    @property
    def is_gpu(self) -> bool:
        return "gpu" in self.meter.lower().split()


# provider | service | category | subcategory | type of resource, and under it
# key, list price of a block, unit (with _ for spaces), meter.
_TABLE = """
aws | Amazon Elastic Compute Cloud | Compute | Virtual Machines | Instance
  p5           6.88      GPU-Hours     p5.48xlarge GPU hours
  p4d          2.745     GPU-Hours     p4d.24xlarge GPU hours
  g6e          2.623     GPU-Hours     g6e.12xlarge GPU hours
  c7i          1.428     Hours         c7i.8xlarge hours
aws | Amazon SageMaker | AI and Machine Learning | AI Platforms | Endpoint
  g6           1.222     GPU-Hours     ml.g6.2xlarge hosting GPU hours
  g5           1.408     GPU-Hours     ml.g5.xlarge GPU hours
aws | Amazon Elastic Kubernetes Service | Compute | Containers | Cluster
  eks          0.1       Hours         EKS cluster hours
aws | Amazon Elastic Block Store | Storage | Block Storage | Volume
  ebs          0.08      GB-Months     gp3 storage
aws | Amazon Simple Storage Service | Storage | Object Storage | Bucket
  s3           0.023     GB-Months     S3 Standard storage
aws | AWS Data Transfer | Networking | Content Delivery | NAT Gateway
  transfer     0.09      GB            Data transfer out
aws | Elastic Load Balancing | Networking | Application Networking | Load Balancer
  elb          0.008     LCU-Hours     Application LCU hours
aws | AWS Glue | Analytics | Data Processing | Job
  glue         0.44      DPU-Hours     ETL DPU hours
aws | Amazon EMR | Analytics | Data Processing | Application
  emr          0.052624  vCPU-Hours    EMR Serverless vCPU hours
aws | Amazon OpenSearch Service | Databases | Search | Domain
  opensearch   0.669     Hours         r6g.2xlarge.search hours
aws | Amazon DynamoDB | Databases | NoSQL Databases | Table
  dynamodb     0.125     Requests      Read request units
aws | AWS Lambda | Compute | Serverless Compute | Function
  lambda       16.6667   GB-Seconds    GB-seconds
aws | Amazon CloudWatch | Management and Governance | Observability | Log Group
  cloudwatch   0.5       GB            Log data ingested
aws | AWS Support (Enterprise) | Management and Governance | Support | Support Plan
  awssupport   1         USD           Enterprise support
aws | Amazon Bedrock | AI and Machine Learning | Generative AI | Model
  bedrockin    3         Tokens        Bedrock input tokens
  bedrockout   15        Tokens        Bedrock output tokens
azure | Virtual Machines | Compute | Virtual Machines | Virtual machine
  ndh100       12.29     GPU_Hours     ND96isr H100 v5 GPU Hours
  nca100       3.673     GPU_Hours     NC24ads A100 v4 GPU Hours
  nct4         0.526     GPU_Hours     NC4as T4 v3 GPU Hours
azure | Azure Machine Learning | AI and Machine Learning | AI Platforms | Workspace
  aml          0.0475    Hours         Managed compute vCPU Hours
azure | Azure AI services | AI and Machine Learning | Computer Vision | Cognitive Service
  azurevision  1000      Transactions  Vision S1 Transactions
azure | Azure AI services | AI and Machine Learning | Natural Language Processing | Cognitive Service
  azurespeech  1         Hours         Speech To Text Hours
azure | Azure OpenAI | AI and Machine Learning | Generative AI | Cognitive Service
  aoaiin       2.5       Tokens        Input Tokens Global
  aoaiout      10        Tokens        Output Tokens Global
azure | Storage Accounts | Storage | Object Storage | Storage account
  blob         0.0184    GB_Months     Hot LRS Data Stored
azure | Azure Disk Storage | Storage | Block Storage | Disk
  disk         0.081     GB_Months     Premium SSD v2 Provisioned
azure | Bandwidth | Networking | Network Infrastructure | Virtual network
  bandwidth    0.087     GB            Standard Data Transfer Out
azure | Azure Databricks | Analytics | Data Processing | Azure Databricks Service
  databricks   0.3       DBU           Premium Jobs Compute DBU
azure | Azure Monitor | Management and Governance | Observability | Log Analytics workspace
  monitor      2.3       GB            Analytics Logs Data Ingestion
azure | Azure SQL Database | Databases | Relational Databases | SQL database
  azuresql     0.2524    Hours         vCore Hours
google | Compute Engine | Compute | Virtual Machines | Instance
  a3           11.03     h             A3 High H100 80GB GPU hours
  a2           3.673     h             A2 High A100 40GB GPU hours
  g2           0.854     h             G2 L4 GPU hours
google | Vertex AI | AI and Machine Learning | AI Platforms | Endpoint
  vertexgpu    0.966     h             Online prediction L4 GPU hours
  vertex       0.7602    h             Online prediction node hours
google | Cloud Storage | Storage | Object Storage | Bucket
  gcs          0.02      GiBy.mo       Standard Storage Netherlands
google | Persistent Disk | Storage | Block Storage | Disk
  pd           0.1       GiBy.mo       Balanced PD Capacity
google | Networking | Networking | Network Infrastructure | Router
  egress       0.085     GiBy          Network Internet Data Transfer Out
google | BigQuery | Analytics | Analytics Platforms | Reservation
  bigquery     0.06      h             Enterprise edition slot hours
google | Cloud Dataflow | Analytics | Data Processing | Job
  dataflow     0.056     h             Batch vCPU hours
google | Cloud Logging | Management and Governance | Observability | Log Bucket
  logging      0.5       GiBy          Log storage
google | Kubernetes Engine | Compute | Containers | Cluster
  gke          0.1       h             Regional cluster hours
solora | Solora Generative AI API | AI and Machine Learning | Generative AI | Model
  atlasin      5         Tokens        Atlas 5.5 Input Tokens
  atlascached  0.5       Tokens        Atlas 5.5 Cached Input Tokens
  atlasout     25        Tokens        Atlas 5.5 Output Tokens
  miniin       0.75      Tokens        Atlas 5.4 Mini Input Tokens
  minicached   0.075     Tokens        Atlas 5.4 Mini Cached Input Tokens
  miniout      4.5       Tokens        Atlas 5.4 Mini Output Tokens
aurelia | Aurelia Platform | AI and Machine Learning | Generative AI | Model
  largein      1.8       Tokens        Aurelia Large Input Tokens
  largecached  0.18      Tokens        Aurelia Large Cached Input Tokens
  largeout     5.4       Tokens        Aurelia Large Output Tokens
  smallin      0.2       Tokens        Aurelia Small Input Tokens
  smallcached  0.02      Tokens        Aurelia Small Cached Input Tokens
  smallout     0.6       Tokens        Aurelia Small Output Tokens
"""

#: Units that are sold by the million, and what is charged evenly over the week.
_BY_MILLION = ("Tokens", "Requests", "GB-Seconds", "Transactions")
_CALM = ("ebs", "s3", "blob", "disk", "gcs", "pd", "eks", "gke", "awssupport", "opensearch")


def _read(table: str) -> dict[str, Sku]:
    found: dict[str, Sku] = {}
    group: list[str] = []
    for line in table.strip().splitlines():
        if not line.startswith(" "):
            group = line.split(" | ")
            continue
        key, price, unit, meter = line.split(maxsplit=3)
        provider, service, category, subcategory, resource_type = group
        found[key] = Sku(
            key=key,
            provider=provider,
            service=service,
            category=category,
            subcategory=subcategory,
            meter=meter,
            unit=unit.replace("_", " "),
            price=float(price),
            resource_type=resource_type,
            block=1_000_000 if unit in _BY_MILLION else 1,
            calm=key in _CALM,
        )
    return found


SKUS: dict[str, Sku] = _read(_TABLE)


def account_id(provider: str, name: str) -> str:
    """The provider's id of the account, subscription, project or workspace that people call ``name``."""
    number = zlib.crc32(f"{provider}/{name}".encode())
    if provider == "aws":
        return f"{100_000_000_000 + number * 97 % 900_000_000_000:012d}"
    if provider == "azure":
        text = f"{number:08x}"
        return f"{text}-{text[:4]}-4{text[1:4]}-8{text[4:7]}-{text}{text[:4]}"
    if provider == "google":
        return f"{name}-{number % 900_000 + 100_000}"
    return f"ws_{number:08x}" if provider == "aurelia" else f"proj_{number:08x}"


def resource_id(sku: Sku, region: str, account: str, resource: str) -> str:
    """The provider's id of the resource that people call ``resource``."""
    if sku.provider == "aws":
        kind = sku.resource_type.lower().replace(" ", "-")
        return f"arn:aws:{sku.key}:{region}:{account}:{kind}/{resource}"
    if sku.provider == "azure":
        kind = sku.resource_type.lower().replace(" ", "")
        return f"/subscriptions/{account}/resourcegroups/ml/providers/{kind}/{resource}"
    if sku.provider == "google":
        return f"//{sku.key}.googleapis.com/projects/{account}/{region}/{resource}"
    return f"{account}/{resource}"
