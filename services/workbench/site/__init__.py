"""The website: notebooks, labs and documents as static pages that work offline.

``python -m services.workbench.site`` (``make site``) builds it into ``build/site/``. Nothing
imports this package except its tests.
"""
