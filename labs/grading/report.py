"""Write grades as JSON, CSV and an HTML page."""

from __future__ import annotations

import ast
import csv
import html
import json
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from labs.engine.outcome import Status
from labs.engine.registry import find
from labs.grading.run import Grade

_STYLE = """
body { font-family: sans-serif; max-width: 75em; margin: 2em auto; line-height: 1.4 }
table { border-collapse: collapse; margin: 1em 0 }
th, td { border: 1px solid #999; padding: 0.25em 0.6em; text-align: left; vertical-align: top }
.PASS { background: #d7f0d8; color: #103d12 } .FAIL { background: #fbdcdc; color: #5c0c0c }
.ERROR, .NOT_RUN { background: #ffe9c7; color: #4d2e00 }
"""
_SIGN = {"PASS": "✓", "FAIL": "✗", "NOT_ATTEMPTED": "○", "ERROR": "!", "NOT_RUN": "-"}


def write(grades: Sequence[Grade], folder: Path) -> list[Path]:
    """Write ``grades.json``, the tables and ``report.html``; return their paths.

    The tables are ``grades.csv`` with one row per exercise and student, ``gradebook.csv`` with one
    row per student, and ``mistakes.csv``. A double click opens them in a spreadsheet.
    """
    paths = [write_data(grades, folder)]
    tables = {"grades": _rows(grades), "gradebook": _gradebook(grades)}
    tables["mistakes"] = [["exercise", "mistake", "count"], *map(list, mistakes(grades))]
    for name, rows in tables.items():
        paths.append(folder / f"{name}.csv")
        # With a byte order mark; without it Excel assumes another encoding and garbles names.
        with paths[-1].open("w", newline="", encoding="utf-8-sig") as target:
            csv.writer(target).writerows([[_safe(cell) for cell in row] for row in rows])
    paths.append(folder / "report.html")
    paths[-1].write_text(_page(grades), encoding="utf-8")
    return paths


