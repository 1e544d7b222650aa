# The image of one election: Rekap's image and the election package, which a cluster cannot keep in a ConfigMap (1 MiB).
#
#   docker build -t REGISTRY/rekap:ELECTION -f deploy/election.Dockerfile --build-arg REKAP_IMAGE=rekap:local my-election
ARG REKAP_IMAGE=rekap:local
FROM ${REKAP_IMAGE}
COPY --chown=0:0 . /election
