"""Kubernetes' quantities: ``250m``, ``768Mi``, ``2`` (API reference, resource.Quantity)."""

from __future__ import annotations

import re
from decimal import Decimal

_FORM = re.compile(
    r"([+-]?(?:\d+(?:\.\d*)?|\.\d+))(?:([KMGTPE]i)|([numkMGTPE])|[eE]([+-]?\d+))?", re.ASCII
)
_DECIMAL = {"n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}


def parse(text: str | int | float) -> Decimal:
    """Return the value of a quantity.

    Raises
    ------
    ValueError
        If it is none, as ``"2GB"`` or ``"1 Gi"``.
    """
    found = _FORM.fullmatch(str(text))
    if found is None:
        raise ValueError(f"{text!r} is no quantity; quantities are 250m, 2, 768Mi, 1Gi")
    number, binary, decimal, exponent = found.groups()
    value = Decimal(number)
    if binary:
        return value * 1024 ** ("KMGTPE".index(binary[0]) + 1)
    return value.scaleb(_DECIMAL[decimal] if decimal else int(exponent or 0))
