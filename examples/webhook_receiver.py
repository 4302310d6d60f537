"""A receiver for the actuator `webhook`: checks the signature, never acts twice, keeps what sandboxes there are.

    export SANDBOX_WEBHOOK_SECRET="whsec_$(openssl rand -base64 32)"
    python examples/webhook_receiver.py --port 9000

It needs Python 3.11 and nothing else. What is posted to it is described in docs/order.schema.json, what it has to
answer in docs/actuators.md. Replace `Sandboxes.carry_out` by what sets a sandbox up at your place.
"""

import argparse
import base64
import binascii
import hashlib
import hmac
import json
import os
import sys
import threading
import time
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

VARIABLE = "SANDBOX_WEBHOOK_SECRET"
#: Seconds that a message may be old, or ahead of this clock: a message that was recorded is worth nothing later.
TOLERANCE = 5 * 60
LARGEST = 64 * 1024
#: So many answers are remembered. An order is sent again within days, not after thousands of others.
REMEMBERED = 10_000

STATES = {
    "allocate": "active",
    "change": None,  # the state stays what it is
    "throttle": "throttled",
    "halt": "halted",
    "resume": "active",
    "close": "closed",
}


class Refused(Exception):
    """A message that is not taken: the HTTP status and a reason that the sender shows to people."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


def signing_keys(secrets: str) -> list[bytes]:
    """The keys of one or more secrets, separated by spaces.

    `whsec_` is followed by base64; any other text is its own key. Raises ValueError.
    """
    keys = []
    for secret in secrets.split():
        if secret.startswith("whsec_"):
            coded = secret.removeprefix("whsec_")
            try:
                keys.append(base64.b64decode(coded + "=" * (-len(coded) % 4), validate=True))
            except binascii.Error:
                raise ValueError(f"{VARIABLE}: what follows whsec_ is not base64") from None
        else:
            keys.append(secret.encode())
    if not all(keys) or not keys:
        raise ValueError(f"{VARIABLE} has no secret in it")
    return keys


def verify(keys: list[bytes], headers: Message, body: bytes, now: float) -> str:
    """The id of a message whose signature and time are right. Raises Refused.

    The scheme is that of https://www.standardwebhooks.com; there are libraries for it in most languages.
    """
    message = headers.get("webhook-id", "")
    timestamp = headers.get("webhook-timestamp", "")
    signatures = headers.get("webhook-signature", "")
    if not (message and timestamp and signatures):
        raise Refused(
            401, "The headers webhook-id, webhook-timestamp and webhook-signature are needed."
        )
    # checked as it was sent, before a single byte of the body is believed
    signed = f"{message}.{timestamp}.".encode() + body
    expected = [b"v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)) for key in keys]
    given = [part.encode() for part in signatures.split()]
    if not any(hmac.compare_digest(one, other) for one in expected for other in given):
        raise Refused(401, "The signature is wrong.")
    if not timestamp.isascii() or not timestamp.isdigit():
        raise Refused(401, "The timestamp is no number of seconds.")
    if abs(now - int(timestamp)) > TOLERANCE:
        raise Refused(401, "The timestamp is more than five minutes off: check both clocks.")
    return message


class Sandboxes:
    """What there is, in memory and, if a file is named, in that file."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._lock = threading.Lock()
        self.all: dict[str, dict[str, Any]] = {}
        self._answers: dict[str, dict[str, Any]] = {}
        if file is not None and file.exists():
            kept = json.loads(file.read_text())
            self.all, self._answers = kept["sandboxes"], kept["answers"]

    def once(self, message: str, order: dict[str, Any]) -> dict[str, Any]:
        """Carries an order out and remembers the answer; the same message again gets the same answer."""
        with self._lock:
            if message in self._answers:
                print(f"{message}: known already, nothing done", flush=True)
                return self._answers[message]
            answer = self.carry_out(order)
            self._answers[message] = answer
            while len(self._answers) > REMEMBERED:
                del self._answers[next(iter(self._answers))]
            self._keep()
            print(f"{message}: {order['operation']} {order['name']}: {answer['said']}", flush=True)
            return answer

    def carry_out(self, order: dict[str, Any]) -> dict[str, Any]:
        """Makes true what the order says. This is the place for your own way to set a sandbox up."""
        operation, sandbox = order["operation"], order["sandbox"]
        known = self.all.get(sandbox)
        if known is None and operation in ("halt", "throttle", "close"):
            return {"said": "There is nothing of it here."}
        state = STATES[operation] or (known or {}).get("state", "active")
        room = f"room-{sandbox}"
        if operation == "close":
            del self.all[sandbox]
        else:
            self.all[sandbox] = {
                "name": order["name"],
                "room": room,
                "state": state,
                "cap": f"{order['cap']} {order['currency']}",
                "ends_on": order["ends_on"],
                "tags": order["tags"],
            }
        said = {
            "allocate": f"{room} is open for {order['name']} until {order['ends_on']}.",
            "change": f"{room} has a cap of {order['cap']} {order['currency']} until {order['ends_on']}.",
            "throttle": f"{room} is slowed down.",
            "halt": f"{room} is stopped; its data is kept.",
            "resume": f"{room} is open again.",
            "close": f"{room} is removed.",
        }[operation]
        return {"said": said, "handle": {} if operation == "close" else {"room": room}}

    def shown(self) -> dict[str, dict[str, Any]]:
        """What there is now, by sandbox."""
        with self._lock:
            return dict(self.all)

    def _keep(self) -> None:
        if self._file is None:
            return
        # written beside it and put in its place, so that a crash leaves the old file or the new one
        beside = self._file.with_name(self._file.name + ".new")
        beside.write_text(json.dumps({"sandboxes": self.all, "answers": self._answers}, indent=2))
        beside.replace(self._file)


