"""The chapter's last table, its ten challenges, and where this repository covers each of them.

Notebook 10 shows them; a test checks that every place exists.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from services.workbench.notebooks.files import anchor_of
from services.workbench.show import Display


@dataclass(frozen=True)
class Place:
    """A section of a notebook."""

    notebook: str  # its name, "09_kserve"; empty for the notebook that shows the place
    heading: str  # the section's heading, exactly as in the notebook

    @property
    def anchor(self) -> str:
        """The heading's anchor in JupyterLab's URLs: hyphens for spaces."""
        return anchor_of(self.heading)

    def __str__(self) -> str:
        file = f"{self.notebook}.ipynb" if self.notebook else ""
        title = self.heading.partition(". ")[2] or self.heading
        shown = f"{self.notebook[:2]} · {title}" if self.notebook else f"here · {title}"
        return f"[{shown}]({file}#{self.anchor})"


CLAIMS = [
    ("focus", "KServe orchestrates many servers; BentoML makes one easy; MLflow manages a "
     "model's whole life", "yes, though each starts a server with one command today",
     [Place("", "5. Besides speed")]),
    ("frameworks", "all three take a model of any framework",
     "yes: all serve one core that imports none of them", [Place("", "2. A fair comparison")]),
    ("clouds", "all three run anywhere", "not measured here: no cloud account", []),
    ("made for Kubernetes", "KServe yes, the others no",
     "KServe's server runs as a plain process; it is its InferenceService that needs a cluster",
     [Place("09_kserve", "2. The predictor"), Place("09_kserve", "10. The same on a cluster")]),
    ("easy to use", "KServe less, the others more", "count the lines of code that each needed",
     [Place("", "5. Besides speed")]),
    ("tracks experiments", "MLflow only", "yes",
     [Place("07_mlflow_pull", "1. A registry with three versions")]),
]  # fmt: skip
"""Row, claim and finding of the chapter's table (section 10.7), in our words, and the places."""

NEEDS = [
    ("versions, metrics and aliases of models in one place",
     "MLflow's registry, in front of any server",
     [Place("07_mlflow_pull", "1. A registry with three versions")]),
    ("a registered model behind HTTP at once, without writing a service",
     "MLflow's scoring server", [Place("08_mlflow_only", "1. One command")]),
    ("service, model and packages in one versioned archive, and an image of it", "BentoML",
     [Place("06_bento", "3. The build file")]),
    ("a standard protocol, gRPC, binary tensors", "KServe",
     [Place("09_kserve", "3. One image, four ways to send it")]),
    ("canaries, scaling to zero, graphs of models, on a cluster that you have", "KServe",
     [Place("09_kserve", "10. The same on a cluster")]),
    ("two endpoints and full control", "FastAPI; the rest is yours to write",
     [Place("", "5. Besides speed")]),
    ("predictions for all inputs at once", "no server: a batch", [Place("11_batch", "When which")]),
]  # fmt: skip
"""Need, choice, and where a notebook shows it: the needs that cannot be measured."""

CHALLENGES = [
    ("inference patterns",
     [Place("02_service", "3. Four ways to call it"), Place("11_batch", "5. How fast?")]),
    ("scalability",
     [Place("05_observability", "6. Several web servers, several Runners"),
      Place("11_batch", "7. Many machines")]),
    ("monitoring and logging",
     [Place("05_observability", "7. A real Prometheus"),
      Place("08_mlflow_only", "10. Watching the model")]),
    ("continuous learning",
     [Place("07_mlflow_pull", "5. A new version, while users ask"),
      Place("13_loop", "5. A release")]),
    ("data dependencies",
     [Place("01_runner", "2. The core: plain types in, plain types out"),
      Place("09_kserve", "7. A transformer")]),
    ("hardware",
     [Place("14_hardware", "1. One model, four ways to compute it"),
      Place("14_hardware", "8. What 1,000 answers cost")]),
    ("versions and rollback",
     [Place("06_bento", "5. Two versions, and back"),
      Place("08_mlflow_only", "6. The alias moves")]),
    ("explainability", [Place("", "10. Why this box? Why this movie?")]),
    ("resource management",
     [Place("05_observability", "6. Several web servers, several Runners"),
      Place("09_kserve", "6. Alive while it works"),
      Place("14_hardware", "7. A CPU limit")]),
    ("security and privacy",
     [Place("15_security", "3. A service with holes"),
      Place("02_service", "5. The validation middleware"),
      Place("05_observability", "5. What went in, what came out")]),
]  # fmt: skip
"""The ten challenges of section 10.1, in its order, and where each is met."""


def linked(head: tuple[str, ...], rows: Sequence[tuple[Any, ...]]) -> Display:
    """Show rows, whose last cell is a list of places, as a Markdown table with links to them.

    Raises ValueError if a row does not have one cell for each heading.
    """
    lines = [head, ("---",) * len(head)]
    for *cells, places in rows:
        if len(cells) != len(head) - 1:
            raise ValueError(f"{len(head) - 1} cells are needed; got {cells}")
        lines.append((*cells, "<br>".join(map(str, places)) or "nowhere"))
    markdown = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return Display(text=markdown, markdown=markdown)


def numbered(rows: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Prefix the first cell of each row with the row's number."""
    return [(f"{number}. {first}", *rest) for number, (first, *rest) in enumerate(rows, 1)]
