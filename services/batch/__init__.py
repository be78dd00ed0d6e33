"""Batch: many inputs through a core into one Parquet file, on one machine or on many.

:mod:`.job` cuts the work into parts and goes on after a kill, :mod:`.engines` computes the parts
here or with Ray Data, :mod:`.command` is what the command lines have in common. The cores' own
batches are :mod:`services.id_card.batch` and :mod:`services.recommender.batch`.
"""

from services.batch.engines import ENGINES, EngineName
from services.batch.job import Compute, Job, JobError, Summary, run

__all__ = ["ENGINES", "Compute", "EngineName", "Job", "JobError", "Summary", "run"]
