"""What every service must do that asks both versions, whatever framework it is made with.

A module of tests gives the fixture ``server`` and inherits from :class:`EnsembleContract`. What it
serves is the real module, with faults that some pictures trigger by their width.
"""

from __future__ import annotations

import functools
import os
import re
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from PIL import ImageOps

from services.id_card.detector import Detector
from services.id_card.model.images import decode, grayscale
from services.id_card.model.versions import SHIPPED
from services.workbench import servers
from services.workbench.servers import Server
from tests.services.id_card.adapter_contract import GOOD, assert_refused, form, part, raw
from tests.services.id_card.image_files import CARDS, encoded, sample

TIMEOUT = 60.0
CONCURRENCY = 16

MODEL_B_RAISES, GREY_RAISES, GREY_IS_SLOW, MODEL_B_DIES = 201, 202, 203, 204
"""Widths of pictures, in pixels, that trigger a fault."""

SLOWNESS = 0.8

LAST_WORDS = "model_b dies of this picture"

_FAULTS = f"""
import os, time
from services.id_card.model import versions

grey, find = versions.grey, versions.DetectorVersion.find

def faulty_grey(pixels):
    if pixels.shape[1] == {GREY_RAISES}:
        raise RuntimeError("a secret of the server")
    if pixels.shape[1] == {GREY_IS_SLOW}:
        time.sleep({SLOWNESS})
    return grey(pixels)

def faulty_find(self, pixels):
    if pixels.shape[1] == {MODEL_B_RAISES} and self.detector.version == "model_b":
        raise RuntimeError("a secret of the server")
    if pixels.shape[1] == {MODEL_B_DIES} and self.detector.version == "model_b":
        os.write(2, b"{LAST_WORDS}\\n")
        os.kill(os.getpid(), 9)
    return find(self, pixels)

versions.grey, versions.DetectorVersion.find = faulty_grey, faulty_find
"""


def serve_faulty(folder: Path, import_line: str, target: str, **options: Any) -> Server:
    """Serve what *import_line* imports, in processes that all know the faults."""
    (folder / "faulty.py").write_text(f"{_FAULTS}\n{import_line}\n")
    return servers.bentoml(f"faulty:{target}", working_dir=folder, **options)


@functools.lru_cache
def versions() -> dict[str, Detector]:
    """Return each version in this process, as its server computes it."""
    return {name: Detector(weights, backend="onnx") for name, weights in SHIPPED.items()}


@functools.lru_cache
def expected(data: bytes) -> dict[str, list[tuple[float, ...]]]:
    """Return what each version's core finds in the grey picture: confidence and corners."""
    picture = grayscale(decode(data))
    return {
        name: [(found.confidence, *found.box) for found in detector.detect([picture])[0]]
        for name, detector in versions().items()
    }


def numbers(boxes: list[dict[str, Any]]) -> list[tuple[float, ...]]:
    return [(box["confidence"], *box["box"].values()) for box in boxes]


def is_close(got: list[tuple[float, ...]], wanted: list[tuple[float, ...]]) -> bool:
    return len(got) == len(wanted) and all(
        g == pytest.approx(w, abs=0.01) and g[0] == pytest.approx(w[0], abs=1e-4)
        for g, w in zip(got, wanted, strict=True)
    )


def assert_both(response: httpx.Response, data: bytes) -> None:
    """Check that each version's answer is its own core's."""
    assert response.status_code == 200, response.text
    assert set(response.json()) == {"results"}
    results = response.json()["results"]
    assert list(results) == ["model_a", "model_b"]
    for name, boxes in expected(data).items():
        assert is_close(numbers(results[name]), boxes), name


@functools.lru_cache
def pictures() -> tuple[bytes, ...]:
    """Return pictures that no two models answer alike: the samples, small, and mirrored."""
    small = [sample(name).resize((240, 320)) for name in CARDS]
    return tuple(encoded(image, "PNG") for image in (*small, *map(ImageOps.mirror, small)))


def of_width(width: int) -> bytes:
    return encoded(sample("two_cards").resize((width, 300)), "PNG")


def in_progress(client: httpx.Client) -> float:
    """Return how many requests to /predict have begun and not ended."""
    lines = re.findall(
        r'^bentoml_(?:api_server|service)_request_in_progress{endpoint="/predict".*} (\S+)$',
        client.get("/metrics").text,
        re.MULTILINE,
    )
    return sum(map(float, lines))


