# The image of NETOPS_IMAGE, see docs/cluster.md: the locked packages, this code, and its compiled window kernels.
FROM python:3.11-slim

# git: MLRun clones NETOPS_SOURCE with it. libgomp1: LightGBM loads it. No compiler: nothing of the lock needs one.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git libgomp1 make \
    && rm -rf /var/lib/apt/lists/*

RUN useradd --create-home --uid 1000 netops && install --directory --owner netops /opt/netops
# By number: Kubernetes cannot tell otherwise that it is not root.
USER 1000
WORKDIR /opt/netops

# What `make install` reads, and no more: neither tests nor local state. .dockerignore lists the same.
COPY --chown=1000 Makefile pyproject.toml requirements.lock README.md LICENSE ./
COPY --chown=1000 feature_sets/ feature_sets/
COPY --chown=1000 training/ training/
COPY --chown=1000 graphs/ graphs/
COPY --chown=1000 drift/ drift/
COPY --chown=1000 project/ project/

# Checks the hashes of the lock, compiles the bytecode and the kernels. The caches would only be carried along.
RUN UV_NO_CACHE=1 PIP_NO_CACHE_DIR=1 make install

ENV PATH=/opt/netops/.venv/bin:$PATH
CMD ["netops", "--help"]
