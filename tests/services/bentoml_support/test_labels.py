"""BentoML's metrics see a route in place of the path, as the observed services' tests show."""

from __future__ import annotations

from bentoml._internal.server.http import instruments

from services.bentoml_support import labels


def test_both_of_bentomls_middlewares_are_replaced_once() -> None:
    labels.count_by_route()
    classes = (instruments.HTTPTrafficMetricsMiddleware, instruments.RunnerTrafficMetricsMiddleware)
    labels.count_by_route()
    assert all(cls.counts_by_route for cls in classes)
    assert classes == (
        instruments.HTTPTrafficMetricsMiddleware,
        instruments.RunnerTrafficMetricsMiddleware,
    )
