# One small image, a Deployment for each role: ROLE says which.
ARG RUST=docker.io/library/rust:1.95-bookworm
ARG BASE=docker.io/library/debian:bookworm-slim

FROM ${RUST} AS build
WORKDIR /stoa
COPY . .
RUN cargo build --release --locked --bin stoa

FROM ${BASE}
RUN useradd --system --uid 10001 --home-dir /data stoa && install -d -o stoa /data
COPY --from=build /stoa/target/release/stoa /usr/local/bin/stoa
USER 10001
WORKDIR /data
ENV STOA_MODE=production STOA_DATA_DIR=/data STOA_LISTEN__PUBLIC=0.0.0.0:8080 STOA_LISTEN__INTERNAL=0.0.0.0:8081
EXPOSE 8080 8081
ENTRYPOINT ["stoa"]
