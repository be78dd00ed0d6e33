"""A model registry in MLflow, for any model: versions, aliases, the rule of promotion.

:mod:`.versions`
    Register a logged model, find versions, download one.
:mod:`.rule`
    Compare a candidate's metrics with those of the version in production.
:mod:`.promotion`
    Move the alias ``prod``: promote and roll back.
:mod:`.tracking`
    Choose a tracking server, start a run.

Imported by the models' own registries (:mod:`services.recommender.registry`,
:mod:`services.id_card.mlflow.registry`), which add a name and a rule. Imports MLflow
and :mod:`services.environment` only.
"""

from services.registry.promotion import Decision, promote, rollback
from services.registry.rule import Rule, Threshold, complaints
from services.registry.tracking import run_named, tracking_at
from services.registry.versions import (
    PROD,
    STAGING,
    VALIDATION,
    Version,
    fetch,
    measures_of,
    register,
    version_of,
    versions,
)

__all__ = [
    "PROD",
    "STAGING",
    "VALIDATION",
    "Decision",
    "Rule",
    "Threshold",
    "Version",
    "complaints",
    "fetch",
    "measures_of",
    "promote",
    "register",
    "rollback",
    "run_named",
    "tracking_at",
    "version_of",
    "versions",
]
