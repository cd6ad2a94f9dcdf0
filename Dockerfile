# The operator's image: `make image`. Nothing but the program and what it needs to run; it runs as 65532 and writes nothing.
FROM debian:bookworm-slim AS build
WORKDIR /src
ENV CCACHE_DIR=/ccache

# Changes seldom: a layer of its own.
COPY tools/install-packages.sh tools/
RUN tools/install-packages.sh --build

COPY CMakeLists.txt CMakePresets.json LICENSE ./
COPY cmake cmake
COPY manifests/admission manifests/admission
COPY manifests/rbac manifests/rbac
COPY crds crds
COPY src src
COPY tools/build.sh tools/image-root.sh tools/
RUN --mount=type=cache,target=/ccache \
    cmake --preset release -DBUILD_TESTING=OFF && tools/build.sh release portcullis
RUN tools/image-root.sh build/release/portcullis /image

FROM scratch
LABEL org.opencontainers.image.title="portcullis" \
      org.opencontainers.image.description="Just-in-time access to cloud VMs, as a Kubernetes operator" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /image /
USER 65532:65532
EXPOSE 8080 8081
ENTRYPOINT ["/usr/bin/portcullis"]
CMD ["operator"]
