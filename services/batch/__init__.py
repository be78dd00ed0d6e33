"""Batch inference: many inputs through a core into one Parquet file, on one machine or many.

:mod:`.job` splits the work into parts and resumes after a kill, :mod:`.engines` computes the parts
locally or with Ray Data, and :mod:`.command` holds what the command lines share. The cores' batch
jobs are :mod:`services.id_card.batch` and :mod:`services.recommender.batch`.
"""

from services.batch.engines import ENGINES, EngineName
from services.batch.job import Compute, Job, JobError, Summary, run

__all__ = ["ENGINES", "Compute", "EngineName", "Job", "JobError", "Summary", "run"]
