# For NVIDIA GPUs, and the CPU where there is none:    docker build -t gnewt .
# For the CPU alone, a small image:                    docker build -t gnewt:cpu --target cpu .
# How to run them: docs/containers.md. tests/container/chroot.sh runs the steps below where there is no Docker.

# ---- the CPU alone
FROM debian:12-slim AS cpu-build
WORKDIR /source
COPY bootstrap ./
RUN ./bootstrap packages --yes
COPY . ./
RUN cmake --preset cpu -DGNEWT_CUDA=OFF -DGNEWT_TESTS=OFF -DGNEWT_BENCH=OFF -DGNEWT_WERROR=OFF && \
    cmake --build --preset cpu
RUN cmake --install build/cpu --prefix /opt/gnewt --strip && \
    cp -r experiments /opt/gnewt/ && \
    ./bootstrap runtime /opt/gnewt > /opt/gnewt/packages.txt

FROM debian:12-slim AS cpu
COPY --from=cpu-build /opt/gnewt /opt/gnewt
RUN apt-get update && \
    DEBIAN_FRONTEND=noninteractive xargs apt-get install -y --no-install-recommends < /opt/gnewt/packages.txt && \
    rm -rf /var/lib/apt/lists/*
# Any user may write here, and in HOME (caches of gnuplot's fonts): docker run --user is then free to choose.
RUN useradd --uid 10000 --no-create-home --home-dir /tmp gnewt && install -d -m 1777 /runs
ENV PATH=/opt/gnewt/bin:$PATH HOME=/tmp
USER gnewt
WORKDIR /runs
VOLUME /runs
ENTRYPOINT ["gnewt"]
CMD ["info"]

# ---- CUDA: the same steps on NVIDIA's images, whose run-time one has cuBLAS and cuSOLVER
FROM nvidia/cuda:13.0.2-devel-ubuntu24.04 AS cuda-build
WORKDIR /source
COPY bootstrap ./
RUN ./bootstrap packages --yes
COPY . ./
RUN cmake --preset cpu -DGNEWT_CUDA=ON -DGNEWT_TESTS=OFF -DGNEWT_BENCH=OFF -DGNEWT_WERROR=OFF && \
    cmake --build --preset cpu
RUN cmake --install build/cpu --prefix /opt/gnewt --strip && \
    cp -r experiments /opt/gnewt/ && \
    ./bootstrap runtime /opt/gnewt > /opt/gnewt/packages.txt

FROM nvidia/cuda:13.0.2-runtime-ubuntu24.04 AS cuda
COPY --from=cuda-build /opt/gnewt /opt/gnewt
RUN apt-get update && \
    DEBIAN_FRONTEND=noninteractive xargs apt-get install -y --no-install-recommends < /opt/gnewt/packages.txt && \
    rm -rf /var/lib/apt/lists/*
RUN useradd --uid 10000 --no-create-home --home-dir /tmp gnewt && install -d -m 1777 /runs
ENV PATH=/opt/gnewt/bin:$PATH HOME=/tmp
USER gnewt
WORKDIR /runs
VOLUME /runs
ENTRYPOINT ["gnewt"]
CMD ["info"]
