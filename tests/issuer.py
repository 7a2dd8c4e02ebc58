"""A small issuer of tokens: JSON Web Tokens (RS256), its keys as JWKS, and a token endpoint for one client."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

CLIENT, CLIENT_SECRET = "gonogo", "cl1ent-s3cret-of-ours"


def encoded(data: bytes) -> str:
    """base64url as tokens have it."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


class Issuer:
    """``url`` is its name, ``jwks_url`` where its keys are, ``token_url`` where tokens are; ``lifetime`` in seconds."""

    def __init__(self, url: str, audience: str = "platform") -> None:
        self.url, self.audience, self.lifetime = url, audience, 300.0
        self.jwks_url, self.token_url = f"{url}/jwks", f"{url}/token"
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.given = 0
        self.asked: list[dict[str, str]] = []

    def token(self, *, ends: float = 300.0, key: rsa.RSAPrivateKey | None = None, **claims: object) -> str:
        """A token that ends in so many seconds; of another ``key`` it is not this issuer's."""
        now = time.time()
        told = {"iss": self.url, "aud": self.audience, "sub": CLIENT, "iat": int(min(now, now + ends)) - 1}
        head = {"alg": "RS256", "typ": "JWT", "kid": "one"}
        body = {**told, "exp": now + ends, "jti": str(time.monotonic_ns()), **claims}
        body["exp"] = int(body["exp"])
        signed = ".".join(encoded(json.dumps(part).encode()) for part in (head, body))
        signature = (key or self._key).sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{encoded(signature)}"

    def keys(self) -> dict[str, Any]:
        """Its public key."""
        numbers = self._key.public_key().public_numbers()
        n, e = (encoded(i.to_bytes((i.bit_length() + 7) // 8, "big")) for i in (numbers.n, numbers.e))
        return {"keys": [{"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "one", "n": n, "e": e}]}

    def about(self) -> dict[str, Any]:
        """What OpenID Connect Discovery asks for."""
        return {
            "issuer": self.url,
            "jwks_uri": self.jwks_url,
            "token_endpoint": self.token_url,
            "authorization_endpoint": f"{self.url}/authorize",
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }


@contextmanager
def issuing() -> Iterator[Issuer]:
    """The issuer, on loopback, for the time of the body."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told = {"/jwks": issuer.keys, "/.well-known/openid-configuration": issuer.about}.get(self.path)
            self.tell(200 if told else 404, told() if told else {})

        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode())
            issuer.asked.append({key: values[0] for key, values in form.items()})
            login = base64.b64decode(self.headers.get("Authorization", "").removeprefix("Basic ")).decode()
            if self.path != "/token":
                self.tell(404, {})
            elif login != f"{CLIENT}:{CLIENT_SECRET}":
                self.tell(401, {"error": "invalid_client", "error_description": "who is that"})
            elif form.get("scope") == ["nothing"]:
                self.tell(400, {"error": "invalid_scope"})
            else:
                issuer.given += 1
                token = issuer.token(ends=issuer.lifetime)
                self.tell(200, {"access_token": token, "token_type": "Bearer", "expires_in": issuer.lifetime})

        def tell(self, status: int, what: object) -> None:
            body = json.dumps(what).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    issuer = Issuer(f"http://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield issuer
    finally:
        server.shutdown()
        server.server_close()
