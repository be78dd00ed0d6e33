"""The recommender's registry: log candidates, register the best, promote a version.

::

    split = at_random(ratings)
    logged = registry.train(split, ["popularity", "mf-bce"])
    version = registry.register(registry.best(data=registry.validation_set(split)).model_id)
    print(registry.promote(version.number))

Versions and promotion come from :mod:`services.registry`, with the recommender's name and rule
filled in; pass ``name=`` or ``rule=`` for others. Everything works with MLflow's current tracking
server, or the one at ``tracking_uri``. ``python -m services.recommender.registry`` does the same
from a terminal.

Imported by notebooks, labs and tests. Imports the core, ``training`` and ``services.registry``.
"""

from functools import partial

from services import registry as _registry
from services.recommender.registry.candidates import (
    EXPERIMENT,
    RULE,
    Logged,
    best,
    log_candidate,
    validation_set,
)
from services.recommender.registry.learning import SMALL, ensure, learn, measure, train
from services.recommender.settings import MODEL
from services.registry import PROD, STAGING, Decision, Threshold, Version, tracking_at

fetch = partial(_registry.fetch, name=MODEL)
promote = partial(_registry.promote, name=MODEL, rule=RULE)
register = partial(_registry.register, name=MODEL)
rollback = partial(_registry.rollback, name=MODEL)
version_of = partial(_registry.version_of, name=MODEL)
versions = partial(_registry.versions, name=MODEL)

__all__ = [
    "EXPERIMENT",
    "MODEL",
    "PROD",
    "RULE",
    "SMALL",
    "STAGING",
    "Decision",
    "Logged",
    "Threshold",
    "Version",
    "best",
    "ensure",
    "fetch",
    "learn",
    "log_candidate",
    "measure",
    "promote",
    "register",
    "rollback",
    "tracking_at",
    "train",
    "validation_set",
    "version_of",
    "versions",
]
