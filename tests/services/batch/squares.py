"""A job that needs no model, and says in a file which inputs it computes."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from services.batch import Job, run

SCHEMA = pa.schema([("n", pa.int64()), ("square", pa.int64()), ("error_code", pa.string())])


class Squares:
    def __init__(self, log: Path, seconds: float) -> None:
        self.log = log
        self.seconds = seconds

    def __call__(self, numbers: Sequence[int]) -> list[dict[str, Any]]:
        time.sleep(self.seconds)
        with self.log.open("a") as log:
            log.write("".join(f"{n}\n" for n in numbers))
        return [
            {"n": n, "error_code": "thirteen"} if n % 13 == 0 else {"n": n, "square": n * n}
            for n in numbers
        ]


def job(folder: Path, count: int = 100, seconds: float = 0.0, **settings: Any) -> Job:
    return Job(
        name="squares",
        inputs=range(count),
        schema=SCHEMA,
        make=partial(Squares, folder / "computed.txt", seconds),
        settings={"power": 2, **settings},
        fingerprint=f"the first {count}",
        part_size=10,
    )


if __name__ == "__main__":
    place = Path(sys.argv[1])
    print(os.getpid(), flush=True)
    run(job(place, seconds=0.05), place / "out.parquet", progress=False)
