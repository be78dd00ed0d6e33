"""The recommender's registry: candidates are logged, the best registered, a version promoted.

::

    split = at_random(ratings)
    logged = registry.train(split, ["popularity", "mf-bce"])
    version = registry.register(registry.best(data=registry.validation_set(split)).model_id)
    print(registry.promote(version.number))

All of it works with MLflow's current tracking server, or the one at ``tracking_uri``. The command
``python -m services.recommender.registry`` does the same from a terminal.
"""

from services.recommender.registry.candidates import (
    EXPERIMENT,
    Logged,
    best,
    log_candidate,
    run_named,
    tracking_at,
    validation_set,
)
from services.recommender.registry.learning import SMALL, ensure, learn, measure, train
from services.recommender.registry.production import Decision, promote, rollback
from services.recommender.registry.promotion import RULE, Threshold
from services.recommender.registry.turns import LostTurnError
from services.recommender.registry.versions import (
    MODEL,
    PROD,
    STAGING,
    Version,
    fetch,
    register,
    version_of,
    versions,
)

__all__ = [
    "EXPERIMENT",
    "MODEL",
    "PROD",
    "RULE",
    "SMALL",
    "STAGING",
    "Decision",
    "Logged",
    "LostTurnError",
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
    "run_named",
    "tracking_at",
    "train",
    "validation_set",
    "version_of",
    "versions",
]
