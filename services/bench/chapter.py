"""The chapter's last table, its ten challenges, and where this repository meets each of them.

Notebook 10 shows them; a test sees that every place exists.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.workbench.show import Display


@dataclass(frozen=True)
class Place:
    """A section of a notebook.

    Attributes
    ----------
    notebook : str
        Its name, ``"09_kserve"``; empty for the notebook that shows the place.
    heading : str
        The section's heading, as it stands there.
    """

    notebook: str
    heading: str

    @property
    def anchor(self) -> str:
        """What JupyterLab calls the heading in an address: hyphens for spaces."""
        return self.heading.replace("`", "").replace(" ", "-")

    def __str__(self) -> str:
        file = f"{self.notebook}.ipynb" if self.notebook else ""
        title = self.heading.partition(". ")[2] or self.heading
        shown = f"{self.notebook[:2]} · {title}" if self.notebook else f"here · {title}"
        return f"[{shown}]({file}#{self.anchor})"


Row = tuple[str, ...]

_CHOICE = Place("", "8. A decision guide")

CLAIMS: list[tuple[Row, Sequence[Place]]] = [
    (
        ("focus", "KServe steers many servers; BentoML makes one easily; MLflow follows a model's "
         "whole life", "yes, though each starts a server with one command by now"),
        [Place("", "5. Besides speed")],
    ),
    (
        ("frameworks", "all three take a model of any framework",
         "yes: all serve one core that knows none of them"),
        [Place("", "2. A fair comparison")],
    ),
    (("clouds", "all three run anywhere", "not measured here: no cloud was at hand"), []),
    (
        ("made for Kubernetes", "KServe yes, the others no", "KServe's server runs as a plain "
         "process; it is its InferenceService that needs a cluster"),
        [Place("09_kserve", "2. The predictor"), Place("09_kserve", "10. The same on a cluster")],
    ),
    (
        ("easy to use", "KServe less, the others more", "count the lines that had to be written"),
        [Place("", "5. Besides speed")],
    ),
    (
        ("tracks experiments", "MLflow only", "yes"),
        [Place("07_mlflow_pull", "1. A registry with three versions")],
    ),
]  # fmt: skip
"""Row, claim and finding of the chapter's table (section 10.7), in our words."""

NEEDS: list[tuple[Row, Sequence[Place]]] = [
    (
        ("versions, measures and aliases of models in one place",
         "MLflow's registry, in front of any server"),
        [Place("07_mlflow_pull", "1. A registry with three versions")],
    ),
    (
        ("a registered model behind HTTP today, without code for a server",
         "MLflow's scoring server"),
        [Place("08_mlflow_only", "1. One command")],
    ),
    (
        ("service, model and packages in one versioned archive, and an image of it", "BentoML"),
        [Place("06_bento", "3. The build file")],
    ),
    (
        ("a protocol that other servers speak, gRPC, binary tensors", "KServe"),
        [Place("09_kserve", "3. One picture, three protocols")],
    ),
    (
        ("canaries, scaling to zero, graphs of models, on a cluster that you have", "KServe"),
        [Place("09_kserve", "10. The same on a cluster")],
    ),
    (
        ("two endpoints and full control", "FastAPI; the rest is yours to write"),
        [Place("", "5. Besides speed")],
    ),
    (
        ("answers to all inputs at once", "no server: a batch"),
        [Place("11_batch", "When which")],
    ),
]  # fmt: skip
"""What is needed, what to take for it, and where it was seen: what is no measurement."""

CHALLENGES: list[tuple[Row, Sequence[Place]]] = [
    (
        ("patterns of inference",),
        [Place("02_service", "3. Four ways to call it"), Place("11_batch", "5. How fast?")],
    ),
    (
        ("scaling",),
        [
            Place("05_observability", "6. Several web servers, several Runners"),
            Place("11_batch", "7. Many machines"),
        ],
    ),
    (
        ("monitoring and logging",),
        [
            Place("05_observability", "7. A real Prometheus"),
            Place("08_mlflow_only", "10. Watching the model"),
        ],
    ),
    (("learning on",), [Place("07_mlflow_pull", "5. A new version, while users ask")]),
    (
        ("data and preprocessing",),
        [
            Place("01_runner", "2. The core: plain types in, plain types out"),
            Place("09_kserve", "7. A transformer"),
        ],
    ),
    (("hardware",), [Place("06_bento", "7. The Dockerfile, read aloud")]),
    (
        ("versions and the way back",),
        [Place("06_bento", "5. Two versions, and back"),
         Place("08_mlflow_only", "6. The alias moves")],
    ),
    (("explaining",), [Place("", "10. Why this box? Why this movie?")]),
    (
        ("sharing resources",),
        [
            Place("05_observability", "6. Several web servers, several Runners"),
            Place("09_kserve", "6. Alive while it works"),
        ],
    ),
    (
        ("security and privacy",),
        [
            Place("02_service", "5. The gate"),
            Place("05_observability", "5. What went in, what came out"),
        ],
    ),
]  # fmt: skip
"""The ten challenges of section 10.1, in its order, and where each is met."""


def linked(head: Row, rows: Sequence[tuple[Row, Sequence[Place]]]) -> Display:
    """Show rows as a Markdown table whose last column links to the places.

    Raises
    ------
    ValueError
        If a row has not one cell for each heading but the last.
    """
    lines = [head, ("---",) * len(head)]
    for cells, places in rows:
        if len(cells) != len(head) - 1:
            raise ValueError(f"{len(head) - 1} cells are needed; got {cells}")
        lines.append((*cells, "<br>".join(map(str, places)) or "nowhere"))
    markdown = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return Display(text=markdown, markdown=markdown)


def numbered(rows: Sequence[tuple[Row, Sequence[Place]]]) -> list[tuple[Row, Sequence[Place]]]:
    """Put the number of each row before its first cell."""
    return [
        ((f"{number}. {cells[0]}", *cells[1:]), places)
        for number, (cells, places) in enumerate(rows, 1)
    ]
