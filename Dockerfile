# Frontline as a container. Build it at the top of the repository: docker build -t frontline .
FROM python:3.13-slim AS build
WORKDIR /source
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/frontline
COPY deploy/requirements.lock deploy/requirements.lock
RUN /opt/frontline/bin/pip install --require-hashes --only-binary :all: -r deploy/requirements.lock
COPY pyproject.toml README.md LICENSE manifest.yml ./
COPY sla_core sla_core
COPY bot bot
COPY adapters adapters
RUN /opt/frontline/bin/pip install --no-deps --no-build-isolation .

FROM python:3.13-slim
RUN groupadd --gid 10001 frontline \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/frontline frontline \
 && install -d -o frontline -g frontline -m 0700 /var/lib/frontline \
 && install -d -m 0755 /etc/frontline
COPY --from=build /opt/frontline /opt/frontline
COPY deploy/healthcheck.py /opt/frontline/healthcheck.py
ENV PATH=/opt/frontline/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    HOST=0.0.0.0 PORT=3000 FRONTLINE_CONFIG=/etc/frontline/frontline.toml
WORKDIR /var/lib/frontline
USER 10001:10001
EXPOSE 3000
HEALTHCHECK --interval=15s --timeout=8s --start-period=60s --retries=3 \
  CMD ["python", "/opt/frontline/healthcheck.py"]
ENTRYPOINT ["frontline"]
CMD ["serve"]
