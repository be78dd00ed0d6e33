# MLflow's tracking server with the clients of PostgreSQL and S3, at the lock's versions; no root.
# compose.yaml runs it.
FROM python:3.11-slim-bookworm

# The base by tag: its digest cannot be known without a registry. Yours can be pinned, as
# python:3.11-slim-bookworm@sha256:…
RUN useradd --uid 1034 --create-home mlflow && install -d -o mlflow /var/lib/mlflow
COPY requirements.txt /opt/
RUN pip install --no-cache-dir --requirement /opt/requirements.txt
COPY basic_auth.ini /etc/mlflow/

USER 1034
WORKDIR /home/mlflow
ENV PYTHONUNBUFFERED=1
EXPOSE 5000
