"""Which version answers whom: a share of the users goes to B, and everyone stays where they are.

No table of users is kept. A hash gives every id a *place* between 0 and 1, always the same one, and
B has the places from 0 up to its share. When the share grows, ids move from A to B and none back.
The method is Kohavi, Tang and Xu's, "Trustworthy Online Controlled Experiments" (2020), chapter 4.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

from services.errors import InputError

_ID = re.compile(r"[\x21-\x7e]{1,128}")
_PLACES = 2**64


def place(identifier: str, experiment: str) -> float:
    """Return the place of an id, 0 or more and below 1: spread evenly, and always the same.

    Parameters
    ----------
    identifier : str
        Of a user, or of a request if there are no users.
    experiment : str
        Part of what is hashed: two experiments divide the same ids differently.
    """
    data = f"{experiment}\0{identifier}".encode()
    digest = hashlib.blake2b(data, digest_size=8).digest()
    # The lowest 11 bits would be rounded, at the upper end to 1.
    return (int.from_bytes(digest, "big") >> 11 << 11) / _PLACES


def share_from(environment: Mapping[str, str], variable: str, default: str, whose: str) -> float:
    """Return the share that a variable of the environment gives to B.

    Parameters
    ----------
    environment : mapping of str to str
        Usually ``os.environ``.
    variable, default : str
        Its name, and its value if it is not there.
    whose : str
        Who answers that share of the requests; for the message.

    Raises
    ------
    ValueError
        If it is no number from 0 to 1. A server should not start with it.
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
    """Return *identifier* if it can be one.

    Raises
    ------
    InputError
        400 if it is empty, longer than 128 characters, or has others than visible ASCII.
    """
    if not _ID.fullmatch(identifier):
        raise InputError(
            f"The id has {len(identifier)} characters; 1 to 128 are allowed, of visible ASCII.",
            code="id_invalid",
            status=400,
            hint="Send a short id such as a UUID in X-User-ID or X-Request-ID, or no such header.",
        )
    return identifier
