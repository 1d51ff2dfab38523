# docker build -t souk . && docker run -p 8080:8080 -v souk-data:/var/lib/souk souk

FROM rust:1-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --profile dist --locked --package souk --bin souk

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --system --gid 10001 souk \
    && useradd --system --uid 10001 --gid souk --home-dir /var/lib/souk --shell /usr/sbin/nologin souk \
    && install -d -o souk -g souk -m 0750 /var/lib/souk
COPY --from=build /src/target/dist/souk /usr/local/bin/souk
COPY --from=build /src/LICENSE-MIT /src/LICENSE-APACHE /usr/share/doc/souk/

# A number, so that an orchestrator can see that it is not root.
USER 10001:10001
# Data lives in ./souk-data unless the configuration says otherwise.
WORKDIR /var/lib/souk
VOLUME /var/lib/souk
# In a container, loopback would be out of reach.
ENV SOUK_SERVER__ADDR=0.0.0.0:8080
EXPOSE 8080
# SIGTERM drains: no new requests, then checkouts, shards and the journal writer.
STOPSIGNAL SIGTERM
ENTRYPOINT ["souk"]
CMD ["serve"]
