"""The rows of one provider's month as FOCUS columns, in that provider's own dialect."""

import hashlib
from collections.abc import Callable
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from storage.sample.catalogue import PROVIDERS, Provider, resource_id
from storage.sample.lines import Line
from storage.sample.pieces import Rows, unit_prices
from storage.sample.series import Series

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_COMMITMENT = ("CommitmentDiscountCategory", "CommitmentDiscountId", "CommitmentDiscountName",
               "CommitmentDiscountStatus", "CommitmentDiscountType")  # fmt: skip
_V1_0 = (
    "AvailabilityZone", "BilledCost", "BillingAccountId", "BillingAccountName", "BillingCurrency",
    "BillingPeriodEnd", "BillingPeriodStart", "ChargeCategory", "ChargeClass", "ChargeDescription",
    "ChargeFrequency", "ChargePeriodEnd", "ChargePeriodStart", *_COMMITMENT, "ConsumedQuantity",
    "ConsumedUnit", "ContractedCost", "ContractedUnitPrice", "EffectiveCost", "InvoiceIssuerName",
    "ListCost", "ListUnitPrice", "PricingCategory", "PricingQuantity", "PricingUnit", "ProviderName",
    "PublisherName", "RegionId", "RegionName", "ResourceId", "ResourceName", "ResourceType",
    "ServiceCategory", "ServiceName", "SkuId", "SkuPriceId", "SubAccountId", "SubAccountName", "Tags",
)  # fmt: skip
_V1_1 = (*_V1_0, "ServiceSubcategory", "SkuMeter")
_V1_3_MODEL_API = tuple(
    c
    for c in (*_V1_1, "SkuPriceDetails", "InvoiceId", "HostProviderName", "ServiceProviderName")
    if c not in ("AvailabilityZone", "ProviderName", "PublisherName", *_COMMITMENT)
)


def _without(columns: tuple[str, ...], *dropped: str) -> tuple[str, ...]:
    return tuple(c for c in columns if c not in dropped)


#: The columns of each provider's files. Columns that begin with x_ are the provider's own.
LAYOUTS: dict[str, tuple[str, ...]] = {
    "aws": (*_V1_1, "InvoiceId", "PricingCurrency", "BillingAccountType", "SubAccountType",
            "x_Operation", "x_ServiceCode"),
    "azure": (*_without(_V1_0, "AvailabilityZone"), "x_ResourceGroupName", "x_SkuTier"),
    "google": _without(_V1_1, "CommitmentDiscountCategory", "SkuPriceId"),
    "solora": _V1_3_MODEL_API,
    "aurelia": (*_without(_V1_3_MODEL_API, "ResourceType"), "CredentialId", "PrincipalId",
                "RequesterDetails"),
}  # fmt: skip

_TIME: dict[str, str] = {
    "aws": "%Y-%m-%d %H:00:00",
    "azure": "%Y-%m-%dT%H:00:00Z",
    "solora": "%Y-%m-%dT%H:00:00Z",
    "aurelia": "%Y-%m-%dT%H:00:00.000Z",
}


def first_of_next_month(day: date) -> date:
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1)


def focus_table(series: Series, provider: Provider, month: date, rows: Rows) -> Any:
    """An Arrow table of ``rows``, with the columns that ``provider`` writes. ``month`` is the first
    day of the billing period."""
    import pyarrow as pa

    made = _Columns(series, provider, month, rows)
    return pa.table({name: made.column(name) for name in LAYOUTS[provider.key]})


