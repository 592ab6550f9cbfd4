# The image holds one static binary and an empty data directory.
#
#   docker build -t pando .
#   docker run -p 2379:2379 -v pando-data:/data pando
#
# Variables (-e PANDO_NAME=n) and flags, which come after the image's name, replace the ones below one by one.
FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=unknown
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w -X pando/config.Version=${VERSION}" -o /out/pando . \
    && mkdir /out/data && chown 65532:65532 /out/data && chmod 700 /out/data

FROM scratch
COPY --from=build /out/pando /pando
COPY --from=build --chown=65532:65532 /out/data /data
USER 65532:65532
VOLUME /data
# Clients, then other members. 4001 and 7001 are etcd's old ports, which Pando takes too when it listens by default.
EXPOSE 2379 2380 4001 7001
# A container's localhost is nobody's; the advertised URL has to be what clients can reach.
ENV PANDO_DATA_DIR=/data \
    PANDO_LISTEN_CLIENT_URLS=http://0.0.0.0:2379 \
    PANDO_ADVERTISE_CLIENT_URLS=http://localhost:2379
# There is no shell and no curl in here. It asks where the variables say; flags behind the image's name it does not see.
HEALTHCHECK --interval=10s --timeout=6s --start-period=30s CMD ["/pando", "health"]
ENTRYPOINT ["/pando"]