def write_data(grades: Sequence[Grade], folder: Path) -> Path:
    """Write ``grades.json`` atomically; return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path, new = folder / "grades.json", folder / "grades.json.new"
    new.write_text(json.dumps(_data(grades), indent=1, ensure_ascii=False), encoding="utf-8")
    new.replace(path)
    return path


def frequent_answers(grades: Iterable[Grade], exercise: str) -> list[tuple[str, int, str]]:
    """Return the two most frequent wrong answers: code, how many, mistake.

    Answers that differ only in comments and blanks count as one.
    """
    counts: Counter[str] = Counter()
    examples: dict[str, tuple[str, str]] = {}
    for grade in grades:
        for result in grade.results:
            if result["exercise"] == exercise and result["status"] == Status.FAIL:
                code = grade.answers.get(exercise, "")
                counts[_meaning(code)] += bool(code)
                examples.setdefault(_meaning(code), (code, str(result.get("mistake") or "")))
    return [(examples[m][0], n, examples[m][1]) for m, n in counts.most_common(2) if n]


def _meaning(code: str) -> str:
    try:
        return ast.dump(ast.parse(code))
    except (SyntaxError, ValueError, RecursionError):
        return code.strip()


def mistakes(grades: Iterable[Grade]) -> list[tuple[str, str, int]]:
    """Return exercise, named mistake and number of students, the most frequent first."""
    counts = Counter(
        (result["exercise"], result["mistake"])
        for grade in grades
        for result in grade.results
        if result.get("mistake")
    )
    return [(exercise, name, n) for (exercise, name), n in counts.most_common()]


def leaderboard(grades: Iterable[Grade]) -> list[tuple[str, str, float]]:
    """Return exercise, student and figure of every solved open challenge, the best first."""
    rows = []
    for grade in grades:
        for result in grade.results:
            if result["status"] != Status.PASS or not (name := find(result["exercise"]).figure):
                continue
            # A submission is a program, so the figure it reports may be anything.
            with suppress(KeyError, TypeError, ValueError):
                figure = float(result["facts"][name])
                if math.isfinite(figure):
                    rows.append((result["exercise"], grade.student, figure))
    return sorted(rows, key=lambda row: (row[0], -row[2], row[1]))


def _data(grades: Iterable[Grade]) -> dict[str, Any]:
    grades = list(grades)
    return {
        "grades": [{**asdict(g), "points": g.points, "out_of": g.out_of} for g in grades],
        "mistakes": [
            {"exercise": exercise, "mistake": name, "count": n}
            for exercise, name, n in mistakes(grades)
        ],
        "leaderboard": [
            {"exercise": exercise, "student": student, "figure": figure}
            for exercise, student, figure in leaderboard(grades)
        ],
    }


def _rows(grades: Iterable[Grade]) -> Iterable[list[Any]]:
    names = "student lab exercise status points out_of mistake"
    yield [*names.split(), "verdict", "handed_in", "minutes", "grading_seconds"]
    for grade in grades:
        end = [grade.verdict, grade.handed_in, grade.minutes, grade.seconds]
        for r in grade.results:
            row = [r["exercise"], r["status"], r["points"], r["out_of"], r.get("mistake") or ""]
            yield [grade.student, grade.lab, *row, *end]
        total = ["total", "", grade.points, grade.out_of, ""]
        yield [grade.student, grade.lab, *total, *end]


def _gradebook(grades: Sequence[Grade]) -> Iterable[list[Any]]:
    """Yield one row per student: points of every exercise, empty if nothing was handed in."""
    names = sorted({r["exercise"] for grade in grades for r in grade.results})
    yield ["student", *names, "points"]
    for student in dict.fromkeys(grade.student for grade in grades):
        own = [grade for grade in grades if grade.student == student]
        points = {r["exercise"]: r["points"] for grade in own for r in grade.results}
        yield [student, *(points.get(n, "") for n in names), sum(grade.points for grade in own)]


def _safe(cell: Any) -> Any:
    """Return a cell that a spreadsheet does not interpret as a formula."""
    formula = isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    return f"'{cell}" if formula else cell


def _page(grades: Sequence[Grade]) -> str:
    labs = sorted({grade.lab for grade in grades})
    parts = [_lab(lab, [grade for grade in grades if grade.lab == lab]) for lab in labs]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Grades</title>'
        f"<style>{_STYLE}</style></head><body><h1>Grades</h1>\n"
        f"<p>{len(grades)} submissions. Minutes come from the learner's own notebook: from the "
        "first check to the last, without pauses of more than half an hour.</p>\n"
        + "\n".join(parts)
        + "\n</body></html>\n"
    )


def _lab(lab: str, grades: Sequence[Grade]) -> str:
    names = list(dict.fromkeys(r["exercise"] for grade in grades for r in grade.results))
    head = "".join(f'<th scope="col">{_text(n)}</th>' for n in ("student", *names))
    head += "".join(f'<th scope="col">{n}</th>' for n in ("points", "minutes", "verdict, notes"))
    rows = "\n".join(_student(grade, names) for grade in grades)
    return (
        f"<h2>{_text(lab)}</h2>\n<table><thead><tr>{head}</tr></thead>\n<tbody>{rows}</tbody>"
        f"</table>\n{_common(grades)}{_answers(grades, names)}{_best(grades)}"
    )


def _student(grade: Grade, names: Sequence[str]) -> str:
    found = {result["exercise"]: result for result in grade.results}
    cells = "".join(_result(found.get(name)) for name in names)
    minutes = "" if grade.minutes is None else str(grade.minutes)
    notes = "".join(f"<li>{_text(note)}</li>" for note in grade.notes)
    about = _text(grade.verdict) + (f"<ul>{notes}</ul>" if notes else "")
    return (
        f'<tr><th scope="row">{_text(grade.student)}</th>{cells}'
        f"<td>{grade.points} of {grade.out_of}</td><td>{minutes}</td><td>{about}</td></tr>"
    )


def _result(result: dict[str, Any] | None) -> str:
    if result is None:
        return "<td></td>"
    message = "\n".join(f"{k}: {v}" for k, v in (result.get("message") or {}).items())
    status, mistake = str(result["status"]), result.get("mistake")
    shown = f"{_SIGN.get(status, '')} {status}" + (f"<br>{_text(str(mistake))}" if mistake else "")
    return f'<td class="{_text(status)}" title="{_text(message)}">{shown}</td>'


def _common(grades: Sequence[Grade]) -> str:
    found = mistakes(grades)
    if not found:
        return "<p>No named mistake was recognised.</p>"
    rows = "".join(
        f"<tr><td>{_text(exercise)}</td><td>{_text(name)}</td><td>{n} of {len(grades)}</td>"
        f"<td>{_text(find(exercise).mistakes.get(name, ''))}</td></tr>"
        for exercise, name, n in found
    )
    head = "".join(
        f'<th scope="col">{n}</th>' for n in ("exercise", "mistake", "how many", "cause")
    )
    return f"<h3>Mistakes</h3><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _answers(grades: Sequence[Grade], names: Sequence[str]) -> str:
    """Return the most frequent wrong answers, as they were handed in."""
    parts = []
    for name in names:
        for code, n, mistake in frequent_answers(grades, name):
            said = f"{name}: {n} of {len(grades)}" + (f", {mistake}" if mistake else "")
            parts.append(f"<h4>{_text(said)}</h4><pre>{_text(code)}</pre>")
    return f"<h3>The most frequent wrong answers</h3>{''.join(parts)}" if parts else ""


def _best(grades: Sequence[Grade]) -> str:
    found = leaderboard(grades)
    if not found:
        return ""
    rows = "".join(
        f"<tr><td>{_text(exercise)}</td><td>{_text(student)}</td>"
        f"<td>{figure:g} {_text(find(exercise).figure)}</td></tr>"
        for exercise, student, figure in found
    )
    return f"<h3>Leaderboard</h3><table><tbody>{rows}</tbody></table>"


def _text(value: str) -> str:
    return html.escape(value, quote=True)
