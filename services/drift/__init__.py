"""Has what comes in, or what goes out, changed since the model was tried? No serving framework.

:mod:`.distance`
    How far two samples of one feature are apart: PSI, Kolmogorov and Smirnov's test.
:mod:`.monitor`
    The last requests held against those of a good time, while they come, with limits that are
    chosen for a stated rate of false alarms.
:mod:`.report`
    Evidently's report of two samples.
:mod:`.logs`
    The files that services write their answers into.

What a feature is, the models say, each in its ``monitoring.drift_features``.
"""
