# For one machine, and the image of cluster=kubernetes: every pod of a search runs it, the head and the workers alike.
#   docker build --tag <registry>/paretoseg:<tag> .
#   docker run --rm <registry>/paretoseg:<tag> doctor
FROM python:3.11-slim-bookworm

# The KubeRay operator starts pods with bash and asks for their health with wget.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends bash wget \
    && rm -rf /var/lib/apt/lists/*

# Numeric, so that Kubernetes can tell that it is not root; the same user that manifests name.
RUN groupadd --gid 1000 paretoseg \
    && useradd --uid 1000 --gid 1000 --create-home --shell /bin/bash paretoseg

ENV PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PYTHONUNBUFFERED=1

WORKDIR /src

# What changes seldom comes first. For a smaller image without GPUs: --build-arg TORCH_INDEX=<index of CPU builds>.
ARG TORCH_INDEX=https://pypi.org/simple
COPY constraints.txt ./
RUN pip install --constraint constraints.txt --index-url "$TORCH_INDEX" torch

COPY pyproject.toml README.md LICENSE ./
COPY paretoseg ./paretoseg
COPY cluster ./cluster
COPY search ./search
COPY spaces ./spaces
COPY trainables ./trainables
RUN pip install --constraint constraints.txt '.[kubernetes]'

USER 1000:1000
WORKDIR /home/paretoseg

# The operator brings its own command, which stands in for this one.
ENTRYPOINT ["paretoseg"]
