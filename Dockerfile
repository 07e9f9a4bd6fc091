# lineal with everything for a cluster: Kafka, SNS/SQS/S3, Postgres, MQTT, models.
#
#   docker build -t lineal .
#
# Builds wheels of our four distributions, installs them with what is locked by hash, and keeps
# only the finished environment. Runs as a user without rights; what it writes is below /data.

# `python infra/pin_images.py` writes a digest behind the tag.
ARG PYTHON_IMAGE=python:3.12-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
# first what changes rarely: the layer is kept while the lock files stay as they are
COPY requirements/build.txt requirements/runtime.txt requirements/
RUN python -m venv /opt/lineal \
    && python -m venv /opt/build \
    && /opt/build/bin/pip install --require-hashes -r requirements/build.txt \
    && /opt/lineal/bin/pip install --require-hashes --only-binary :all: -r requirements/runtime.txt
COPY pyproject.toml README.md LICENSE ./
COPY schemas schemas
COPY scoring scoring
COPY edge_firmware edge_firmware
COPY lineal lineal
COPY producers producers
COPY consumers consumers
COPY learning learning
COPY catalog catalog
COPY cli cli
COPY console console
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /wheels ./schemas ./scoring ./edge_firmware . \
    && /opt/lineal/bin/pip install --no-deps --no-index /wheels/*.whl \
    && /opt/lineal/bin/pip uninstall --yes pip

FROM ${PYTHON_IMAGE}
RUN groupadd --gid 10001 lineal \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data lineal \
    && install -d -o lineal -g lineal -m 0750 /data /inbox
COPY --from=build /opt/lineal /opt/lineal
ENV PATH=/opt/lineal/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    LINEAL_DATA=/data \
    LINEAL_INBOX=/inbox \
    LINEAL_LISTEN=0.0.0.0 \
    LINEAL_LOG_FORMAT=json
USER 10001:10001
WORKDIR /data
VOLUME ["/data"]
EXPOSE 8480
STOPSIGNAL SIGTERM
ENTRYPOINT ["lineal"]
CMD ["--help"]
