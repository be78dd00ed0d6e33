"""The README's terminal: a real run of serve, curl and curl, as an SVG that plays for 18 seconds.

Waiting times are shortened, the port is shown as 3000, and long lines are cut; everything else is
what the programs printed.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

from services.environment import ROOT
from services.workbench import servers
from services.workbench.front_page.theme import PICTURES

PATH = PICTURES / "terminal.svg"
SERVE = "bentoml serve services.id_card.bento.service:IdCardDetector --host 127.0.0.1 --port 3000"
UPLOAD = "curl -s -F image=@services/id_card/samples/two_cards.jpg http://127.0.0.1:3000"
INFERENCE = f"{UPLOAD}/inference"
RENDER = f"{UPLOAD}/render -o cards.png -w '%{{http_code}} %{{content_type}}\\n'"
COLUMNS, LINE, CHARACTER, MARGIN = 100, 19, 8.0, 16
SECONDS = 18.0


class Line(NamedTuple):
    """One line of the terminal: its text, when it appears, and whether it was typed."""

    text: str
    at: float
    typed: bool


def write() -> None:
    """Serve the detector, call it twice, and write the SVG."""
    PATH.write_text(svg(timed(record())), encoding="utf-8")


def record() -> list[tuple[str, list[str]]]:
    """Run the commands; return each with the lines that it printed."""
    with servers.bentoml("services.id_card.bento.service:IdCardDetector") as server:
        answers = [(command, _run(command, server.url)) for command in (INFERENCE, RENDER)]
        log = [
            _plain(line, server.url) for line in server.log.read_text(encoding="utf-8").splitlines()
        ]
    started = [line for line in log if "Starting" in line or "Service id_card" in line]
    return [(SERVE, started), *answers]


def _run(command: str, url: str) -> list[str]:
    with tempfile.NamedTemporaryFile(suffix=".png") as image:
        real = command.replace("http://127.0.0.1:3000", url).replace("cards.png", image.name)
        done = subprocess.run(
            ["sh", "-c", real], cwd=ROOT, check=True, capture_output=True, text=True, timeout=60
        )
    return done.stdout.splitlines()


def _plain(line: str, url: str) -> str:
    """Return a line without colours, and with the README's port."""
    port = url.rpartition(":")[2]
    return re.sub(r"\x1b\[[0-9;]*m", "", line).replace(port, "3000").strip()


def timed(run: Sequence[tuple[str, list[str]]]) -> list[Line]:
    """Return the lines with the second at which each appears, wrapped at the window's width."""
    lines: list[Line] = []
    each = (SECONDS - 3.0) / len(run)
    for number, (command, printed) in enumerate(run):
        start = 0.5 + number * each
        typed = _wrapped(f"$ {command}")
        lines += [Line(text, start + 0.7 * row, True) for row, text in enumerate(typed)]
        answered = start + 0.7 * len(typed) + 0.8
        output = [part for text in printed for part in _wrapped(text)]
        lines += [Line(text, answered + 0.08 * row, False) for row, text in enumerate(output)]
    return lines


def _wrapped(text: str) -> list[str]:
    return [text[start : start + COLUMNS] for start in range(0, max(len(text), 1), COLUMNS)]


def svg(lines: Sequence[Line]) -> str:
    """Return the animation: each line appears at its second and stays until the loop restarts.

    If the reader prefers reduced motion, all lines are visible from the start.
    """
    width = round(COLUMNS * CHARACTER + 2 * MARGIN)
    height = LINE * len(lines) + 3 * MARGIN + 12
    rules, texts = [], []
    for number, line in enumerate(lines):
        share = 100 * line.at / SECONDS
        rules.append(
            f"@keyframes k{number}{{0%,{share:.2f}%{{opacity:0}}"
            f"{share + 0.01:.2f}%,100%{{opacity:1}}}}"
            f".l{number}{{animation:k{number} {SECONDS:g}s infinite}}"
        )
        y = 2 * MARGIN + 20 + LINE * number
        kind = "t" if line.typed else "o"
        texts.append(
            f'<text class="l{number} {kind}" x="{MARGIN}" y="{y}" xml:space="preserve">'
            f"{escape(line.text)}</text>"
        )
    still = "@media(prefers-reduced-motion:reduce){text{animation:none!important}}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        'font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" '
        f'font-size="{CHARACTER / 0.6:.1f}">\n'
        "<title>A terminal: the detector is served, and curl gets the boxes of two cards</title>\n"
        f"<style>.t{{fill:#e6edf3}}.o{{fill:#9be9a8}}{still}{''.join(rules)}</style>\n"
        f'<rect width="{width}" height="{height}" rx="8" fill="#161b22"/>\n'
        '<circle cx="20" cy="18" r="5" fill="#ff5f57"/><circle cx="38" cy="18" r="5" '
        'fill="#febc2e"/><circle cx="56" cy="18" r="5" fill="#28c840"/>\n'
        + "\n".join(texts)
        + "\n</svg>\n"
    )
