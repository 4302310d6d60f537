"""The FOCUS columns that Sandrail knows, by version of the specification (https://focus.finops.org).

A bill may lack any column that is not in :data:`REQUIRED`: older versions do not have it, and
providers leave columns out. What is missing is read as empty.
"""

from typing import Literal

Kind = Literal["text", "number", "time", "json"]

_V1_0: dict[str, Kind] = {
    "AvailabilityZone": "text",
    "BilledCost": "number",
    "BillingAccountId": "text",
    "BillingAccountName": "text",
    "BillingCurrency": "text",
    "BillingPeriodEnd": "time",
    "BillingPeriodStart": "time",
    "ChargeCategory": "text",
    "ChargeClass": "text",
    "ChargeDescription": "text",
    "ChargeFrequency": "text",
    "ChargePeriodEnd": "time",
    "ChargePeriodStart": "time",
    "CommitmentDiscountCategory": "text",
    "CommitmentDiscountId": "text",
    "CommitmentDiscountName": "text",
    "CommitmentDiscountStatus": "text",
    "CommitmentDiscountType": "text",
    "ConsumedQuantity": "number",
    "ConsumedUnit": "text",
    "ContractedCost": "number",
    "ContractedUnitPrice": "number",
    "EffectiveCost": "number",
    "InvoiceIssuerName": "text",
    "ListCost": "number",
    "ListUnitPrice": "number",
    "PricingCategory": "text",
    "PricingQuantity": "number",
    "PricingUnit": "text",
    "ProviderName": "text",
    "PublisherName": "text",
    "RegionId": "text",
    "RegionName": "text",
    "ResourceId": "text",
    "ResourceName": "text",
    "ResourceType": "text",
    "ServiceCategory": "text",
    "ServiceName": "text",
    "SkuId": "text",
    "SkuPriceId": "text",
    "SubAccountId": "text",
    "SubAccountName": "text",
    "Tags": "json",
}
_V1_1: dict[str, Kind] = {
    "CapacityReservationId": "text",
    "CapacityReservationStatus": "text",
    "CommitmentDiscountQuantity": "number",
    "CommitmentDiscountUnit": "text",
    "ServiceSubcategory": "text",
    "SkuMeter": "text",
    "SkuPriceDetails": "json",
}
_V1_2: dict[str, Kind] = {
    "BillingAccountType": "text",
    "InvoiceId": "text",
    "PricingCurrency": "text",
    "PricingCurrencyContractedUnitPrice": "number",
    "PricingCurrencyEffectiveCost": "number",
    "PricingCurrencyListUnitPrice": "number",
    "SubAccountType": "text",
}
_V1_3: dict[str, Kind] = {
    "AllocatedMethodDetails": "json",
    "AllocatedMethodId": "text",
    "AllocatedResourceId": "text",
    "AllocatedResourceName": "text",
    "AllocatedTags": "json",
    "ContractApplied": "json",
    "HostProviderName": "text",
    "ServiceProviderName": "text",
}
# Draft columns of the model-billing work in FOCUS 1.4 and later: who or what called the model.
_V1_4: dict[str, Kind] = {
    "CredentialId": "text",
    "PrincipalId": "text",
    "RequesterDetails": "json",
}

#: Column → kind, in the order in which the versions brought them.
COLUMNS: dict[str, Kind] = {**_V1_0, **_V1_1, **_V1_2, **_V1_3, **_V1_4}

#: Without these a file is not a FOCUS bill. The cost column that the policy names is added to them.
REQUIRED: tuple[str, ...] = (
    "BillingCurrency",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargePeriodStart",
)

CostColumn = Literal["BilledCost", "EffectiveCost", "ContractedCost", "ListCost"]
