# MLflow's tracking server with the clients of PostgreSQL and S3, at the lock's versions; no root.
# compose.yaml runs it.
FROM python:3.11-slim-bookworm

RUN useradd --uid 1034 --create-home mlflow
COPY requirements.txt /opt/
RUN pip install --no-cache-dir --requirement /opt/requirements.txt

USER 1034
WORKDIR /home/mlflow
ENV PYTHONUNBUFFERED=1
EXPOSE 5000
