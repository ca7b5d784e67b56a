"""A browser with an authenticator, in software: makes passkeys and uses them as WebAuthn level 2 says, or wrongly where a test
asks for it. It writes CBOR by itself, so that the tests share no code with what they test."""

import hashlib
import json
import secrets
import struct

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from tokens import base64url

PRESENT, VERIFIED, ATTESTED, EXTENSIONS = 0x01, 0x04, 0x40, 0x80
ES256, RS256 = -7, -257


def cbor(value):
    """What is encoded here: integers, bytes, texts, lists, maps, booleans (RFC 8949 §4.2)."""
    if isinstance(value, bool):
        return b"\xf5" if value else b"\xf4"
    if isinstance(value, int):
        return head(0, value) if value >= 0 else head(1, -1 - value)
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, str):
        return head(3, len(value.encode())) + value.encode()
    if isinstance(value, list):
        return head(4, len(value)) + b"".join(map(cbor, value))
    return head(5, len(value)) + b"".join(cbor(key) + cbor(member) for key, member in value.items())


def head(major, number):
    for size, code, width in ((24, number, "B"), (1 << 8, 24, "BB"), (1 << 16, 25, ">BH"), (1 << 32, 26, ">BI")):
        if number < size:
            return struct.pack(width, *[major << 5 | code, number][: 1 if size == 24 else 2])
    return struct.pack(">BQ", major << 5 | 27, number)


class Passkey:
    """One credential. counts: whether it has a signature counter."""

    def __init__(self, algorithm=ES256, bits=2048, counts=True, handle=None):
        self.id, self.handle, self.algorithm = secrets.token_bytes(32), handle, algorithm
        self.count = 0 if counts else None
        if algorithm == RS256:
            self.key = rsa.generate_private_key(65537, bits)
        else:
            self.key = ec.generate_private_key(ec.SECP256R1())

    def cose(self):
        numbers = self.key.public_key().public_numbers()
        if self.algorithm == RS256:
            return {1: 3, 3: RS256, -1: numbers.n.to_bytes((numbers.n.bit_length() + 7) // 8, "big"), -2: b"\1\0\1"}
        return {1: 2, 3: ES256, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}

    def sign(self, data):
        if self.algorithm == RS256:
            return self.key.sign(data, padding.PKCS1v15(), hashes.SHA256())
        return self.key.sign(data, ec.ECDSA(hashes.SHA256()))

    def next_count(self):
        if self.count is None:
            return 0
        self.count += 1
        return self.count


class Browser:
    """On a page of an origin. Every keyword that a call takes replaces what an honest browser and authenticator would say."""

    def __init__(self, origin):
        self.origin = origin

    def client_data(self, kind, options, **changes):
        data = {"type": f"webauthn.{kind}", "challenge": options["challenge"], "origin": self.origin, "crossOrigin": False}
        return json.dumps({**data, **changes}).encode()

    def authenticator_data(self, rp_id, flags, count, rest=b""):
        return hashlib.sha256(rp_id.encode()).digest() + struct.pack(">BI", flags, count) + rest

    def create(self, options, passkey=None, client=None, rp_id=None, flags=PRESENT | VERIFIED, cose=None, rest=b"",
               attestation=None, format="none", statement=None):  # fmt: skip
        """navigator.credentials.create() -> (passkey, RegistrationResponseJSON)."""
        passkey = passkey or Passkey()
        passkey.handle = options["user"]["id"]
        credential = bytes(16) + struct.pack(">H", len(passkey.id)) + passkey.id + cbor(cose or passkey.cose()) + rest
        extensions = EXTENSIONS if rest else 0
        data = self.authenticator_data(
            rp_id or options["rp"]["id"], flags | ATTESTED | extensions, passkey.count or 0, credential
        )
        if attestation is None:
            attestation = cbor({"fmt": format, "attStmt": statement or {}, "authData": data})
        return passkey, {
            "id": base64url(passkey.id),
            "rawId": base64url(passkey.id),
            "type": "public-key",
            "response": {
                "clientDataJSON": base64url(self.client_data("create", options, **(client or {}))),
                "attestationObject": base64url(attestation),
                "transports": ["internal"],
            },
            "clientExtensionResults": {},
        }

    def get(self, options, passkey, client=None, rp_id=None, flags=PRESENT | VERIFIED, count=None, signer=None, **changes):
        """navigator.credentials.get() -> AuthenticationResponseJSON. changes: of the response's members."""
        client_data = self.client_data("get", options, **(client or {}))
        count = passkey.next_count() if count is None else count
        data = self.authenticator_data(rp_id or options["rpId"], flags, count)
        response = {
            "clientDataJSON": base64url(client_data),
            "authenticatorData": base64url(data),
            "signature": base64url((signer or passkey).sign(data + hashlib.sha256(client_data).digest())),
            "userHandle": passkey.handle,
        }
        return {
            "id": base64url(passkey.id),
            "rawId": base64url(passkey.id),
            "type": "public-key",
            "response": {**response, **changes},
            "clientExtensionResults": {},
        }
