"""The engines that compute the parts: this process, or Ray Data on the machines of a cluster.

Both call the same :class:`~services.batch.parts.PartWriter` in the same way. An engine decides
where and in which order the parts are computed; their contents do not depend on it.
"""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from unittest import mock

from services.environment import ROOT, build_dir

if TYPE_CHECKING:
    from services.batch.parts import PartWriter

EngineName = Literal["local", "ray"]

# A socket's path may have 107 characters, and Ray's sockets use some 75 of them.
_SHORT = "/tmp" if len(tempfile.gettempdir()) > 30 and Path("/tmp").is_dir() else None

_ATTEMPTS = 4


def local(writer: PartWriter, parts: Sequence[int], workers: int) -> Iterator[int]:
    """Compute the parts one after the other, and yield the number of each when it is written."""
    for number in parts:
        writer({"part": [number]})
        yield number


def with_ray(writer: PartWriter, parts: Sequence[int], workers: int) -> Iterator[int]:
    """Compute the parts with Ray Data: *workers* processes, each with one core and one model.

    With ``RAY_ADDRESS`` set, as in a RayJob, that cluster is joined. Otherwise a local Ray is
    started on the loopback address, and stopped at the end.
    """
    if not parts:
        return
    import ray.data

    class Worker:
        """Load the model; Ray Data creates one instance in each of its processes."""

        def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
            return writer(batch)

    with _ray(min(workers, len(parts))) as size:
        numbers = ray.data.from_items(
            [{"part": number} for number in parts], override_num_blocks=len(parts)
        )
        pool = ray.data.ActorPoolStrategy(size=size)
        done = numbers.map_batches(Worker, batch_size=1, num_cpus=1, compute=pool)
        for row in done.iter_rows():
            yield int(row["part"])


@contextmanager
def _ray(workers: int) -> Iterator[int]:
    """Join the cluster that the environment names, or run a local one inside the block."""
    import ray
    import ray.data

    logging.getLogger("ray.data").setLevel(logging.ERROR)
    ray.data.DataContext.get_current().enable_progress_bars = False  # the command shows its own
    if os.environ.get("RAY_ADDRESS"):
        ray.init(log_to_driver=False)
        try:
            yield workers
        finally:
            ray.shutdown()
        return
    sessions = build_dir() / "ray" / str(os.getpid())
    sessions.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="r-", dir=_SHORT) as short:
        link = Path(short) / "r"
        link.symlink_to(sessions, target_is_directory=True)
        _start_ray(workers, link)
        try:
            yield workers
        finally:
            ray.shutdown()
    shutil.rmtree(sessions)  # after a failure, its logs are kept


def _start_ray(workers: int, folder: Path) -> None:
    """Start a local Ray; retry if it exceeds its own limit of 30 seconds on a busy machine."""
    import ray

    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    inherited = {
        "PYTHONPATH": path,  # Ray's processes start in another folder
        "OMP_NUM_THREADS": "1",  # each has one core
        "RAY_BACKEND_LOG_LEVEL": "fatal",  # its warnings would break the progress bar
    }
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            with mock.patch.dict(os.environ, inherited):
                ray.init(
                    address="local",
                    num_cpus=workers,
                    include_dashboard=False,
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                    _temp_dir=str(folder),
                )
            return
        except Exception as error:  # Ray has no exception class for it
            if attempt == _ATTEMPTS or "timed out during startup" not in str(error):
                raise
            ray.shutdown()


ENGINES: dict[EngineName, Callable[[PartWriter, Sequence[int], int], Iterator[int]]] = {
    "local": local,
    "ray": with_ray,
}
"""The engines by their name on the command line."""
