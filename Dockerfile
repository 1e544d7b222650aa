# One image for every role; what a container does is its command (docker-compose.yml).
FROM python:3.12-slim AS build

WORKDIR /source
RUN python -m venv /opt/rekap
ENV PATH=/opt/rekap/bin:$PATH

# The dependencies first, each checked against its hash: this layer changes only with the lock file.
COPY requirements.lock ./
RUN pip install --no-cache-dir --require-hashes -r requirements.lock

COPY . .
RUN pip install --no-cache-dir --no-deps --no-build-isolation .


FROM python:3.12-slim

# PYTHONSAFEPATH: nothing in the working directory can be imported in place of a part of Rekap.
ENV PATH=/opt/rekap/bin:$PATH \
    PYTHONSAFEPATH=1 \
    PYTHONUNBUFFERED=1

RUN useradd --uid 1000 --create-home --home-dir /var/lib/rekap --shell /usr/sbin/nologin rekap
COPY --from=build /opt/rekap /opt/rekap

# By number, so that a cluster can see that it is not root.
USER 1000:1000
WORKDIR /var/lib/rekap
# Volumes mounted here take over their owner.
RUN mkdir log keys state workers role front published archive files && chmod 700 keys workers role front && \
    mkdir -p roles/operator roles/api roles/gateway roles/feed roles/read roles/tabulator roles/rollup roles/recorder roles/notary roles/auditor && chmod -R 700 roles
EXPOSE 8000
CMD ["rekap", "--help"]