class EnsembleContract:
    """Over HTTP, with the models' processes apart from the web server's."""

    def send_all(self, http: httpx.Client, data: list[bytes]) -> list[httpx.Response]:
        with ThreadPoolExecutor(CONCURRENCY) as pool:
            uploads = [form(part(one)) for one in data]
            return list(pool.map(lambda upload: upload.send(http, "/predict"), uploads))

    def test_the_versions_differ(self) -> None:
        """Otherwise no test could tell which one has answered."""
        for data in pictures():
            found = expected(data)
            if any(found.values()):
                assert not is_close(found["model_a"], found["model_b"])

    def test_the_answer_is_that_for_the_grey_picture(self, http: httpx.Client) -> None:
        grey = encoded(grayscale(decode(GOOD)), "PNG")

        of_colour, of_grey = (
            raw(data, "image/png").send(http, "/predict").json()["results"]["model_a"]
            for data in (GOOD, grey)
        )

        assert is_close(numbers(of_colour), numbers(of_grey))
        [in_colour] = versions()["model_a"].detect([decode(GOOD)])
        assert not is_close(numbers(of_colour), [(box.confidence, *box.box) for box in in_colour])

    def test_a_refusal_is_counted(self, http: httpx.Client) -> None:
        def count() -> float:
            text = http.get("/metrics").text
            [value] = re.findall(
                r'^id_card_rejected_inputs_total{reason="image_format"} (\S+)$', text, re.M
            )
            return float(value)

        before = count()
        assert raw(b"no picture").send(http, "/predict").status_code == 415
        assert count() == before + 1

    @pytest.mark.parametrize("width", [MODEL_B_RAISES, GREY_RAISES])
    def test_a_model_that_raises(self, http: httpx.Client, server: Server, width: int) -> None:
        before = time.monotonic()

        response = form(part(of_width(width))).send(http, "/predict")

        assert time.monotonic() - before < 5, "it waited for an answer that cannot come"
        assert_refused(response, 500, "model_failed", "Nothing is wrong with the request")
        assert "secret" not in response.text
        assert "a secret of the server" in server.log.read_text()
        assert_both(form(part(GOOD)).send(http, "/predict"), GOOD)

    def test_faults_and_refusals_among_good_requests(self, http: httpx.Client) -> None:
        good = pictures()[:5]
        data = [*good, of_width(MODEL_B_RAISES), of_width(GREY_RAISES), b"no picture"] * 2

        for one, response in zip(data, self.send_all(http, data), strict=True):
            if one in good:
                assert_both(response, one)
            else:
                assert response.status_code == (415 if one == b"no picture" else 500)
                assert set(response.json()["error"]) == {"code", "message", "hint"}

    @pytest.mark.parametrize(
        "count", [120, pytest.param(1000, marks=[pytest.mark.nightly, pytest.mark.timeout(900)])]
    )
    def test_none_is_lost_or_mistaken_for_another(self, http: httpx.Client, count: int) -> None:
        data = [pictures()[i % len(pictures())] for i in range(count)]

        for one, response in zip(data, self.send_all(http, data), strict=True):
            assert_both(response, one)

    def test_a_killed_model(self, http: httpx.Client, server: Server) -> None:
        """Its process is started anew; what was under way is refused, nothing hangs."""

        def is_model_b(command: tuple[str, ...]) -> bool:
            return "model_b" in command

        [victim] = [record.pid for record in server.processes() if is_model_b(record.command)]
        data = [pictures()[i % len(pictures())] for i in range(32)]
        with ThreadPoolExecutor(CONCURRENCY) as pool:
            running = [pool.submit(form(part(one)).send, http, "/predict") for one in data]
            running[3].result()
            os.kill(victim, signal.SIGKILL)
            responses = [future.result() for future in running]

        for one, response in zip(data, responses, strict=True):
            if response.status_code == 200:
                assert_both(response, one)
            else:
                assert response.status_code in (503, 504), response.text
                assert response.json()["error"]["code"] in ("model_unavailable", "model_timeout")
        deadline = time.monotonic() + 60
        while form(part(GOOD)).send(http, "/predict").status_code != 200:
            assert time.monotonic() < deadline, server.tail()
        assert victim not in [record.pid for record in server.processes()]
        assert any(is_model_b(record.command) for record in server.processes())

    def test_a_request_that_kills_is_sent_once(self, http: httpx.Client, server: Server) -> None:
        """A process that died of a request is no reason to try it on the next one."""
        response = form(part(of_width(MODEL_B_DIES))).send(http, "/predict")

        assert_refused(response, 503, "model_unavailable", "Try again in a few seconds")
        deadline = time.monotonic() + 60
        while form(part(GOOD)).send(http, "/predict").status_code != 200:
            assert time.monotonic() < deadline, server.tail()
        assert server.log.read_text().count(LAST_WORDS) == 1

    def test_every_request_that_has_begun_is_answered_at_the_end(
        self, http: httpx.Client, server: Server
    ) -> None:
        """The last test: it ends the server. Most requests have not even reached a detector."""
        members = [psutil.Process(record.pid) for record in server.processes()]
        slow, count = of_width(GREY_IS_SLOW), 6
        with ThreadPoolExecutor(count) as pool:
            running = [pool.submit(form(part(slow)).send, http, "/predict") for _ in range(count)]
            with httpx.Client(base_url=server.url, timeout=TIMEOUT, trust_env=False) as other:
                deadline = time.monotonic() + 20
                while in_progress(other) < count:
                    assert time.monotonic() < deadline, in_progress(other)
                    time.sleep(0.02)
            os.kill(server.pid, signal.SIGTERM)
            asked = time.monotonic()
            unanswered = sum(not future.done() for future in running)
            _, left = psutil.wait_procs(members, timeout=30)
            took = time.monotonic() - asked

        assert unanswered > count // 2
        for future in running:
            assert_both(future.result(), slow)
        assert left == []
        assert took < 20
