"""What a person meets first: the README's numbers and images, made from the repository's files.

``python -m services.workbench.front_page`` (``make readme``) writes them; a test compares. Nothing
imports this package except its tests and the START page of JupyterLab (``labs.start_page``).
"""
