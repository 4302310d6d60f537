"""Who Teams says it is: signing keys, their publication, tokens to the bot and tokens for the bot."""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

CONNECTOR_SCOPE = "https://api.botframework.com/.default"
GRAPH_SCOPE = "https://graph.microsoft.com/.default"
ISSUER = "https://api.botframework.com"


@lru_cache
def _rsa(number: int) -> rsa.RSAPrivateKey:
    """Keys are slow to make, so every fake of a run shares them; their ``kid`` differ."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _number(value: int) -> str:
    return _b64(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def _part(value: dict[str, Any]) -> str:
    return _b64(json.dumps(value, separators=(",", ":")).encode())


@dataclass(frozen=True)
class Key:
    """A signing key under the name that tokens give it."""

    kid: str
    private: rsa.RSAPrivateKey

    def pem(self) -> bytes:
        """The public half as PEM."""
        return self.private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def jwk(self, endorsements: list[str] | None) -> dict[str, Any]:
        """The public half as the JWKS shows it."""
        public = self.private.public_key().public_numbers()
        shown: dict[str, Any] = {
            "kty": "RSA",
            "use": "sig",
            "kid": self.kid,
            "x5t": self.kid,
            "n": _number(public.n),
            "e": _number(public.e),
        }
        return shown if endorsements is None else {**shown, "endorsements": endorsements}


def new_key(number: int) -> Key:
    """A key under a name of its own."""
    return Key(_b64(secrets.token_bytes(20)), _rsa(number))


@dataclass
class Tokens:
    """Both directions: what the channel sends the bot, and what the bot gets for its secret."""

    now: Callable[[], float]
    issuer: str = ISSUER
    audience: str = ""
    service_url: str = ""
    endorsements: list[str] | None = field(
        default_factory=lambda: ["msteams", "webchat", "directline", "skype"]
    )
    key: Key = field(default_factory=lambda: new_key(0))
    other_key: Key = field(default_factory=lambda: new_key(1))  # never published
    published: list[Key] = field(default_factory=list)
    issued: dict[str, tuple[str, float]] = field(default_factory=dict)  # token → scope, end
    _made: int = 1

    def __post_init__(self) -> None:
        self.published = [self.key]

    def rotate(self, keep_old: bool) -> Key:
        """A new key signs from now on."""
        self._made += 1
        self.key = new_key(self._made)
        self.published = [*self.published, self.key] if keep_old else [self.key]
        return self.key

    def mint(
        self,
        *,
        key: Key | None = None,
        kid: str | None = None,
        alg: str = "RS256",
        expires_in: float = 3600,
        **claims: Any,
    ) -> str:
        """A token to the bot. ``claims`` replace claims; a claim that is None is left out."""
        signer = key or self.key
        now = int(self.now())
        said = {
            "serviceurl": self.service_url,
            "nbf": now + (int(expires_in) - 3600 if expires_in < 0 else -1),
            "exp": now + int(expires_in),
            "iss": self.issuer,
            "aud": self.audience,
            **claims,
        }
        said = {name: value for name, value in said.items() if value is not None}
        header = {"kid": signer.kid if kid is None else kid, "x5t": signer.kid}
        if not header["kid"]:
            header = {}
        if alg == "none":
            return f"{_part({'alg': 'none', 'typ': 'JWT', **header})}.{_part(said)}."
        if alg == "HS256":  # the public key taken for a shared secret
            signed = f"{_part({'alg': alg, 'typ': 'JWT', **header})}.{_part(said)}"
            digest = hmac.new(signer.pem(), signed.encode(), hashlib.sha256).digest()
            return f"{signed}.{_b64(digest)}"
        return jwt.encode(said, signer.private, algorithm=alg, headers=header)

    # --- tokens for the bot -----------------------------------------------------------------------

    def issue(self, scope: str, seconds: int) -> str:
        """A token that the bot bears when it calls."""
        token = f"eyJ0eXAi.{secrets.token_hex(24)}.{secrets.token_hex(8)}"
        self.issued[token] = (scope, self.now() + seconds)
        return token

    def allows(self, authorization: str, scope: str) -> bool:
        """Whether an Authorization header bears a living token for the scope."""
        kind, _, token = authorization.partition(" ")
        found = self.issued.get(token)
        return (
            kind.lower() == "bearer"
            and found is not None
            and found[0] == scope
            and self.now() < found[1]
        )
