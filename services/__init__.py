"""Serving Labs: one model, many servers.

The packages, from the top down. A package imports from those below it, never upward; import-linter
checks this in ``make test`` (see ``pyproject.toml``).

- ``bench``: the servers measured against each other.
- ``loop``: the recommender's continuous learning, a pipeline of notebooks.
- ``workbench``: what notebooks and tests share: servers, load, plots, the notebooks themselves.
- ``id_card``, ``recommender``: the two models, which do not import each other. In each: the core
  (``detector.py``, ``recommender.py``) and what it is made of (``model/``), which know no serving
  framework; ``bento/``, ``kserve/``, ``mlflow/``, ``baselines/``: the adapters, which do not import
  each other; ``monitoring/``; ``training/``, which nothing that serves imports.
- ``batch``, ``drift``, ``registry``, ``packaging``, ``manifests``: for any model.
- ``setup``: checks of the machine, and the installation of ``.venv``.
- ``bentoml_support``, ``kserve_support``: the only packages that use a framework's internals.
- ``http``: ASGI middleware and routing, for any framework.
- ``command_line``, ``errors``, ``environment``: imported by everything.
"""

from services.environment import apply as _apply_environment
from services.environment import interrupt_in_one_line as _interrupt_in_one_line

_apply_environment()
_interrupt_in_one_line()
