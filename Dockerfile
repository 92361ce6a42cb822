# emotiw in a container: docs/containers.md says how it is built and used.
FROM debian:12-slim
ARG EXTRAS=""
COPY . /tmp/source
RUN sh /tmp/source/containers/install.sh /tmp/source "$EXTRAS" && rm -rf /tmp/source
# nothing is written outside /data and /tmp, so the root file system can be read-only
ENV PATH=/opt/emotiw/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    MPLCONFIGDIR=/tmp/matplotlib \
    XDG_CACHE_HOME=/tmp/cache
USER emotiw
WORKDIR /data
ENTRYPOINT ["emotiw"]
CMD ["--help"]
