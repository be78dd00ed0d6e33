"""An API key that clients send as a bearer token (RFC 6750); off until the environment names one.

``SERVING_LABS_API_KEY_FILE`` names a file with one key a line, so that an old key and a new one are
valid side by side while clients change over. ``SERVING_LABS_API_KEY`` holds a single key; every
process of the same user can read that. ``openssl rand -hex 32`` makes a key.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Self

from services.errors import InputError

VARIABLES = ("SERVING_LABS_API_KEY_FILE", "SERVING_LABS_API_KEY")

LEAST = 16
"""The fewest characters of a key: a shorter one can be guessed over the network."""


class UnauthorizedError(InputError):
    """A request without a valid key: 401, with the header that RFC 9110 prescribes for it."""

    headers = MappingProxyType({"WWW-Authenticate": 'Bearer realm="serving-labs"'})

    def __init__(self, message: str) -> None:
        super().__init__(
            message,
            code="unauthorized",
            status=401,
            hint="Send 'Authorization: Bearer KEY' with a key from the server's operator.",
        )


class ApiKeys:
    """The keys of a server.

    Parameters
    ----------
    keys : collection of str
        Each of :data:`LEAST` characters or more, ASCII without white space.

    Raises
    ------
    ValueError
        If there is none, or one is too short or not valid in a header. No key is shown.
    """

    def __init__(self, keys: Collection[str]) -> None:
        if not keys:
            raise ValueError("there is no API key; write one per line, from openssl rand -hex 32")
        for number, key in enumerate(keys, 1):
            if len(key) < LEAST or not key.isascii() or not key.isprintable() or " " in key:
                raise ValueError(
                    f"API key {number} of {len(keys)} must be {LEAST} or more ASCII characters "
                    "without spaces; make one with openssl rand -hex 32"
                )
        # All digests have the same length, so a comparison's time does not reveal a key's length.
        self._digests = tuple(_digest(key.encode()) for key in keys)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self | None:
        """Read the keys that the variables name; None if neither is set.

        Raises
        ------
        OSError, ValueError
            If the file cannot be read, or what is in it is not a key: a server must not start
            without the protection that its operator asked for.
        """
        in_file, alone = VARIABLES
        if path := environment.get(in_file):
            lines = Path(path).read_text(encoding="utf-8").splitlines()
            return cls([line.strip() for line in lines if line.strip()])
        key = environment.get(alone)
        return None if key is None else cls([key])

    def check(self, authorization: str | None) -> str:
        """Return a name for the key in an ``Authorization`` header, fit for a log.

        Parameters
        ----------
        authorization : str or None
            The header's value, latin-1 as ASGI gives it; None if there is none.

        Raises
        ------
        UnauthorizedError
            If it holds no key of this server.
        """
        if authorization is None:
            raise UnauthorizedError("The request has no API key.")
        scheme, _, key = authorization.partition(" ")
        digest = _digest(key.strip().encode("latin-1", "replace"))
        # Every key is compared, in full: the time says nothing about which one was nearly right.
        matches = [hmac.compare_digest(digest, known) for known in self._digests]
        if scheme.lower() != "bearer" or not any(matches):
            raise UnauthorizedError("The API key is not valid.")
        return f"key {digest.hex()[:32]}"


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()