class Receiver(ThreadingHTTPServer):
    """Takes orders on one port."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], keys: list[bytes], sandboxes: Sandboxes) -> None:
        super().__init__(address, Handler)
        self.keys = keys
        self.sandboxes = sandboxes


class Handler(BaseHTTPRequestHandler):
    """POST takes an order; GET shows what there is (keep the port on this machine, or take it out)."""

    protocol_version = "HTTP/1.1"
    timeout = 30
    server: Receiver

    def do_POST(self) -> None:
        try:
            body = self._body()
            message = verify(self.server.keys, self.headers, body, time.time())
            self._answer(200, self.server.sandboxes.once(message, read(body)))
        except Refused as refused:
            print(f"refused: {refused.reason}", flush=True)
            self._answer(refused.status, {"error": refused.reason})

    def do_GET(self) -> None:
        self._answer(200, {"sandboxes": self.server.sandboxes.shown()})

    def _body(self) -> bytes:
        length = self.headers.get("Content-Length", "")
        if not length.isdigit():
            self.close_connection = True
            raise Refused(411, "The length of the body is needed.")
        if int(length) > LARGEST:
            self.close_connection = True
            self.rfile.read(min(int(length), 16 * LARGEST))  # or the answer may not get through
            raise Refused(413, "The body is larger than 64 KiB.")
        return self.rfile.read(int(length))

    def _answer(self, status: int, said: dict[str, Any]) -> None:
        body = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Says nothing: what was done is printed."""


def read(body: bytes) -> dict[str, Any]:
    """The order in a body; keys that this receiver does not know are left alone. Raises Refused."""
    try:
        order = json.loads(body)
    except ValueError:
        raise Refused(400, "The body is not JSON.") from None
    if not isinstance(order, dict) or order.get("operation") not in STATES:
        raise Refused(400, f"The operation must be one of {', '.join(STATES)}.")
    missing = [
        key
        for key in ("sandbox", "name", "cap", "currency", "ends_on")
        if not isinstance(order.get(key), str) or not order[key]
    ]
    if missing or not isinstance(order.get("tags"), dict):
        raise Refused(400, f"The order lacks {', '.join(missing) or 'tags'}.")
    return order


def main() -> int:
    """Serves until it is interrupted; 2 when the secret is missing."""
    said = (__doc__ or "").splitlines()[0]
    options = argparse.ArgumentParser(description=said)
    options.add_argument("--host", default="127.0.0.1")
    options.add_argument("--port", type=int, default=9000, help="0 takes any that is free")
    options.add_argument("--state", type=Path, help="a JSON file that keeps sandboxes and answers")
    chosen = options.parse_args()
    try:
        keys = signing_keys(os.environ.get(VARIABLE, ""))
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    with Receiver((chosen.host, chosen.port), keys, Sandboxes(chosen.state)) as receiver:
        host, port = receiver.server_address[:2]
        print(f"Listening on http://{host!s}:{port}", flush=True)
        try:
            receiver.serve_forever()
        except KeyboardInterrupt:
            return 0
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
