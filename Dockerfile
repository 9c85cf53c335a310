# syntax=docker/dockerfile:1
#
# Two images from one build: --target api and --target worker. Each is a static binary and nothing else:
# no shell, no package manager, not root.

FROM golang:1.26 AS build
WORKDIR /src
ENV GOCACHE=/go/cache
# The modules change less often than the code, so they make a layer of their own.
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
# No cgo: SQLite is pure Go, so the binaries need no C library. Migrations, pages and API description are
# embedded in them.
# The commit that is built: the context has no repository to ask.
ARG COMMIT=
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/go/cache \
    CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.commit=$COMMIT" -o /out/api ./api
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/go/cache \
    CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o /out/worker ./worker
RUN mkdir /out/data

FROM scratch AS base
# For TLS to a database or broker elsewhere.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
# A number, since there is no /etc/passwd, and since Kubernetes checks "not root" by number.
USER 65532:65532

FROM base AS worker
COPY --from=build /out/worker /worker
EXPOSE 8081
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s --start-interval=500ms --retries=3 CMD ["/worker", "healthcheck"]
ENTRYPOINT ["/worker"]

# The last one, so also what a plain "docker build" makes: the whole product, embedded. Its SQLite file is
# in /data: docker run -p 8080:8080 -v plenary:/data IMAGE. (Not declared as a volume: in Compose, where
# nothing is kept here, every replica would leave an unnamed one behind.)
FROM base AS api
COPY --from=build --chown=65532:65532 /out/data /data
COPY --from=build /out/api /api
WORKDIR /data
EXPOSE 8080
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s --start-interval=500ms --retries=3 CMD ["/api", "healthcheck"]
ENTRYPOINT ["/api"]
