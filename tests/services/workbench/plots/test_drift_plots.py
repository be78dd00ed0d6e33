from __future__ import annotations

import pandas as pd
import pytest

from services.workbench.plots import drift_plots


def test_psi_is_drawn_as_a_share_of_its_limit() -> None:
    looks = pd.DataFrame({"a": [0.1, 0.4], "b": [0.0, 0.1]}, index=[500, 550])
    (axes,) = drift_plots.psi_over_requests(looks, {"a": 0.2, "b": 0.1}, change=520).axes
    assert [list(line.get_ydata()) for line in axes.lines[:2]] == [[0.5, 2], [0, 1]]
    assert "change" in {text.get_text() for text in axes.texts}
    with pytest.raises(ValueError, match="no check to draw"):
        drift_plots.psi_over_requests(looks[:0], {"a": 1, "b": 1})
