"""Detect drift: requests or answers that have changed since the model was evaluated.

:mod:`.distance`
    How far two samples of one feature are apart: PSI, Kolmogorov-Smirnov test.
:mod:`.monitor`
    Compares the latest requests with a reference as they arrive, with limits that are chosen for
    a stated rate of false alarms.
:mod:`.report`
    Evidently's report on two samples.
:mod:`.logs`
    The files in which services log their answers.

Each model defines its features in its ``monitoring.drift_features``. Imports no serving framework.
"""
