"""Turn code and a model into something that runs elsewhere: Bentos, images, requirements.

Imported by the models' build commands, notebooks and tests; never by code that serves.
Imports ``services.setup`` and ``services.environment``.
"""
