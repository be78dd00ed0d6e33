"""From the registry to the worker: pull a version to disk, move a pointer, swap the model.

:mod:`.pull`
    Download the version behind an alias over MLflow's REST API.
:mod:`.cache`
    Versions on this machine's disk, and a pointer to the one that is served.
:mod:`.live`
    The recommender in service: it follows the pointer, and polls the registry to move it.
:mod:`.smoke`
    Test a model with a few requests before it serves.

Imported by ``bento``. Imports the core and ``monitoring``; no serving framework, and not MLflow.
"""
