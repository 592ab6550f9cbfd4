# The image holds one static binary and an empty data directory.
#
#   docker build -t pando .
#   docker run -p 2379:2379 -v pando-data:/data pando
#
# Flags come after the image's name and replace the ones below; variables (-e PANDO_NAME=n) are read beside them.
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
ENV PANDO_DATA_DIR=/data
# Clients, then other members. 4001 and 7001 are etcd's old ports, which Pando takes too when it listens by default.
EXPOSE 2379 2380 4001 7001
# A container's localhost is nobody's; --advertise-client-urls has to be what clients can reach.
ENTRYPOINT ["/pando"]
CMD ["--listen-client-urls", "http://0.0.0.0:2379", "--advertise-client-urls", "http://localhost:2379"]