class _Columns:
    """Makes one column at a time: texts as dictionaries by line, money as exact decimals."""

    def __init__(self, series: Series, provider: Provider, month: date, rows: Rows) -> None:
        import numpy as np

        self.series, self.provider, self.month, self.rows = series, provider, month, rows
        self.n = rows.line.size
        self.lines = series.lines
        self.used = np.unique(rows.line)
        self.at = np.searchsorted(self.used, rows.line)

    def column(self, name: str) -> Any:
        if name in _TEXT:
            return self._by_line(_TEXT[name])
        if name in ("ResourceId", "ResourceName"):
            return self._resource(name)
        if name in ("ChargePeriodStart", "ChargePeriodEnd"):
            return self._moment(name == "ChargePeriodEnd")
        if name == "Tags":
            return self._tags()
        if name in ("ConsumedQuantity", "PricingQuantity", "ConsumedUnit", "PricingUnit"):
            return self._quantity(name)
        if name in ("ListUnitPrice", "ContractedUnitPrice"):
            return self._unit_price(name)
        if name.endswith("Cost"):
            return self._money(name)
        return self._constant(name)

    def _by_line(self, text: Callable[[Line], str | None]) -> Any:
        return self._dictionary(self.at, [text(self.lines[i]) for i in self.used])

    def _dictionary(self, index: "NDArray[np.int64]", values: list[str | None]) -> Any:
        import numpy as np
        import pyarrow as pa

        distinct = dict.fromkeys(v for v in values if v is not None)
        code = {v: i for i, v in enumerate(distinct)}
        codes = np.array([-1 if v is None else code[v] for v in values], dtype=np.int32)[index]
        return pa.DictionaryArray.from_arrays(
            pa.array(codes, mask=codes < 0), pa.array(list(distinct), pa.string())
        )

    def _constant(self, name: str) -> Any:
        import numpy as np

        p, end = self.provider, first_of_next_month(self.month)
        value: str | None = {
            "BillingAccountId": p.billing_account[0],
            "BillingAccountName": p.billing_account[1],
            "BillingAccountType": "Organization",
            "SubAccountType": "Account",
            "BillingCurrency": p.currency,
            "PricingCurrency": p.currency,
            "InvoiceId": f"{p.key.upper()}-{self.month:%Y%m}",
            "InvoiceIssuerName": p.issuer,
            "ProviderName": p.name,
            "PublisherName": p.name,
            "ServiceProviderName": p.name,
            "HostProviderName": p.name,
            "x_SkuTier": "Standard",
        }.get(name)
        if name in ("BillingPeriodStart", "BillingPeriodEnd"):
            day = self.month if name.endswith("Start") else end
            return self._times(np.zeros(self.n, dtype=np.int64), [(day, 0)])
        return self._dictionary(np.zeros(self.n, dtype=np.int64), [value])

    def _times(self, index: "NDArray[np.int64]", moments: list[tuple[date, int]]) -> Any:
        """Hours of days, as text in the provider's way; as timestamps where the file has types."""
        import numpy as np
        import pyarrow as pa

        if self.provider.suffix == ".parquet":
            hours = [np.datetime64(d, "h") + h for d, h in moments]
            return pa.array(np.array(hours, "datetime64[us]")[index], pa.timestamp("us", "UTC"))
        text = _TIME[self.provider.key]
        return self._dictionary(
            index, [d.strftime(text.replace("%H", f"{h:02d}")) for d, h in moments]
        )

    def _moment(self, end: bool) -> Any:
        import numpy as np

        hour = self.rows.until if end else self.rows.since
        first = int(self.rows.day.min())
        last = int(self.rows.day.max()) + 1
        start = self.series.days[0]
        moments = [
            (start + timedelta(days=d), h) for d in range(first, last + 1) for h in range(24)
        ]
        return self._times(np.asarray((self.rows.day - first) * 24 + hour), moments)

    def _resource(self, name: str) -> Any:
        import numpy as np

        nodes = int(self.rows.node.max()) + 1
        pair, index = np.unique(self.at * nodes + self.rows.node, return_inverse=True)
        values: list[str | None] = []
        for number in pair.tolist():
            line, node = self.lines[self.used[number // nodes]], number % nodes
            text = (
                line.resource if line.nodes == 1 and not node else f"{line.resource}-{node + 1:02d}"
            )
            full = name == "ResourceId"
            values.append(
                resource_id(line.sku, line.region[0], line.account_id, text) if full else text
            )
        return self._dictionary(index, values)

    def _decimal(self, counts: "NDArray[np.int64]", decimals: int, none: Any = None) -> Any:
        """Exact decimals from whole numbers of 10^-decimals: 128-bit values, built in place."""
        import numpy as np
        import pyarrow as pa

        wide = np.empty((counts.size, 2), dtype=np.int64)
        wide[:, 0], wide[:, 1] = counts, counts >> 63
        made = pa.Array.from_buffers(
            pa.decimal128(28, decimals), counts.size, [None, pa.py_buffer(wide)]
        )
        if none is None:
            return made
        return pa.compute.if_else(pa.array(none), pa.scalar(None, made.type), made)

    def _money(self, name: str) -> Any:
        import numpy as np

        cost, p = self.rows.cost, self.provider
        if name == "EffectiveCost" and p.rounded is not None:
            return self._decimal(
                np.rint(cost / 10 ** (p.decimals - p.rounded)).astype(np.int64), p.rounded
            )
        if name == "ListCost":
            usage = np.array([self.lines[i].kind == "Usage" for i in self.used])[self.at]
            cost = np.where(usage, np.rint(cost / (1 - p.discount)), cost).astype(np.int64)
        return self._decimal(cost, p.decimals)

    def _quantity(self, name: str) -> Any:
        import numpy as np

        if name.endswith("Unit"):
            pricing = name == "PricingUnit"
            return self._by_line(lambda line: _unit(line, pricing))
        block = np.array([self.lines[i].sku.block for i in self.used])
        counts = self.rows.quantity
        if name == "PricingQuantity":
            counts = counts // block[self.at]
        none = np.array([self.lines[i].kind != "Usage" for i in self.used])[self.at]
        return self._decimal(counts, 6, none)

    def _unit_price(self, name: str) -> Any:
        import numpy as np

        block = np.array([line.sku.block for line in self.lines])
        price = (unit_prices(self.series) * block)[self.rows.line]
        price = price * self.series.price[self.rows.line, self.rows.day]
        if name == "ListUnitPrice":
            price = price / (1 - self.provider.discount)
        none = np.array([self.lines[i].kind != "Usage" for i in self.used])[self.at]
        return self._decimal(np.rint(price * 1e10).astype(np.int64), 10, none)

    def _tags(self) -> Any:
        import pyarrow as pa

        if self.provider.suffix == ".parquet":
            pair = pa.struct([("key", pa.string()), ("value", pa.string())])
            values = [
                [{"key": k, "value": v} for k, v in self.lines[i].tags] or None for i in self.used
            ]
            return pa.array(values, pa.list_(pair)).take(pa.array(self.at))
        empty = "{}" if self.provider.key in ("azure", "aurelia") else None
        return self._by_line(lambda line: line.tags_json or empty)


def _unit(line: Line, pricing: bool) -> str | None:
    if line.kind != "Usage":
        return None
    block = line.sku.block if pricing else 1
    return line.sku.unit if block == 1 else f"{block} {line.sku.unit}"


def _meter(line: Line) -> str:
    if line.kind == "Usage":
        return line.sku.meter
    return "Commitment credit" if line.committed else line.says


def _describe(line: Line) -> str:
    return line.says or f"{line.sku.meter} in {line.region[1]}"


def _commitment(value: str) -> Callable[[Line], str | None]:
    return lambda line: value if line.committed and line.kind == "Credit" else None


def _sku_id(line: Line) -> str:
    """A code, as AWS and Google Cloud have; in words where no column SkuMeter says more."""
    words = _meter(line).lower().replace(" ", "-")
    code = hashlib.sha256(f"{line.sku.provider}/{words}".encode()).hexdigest().upper()
    if line.sku.provider == "aws":
        return code[:16]
    if line.sku.provider == "google":
        return f"{code[:4]}-{code[4:8]}-{code[8:12]}"
    return words


def _details(line: Line) -> str | None:
    if line.sku.unit != "Tokens":
        return None
    words = line.sku.meter.split()
    direction = "Output" if "Output" in words else "Input"
    cached = "Read" if "Cached" in words else "Uncached"
    model = line.sku.meter.split(" Input")[0].split(" Cached")[0].split(" Output")[0]
    return (
        f'{{"ModelId": "{model}", "TokenDirection": "{direction}", "TokenCacheAction": "{cached}"}}'
    )


_TEXT: dict[str, Callable[[Line], str | None]] = {
    "AvailabilityZone": lambda x: f"{x.region[0]}a" if x.sku.category == "Compute" else None,
    "ChargeCategory": lambda x: x.kind,
    "ChargeClass": lambda x: "Correction" if x.correction else None,
    "ChargeDescription": _describe,
    "ChargeFrequency": lambda x: {"Usage": "Usage-Based", "Purchase": "Recurring"}.get(
        x.kind, "One-Time"
    ),
    "CommitmentDiscountCategory": _commitment("Spend"),
    "CommitmentDiscountId": _commitment("cud-accelerators-1y"),
    "CommitmentDiscountName": _commitment("Accelerators, 1 year"),
    "CommitmentDiscountStatus": _commitment("Used"),
    "CommitmentDiscountType": _commitment("Committed use discount"),
    "CredentialId": lambda x: x.credential or None,
    "PricingCategory": lambda x: "Standard" if x.kind == "Usage" else None,
    "PrincipalId": lambda x: f"svc-{x.experiment.name}" if x.experiment else None,
    "RegionId": lambda x: x.region[0],
    "RegionName": lambda x: x.region[1],
    "RequesterDetails": lambda x: (
        f'[{{"key": "Credential", "value": {{"Type": "API Key", "Name": "{x.credential}"}}}}]'
    ),
    "ResourceType": lambda x: x.sku.resource_type,
    "ServiceCategory": lambda x: x.sku.category,
    "ServiceName": lambda x: x.sku.service,
    "ServiceSubcategory": lambda x: x.sku.subcategory,
    "SkuId": _sku_id,
    "SkuMeter": _meter,
    "SkuPriceDetails": _details,
    "SkuPriceId": lambda x: f"{_sku_id(x)}-on-demand",
    "SubAccountId": lambda x: x.account_id,
    "SubAccountName": lambda x: x.account,
    "x_Operation": lambda x: "RunInstances" if x.sku.category == "Compute" else None,
    "x_ResourceGroupName": lambda x: f"rg-{x.account}",
    "x_ServiceCode": lambda x: x.sku.service.replace(" ", ""),
}

assert all(p in LAYOUTS for p in PROVIDERS)
