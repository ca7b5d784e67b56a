"""Tokens as users issues them: what they say, and tokens that are signed with a given secret."""

import base64
import hashlib
import hmac
import json


def base64url(raw):
    """RFC 4648 §5, without padding."""
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def from_base64url(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def header_of(token):
    return json.loads(from_base64url(token.split(".")[0]))


def claims_of(token):
    return json.loads(from_base64url(token.split(".")[1]))


def sign(claims, secret, header=None):
    """An access token of these claims (RFC 7519). secret: bytes."""
    signed = ".".join(base64url(json.dumps(part).encode()) for part in (header or {"alg": "HS256", "typ": "JWT"}, claims))
    return signed + "." + base64url(hmac.new(secret, signed.encode(), hashlib.sha256).digest())
