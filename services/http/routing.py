"""Route a share of the users to version B; a user's version does not change between requests.

No table of users is kept. A hash assigns every id to a *bucket*, a number between 0 and 1, and B
gets the buckets from 0 up to its share. When the share grows, ids move from A to B and none back.
The method is Kohavi, Tang and Xu's, "Trustworthy Online Controlled Experiments" (2020), chapter 4.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

from services.errors import InputError

_ID = re.compile(r"[\x21-\x7e]{1,128}")
_BUCKETS = 2**64


def hash_bucket(identifier: str, experiment: str) -> float:
    """Return the bucket of an id, a number in [0, 1): evenly distributed, and always the same.

    Parameters
    ----------
    identifier : str
        A user's id, or a request's if there are no users.
    experiment : str
        Hashed together with the id: two experiments divide the same ids differently.
    """
    data = f"{experiment}\0{identifier}".encode()
    digest = hashlib.blake2b(data, digest_size=8).digest()
    # A float has 53 bits: the lowest 11 would be rounded, at the upper end to 1.
    return (int.from_bytes(digest, "big") >> 11 << 11) / _BUCKETS


def share_from(environment: Mapping[str, str], variable: str, default: str, whose: str) -> float:
    """Return the share of requests for B that an environment variable sets.

    Parameters
    ----------
    environment : mapping of str to str
        Usually ``os.environ``.
    variable, default : str
        Its name, and its value if it is not set.
    whose : str
        Who answers that share of the requests, for the error message.

    Raises
    ------
    ValueError
        If it is not a number from 0 to 1. A server should not start with it.
    """
    text = environment.get(variable, default)
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:  # nan is not, either
        raise ValueError(
            f"{variable} is the share of the requests that {whose} answers, a number from 0 "
            f"to 1 such as 0.1; got {text!r}"
        )
    return share


def check_id(identifier: str) -> str:
    """Return *identifier* if it is a valid id.

    Raises
    ------
    InputError
        400 if it is empty, longer than 128 characters, or not all visible ASCII.
    """
    if not _ID.fullmatch(identifier):
        raise InputError(
            f"The id has {len(identifier)} characters; it must be 1 to 128 of visible ASCII.",
            code="id_invalid",
            status=400,
            hint="Send a short id such as a UUID in X-User-ID or X-Request-ID, or neither header.",
        )
    return identifier
