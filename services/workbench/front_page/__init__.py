"""The README's numbers and images, generated from the repository's files.

``python -m services.workbench.front_page`` (``make readme``) writes them, and a test compares them
with the README. Nothing imports this package except its tests and the START page of JupyterLab
(``labs.start_page``).
"""
