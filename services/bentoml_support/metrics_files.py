"""Keep a server's workers alive where their metrics cannot be written.

The workers of a BentoML server share their counts through files, which ``prometheus_client`` 0.26
maps into memory. The files are sparse, so on a full disk a worker that counts gets no exception:
the kernel kills it (SIGBUS). If the folder is not writable, no worker starts. Here a file's space
is reserved when the file is made. If that fails, the worker counts in its own memory, and its
counts are missing from ``/metrics``.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import mmap
import os
from pathlib import Path

from prometheus_client import mmap_dict, values

logger = logging.getLogger(__name__)

_MEMORY = 1 << 24  # bytes; the kernel allocates only those in use. A series takes about 200.


class SafeMmapedDict(mmap_dict.MmapedDict):
    """What ``prometheus_client`` writes one kind of metrics to: a file, or else memory."""

    def __init__(self, filename: str, read_mode: bool = False) -> None:
        try:
            if not read_mode:
                _reserve(filename, mmap_dict._INITIAL_MMAP_SIZE)
            super().__init__(filename, read_mode)
        except OSError as error:
            if read_mode:
                raise
            _warn_once(error.strerror, Path(filename).parent)
            self._fname, self._positions = filename, {}
            self._continue_in_memory(b"")
            self._used = 8

    def _init_value(self, key: str) -> None:
        """Make room for one more series, and reserve it where the file has to grow."""
        if self._f is not None and self._used + len(key) + 64 > self._capacity:
            try:
                _reserve(self._fname, 2 * self._capacity)
            except OSError as error:
                _warn_once(error.strerror, Path(self._fname).parent)
                self._continue_in_memory(self._m[: self._used])
        super()._init_value(key)

    def _continue_in_memory(self, content: bytes) -> None:
        self._f = None  # type: ignore[assignment]  # as MmapedDict does when it is closed
        self._m = mmap.mmap(-1, _MEMORY)
        self._m[: len(content)] = content
        self._capacity = _MEMORY


def survive_full_disks() -> None:
    """Keep this process running if it cannot write its metrics; call it before the first one."""
    values.MmapedDict = SafeMmapedDict  # type: ignore[attr-defined]


def _reserve(filename: str, size: int) -> None:
    """Make a file occupy at least *size* bytes on the disk; if that fails, undo the attempt."""
    path = Path(filename)
    before = path.stat().st_size if path.exists() else 0
    try:
        with path.open("ab") as file:
            file.write(bytes(max(0, size - before)))
    except OSError:
        with contextlib.suppress(OSError):
            os.truncate(path, before) if before else path.unlink(missing_ok=True)
        raise


@functools.cache
def _warn_once(reason: str | None, folder: Path) -> None:
    logger.warning("Metrics are not shared with /metrics: %s: %s", reason, folder)
