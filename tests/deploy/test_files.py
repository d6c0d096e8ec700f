"""What deploy/, the Dockerfile and compose.yaml say is true of the product: names, ports, metrics, users."""

from __future__ import annotations

import configparser
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from prometheus_client import CollectorRegistry

from bot import telemetry
from bot.config.environment import Environment
from bot.config.settings import load_desk
from bot.reports.promise_metrics import PromiseMetrics
from tests.deploy.helm import CHART, render

REPOSITORY = Path(__file__).resolve().parents[2]
DEPLOY = REPOSITORY / "deploy"
USER = 10001
_METRIC = re.compile(r"\bfrontline_[a-z_]+\b")


def read(path: str) -> str:
    return (REPOSITORY / path).read_text(encoding="utf-8")


def parsed(path: str) -> Any:
    return yaml.safe_load(read(path))


def metrics() -> set[str]:
    """The names of all samples that /metrics may have."""
    registry = CollectorRegistry()
    made = PromiseMetrics(registry=registry)
    every = [*telemetry.REGISTRY.collect(), *registry.collect()]
    assert made.registry is registry
    suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum"), "gauge": ("",)}
    return {f"{family.name}{suffix}" for family in every for suffix in suffixes[family.type]}


def variables() -> set[str]:
    """The environment variables that the desk reads."""
    return {name.upper() for name in Environment.model_fields}


def test_dashboard_and_rules_use_metrics_that_exist() -> None:
    known = metrics()
    assert "frontline_promises_total" in known
    dashboard = json.loads(read("deploy/grafana/dashboard.json"))
    asked = " ".join(target["expr"] for panel in dashboard["panels"] for target in panel["targets"])
    rules = [rule for group in parsed("deploy/prometheus/rules.yaml")["groups"] for rule in group["rules"]]
    asked += " ".join(rule["expr"] for rule in rules)
    named = set(_METRIC.findall(asked))
    assert named - known == set()
    assert len(named) > 12
    alerts = [rule["alert"] for rule in rules if "alert" in rule]
    assert len(alerts) == len(set(alerts))
    for rule in rules:
        if "alert" in rule:
            assert rule["labels"]["severity"] in ("critical", "warning"), rule
            assert set(rule["annotations"]) == {"summary", "description"}, rule


def test_the_dashboard_has_what_grafana_needs() -> None:
    """Grafana publishes no schema in a package; these are the rules that an import fails on."""
    dashboard = json.loads(read("deploy/grafana/dashboard.json"))
    assert {"title", "uid", "schemaVersion", "panels", "templating", "time"} <= set(dashboard)
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        assert panel["type"] in ("stat", "timeseries")
        at = panel["gridPos"]
        assert at["x"] >= 0
        assert at["x"] + at["w"] <= 24
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells
        assert panel["datasource"]["uid"] == "${datasource}"
        assert [target["refId"] for target in panel["targets"]] == list("ABC")[: len(panel["targets"])]
    assert {variable["name"] for variable in dashboard["templating"]["list"]} == {"datasource", "job"}


def test_prometheus_accepts_the_rules_and_they_fire() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("the rules are tested with promtool: apt-get install prometheus")
    for words in (["check", "rules", "rules.yaml"], ["test", "rules", "rules_test.yaml"]):
        folder = DEPLOY / "prometheus"
        done = subprocess.run(
            [promtool, *words], cwd=folder, capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_compose_runs_two_replicas_after_one_migration() -> None:
    compose = parsed("compose.yaml")
    services = compose["services"]
    desk, migrate, db = services["frontline"], services["migrate"], services["db"]
    assert desk["deploy"]["replicas"] == 2
    assert desk["environment"] == migrate["environment"]
    assert set(desk["environment"]) <= variables()
    assert desk["environment"]["DATABASE_URL"].endswith("@db/frontline")
    assert (desk["command"], migrate["command"]) == (["serve"], ["migrate"])
    assert desk["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
    assert migrate["depends_on"]["db"]["condition"] == "service_healthy"
    first, last = re.fullmatch(r"127\.0\.0\.1:(\d+)-(\d+):3000", desk["ports"][0]).groups()  # type: ignore[union-attr]
    assert int(last) - int(first) + 1 == desk["deploy"]["replicas"]
    assert set(compose["volumes"]) == {volume.partition(":")[0] for volume in db["volumes"]}
    for service in services.values():
        for name, value in service.get("environment", {}).items():
            assert "PASSWORD" not in name or value.startswith("${"), "a secret stands in the file"


def test_the_image_runs_as_a_user_without_rights_and_pins_what_it_installs() -> None:
    lines = read("Dockerfile").replace("\\\n", " ").splitlines()
    assert [line for line in lines if line.startswith("USER")] == [f"USER {USER}:{USER}"]
    assert [line for line in lines if line.startswith("CMD")] == ['CMD ["serve"]']
    (health,) = (line for line in lines if line.startswith("HEALTHCHECK"))
    assert "python" in health
    copies = [line for line in lines if line.startswith("COPY ") and "--from" not in line]
    copied = [word for line in copies for word in line.split()[1:-1]]
    ignored = read(".dockerignore").splitlines()
    for path in copied:
        assert (REPOSITORY / path).exists(), path
        assert f"!{path}" in ignored, path
    installs = [line for line in lines if "pip install" in line]
    assert all("--require-hashes" in line or "--no-deps" in line for line in installs)
    set_here = {name for line in lines if line.startswith("ENV") for name in re.findall(r"(\w+)=", line)}
    ours = {name for name in set_here if name.startswith(("HOST", "PORT", "FRONTLINE"))}
    assert ours <= variables()


def test_the_lock_of_the_image_is_a_part_of_the_lock() -> None:
    def pins(path: str) -> set[str]:
        return set(re.findall(r"^([\w.-]+==[^\s\\]+)", read(path), re.MULTILINE))

    image, every = pins("deploy/requirements.lock"), pins("requirements.lock")
    assert image < every
    assert not any(pin.startswith(("pytest==", "mypy==", "pixeltable")) for pin in image)
    assert "--index-url" not in read("deploy/requirements.lock")
    assert len(re.findall("--hash=sha256:", read("deploy/requirements.lock"))) >= len(image)


def test_the_chart_renders_a_desk_with_probes_and_secrets_by_reference(tmp_path: Path) -> None:
    made = render(environment={"FRONTLINE_DRILL": "09:00"}, replicas=3)
    assert set(made) == {"ConfigMap", "Deployment", "Job", "PodDisruptionBudget", "Service"}
    deployment = made["Deployment"]
    assert deployment["spec"]["replicas"] == 3
    pod = deployment["spec"]["template"]
    (container,) = pod["spec"]["containers"]
    labels = pod["metadata"]["labels"]
    for selector in (
        deployment["spec"]["selector"]["matchLabels"],
        made["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
        made["Service"]["spec"]["selector"],
    ):
        assert selector.items() <= labels.items()
    env = {each["name"]: each["value"] for each in container["env"]}
    assert set(env) <= variables()
    assert env["FRONTLINE_DRILL"] == "09:00"
    ports = {each["name"]: each["containerPort"] for each in container["ports"]}
    assert {str(port) for port in ports.values()} == {env["PORT"], env["METRICS_PORT"]}
    assert made["Service"]["spec"]["ports"][0]["targetPort"] in ports
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "operators"}
    assert container["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "http"}
    for each in (pod["spec"], made["Job"]["spec"]["template"]["spec"]):
        assert each["securityContext"]["runAsUser"] == USER
        assert each["containers"][0]["envFrom"] == [{"secretRef": {"name": "frontline"}}]
        assert each["containers"][0]["securityContext"]["readOnlyRootFilesystem"] is True
    assert pod["metadata"]["annotations"]["prometheus.io/port"] == env["METRICS_PORT"]

    # A changed file changes the pods, so that they start with it.
    other = render(files={"frontline.toml": "x"})["Deployment"]["spec"]["template"]["metadata"]
    assert other["annotations"]["checksum/files"] != pod["metadata"]["annotations"]["checksum/files"]
    file = tmp_path / "frontline.toml"
    file.write_text(made["ConfigMap"]["data"]["frontline.toml"], encoding="utf-8")
    load_desk(file)


def test_the_charts_values_follow_their_schema() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    jsonschema.validate(values, schema)
    wrongs: list[dict[str, object]] = [{"replicas": 0}, {"existingSecret": ""}, {"replica": 2}, {"files": {}}]
    for wrong in wrongs:
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(values | wrong, schema)


def test_the_unit_of_systemd_reloads_and_has_no_rights() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read_string(read("deploy/frontline.service"))
    service = unit["Service"]
    assert service["ExecStart"].endswith("/frontline serve")
    assert "-HUP $MAINPID" in service["ExecReload"]
    for key in ("DynamicUser", "NoNewPrivileges", "PrivateTmp", "PrivateDevices", "ProtectHome"):
        assert service[key] == "yes"
    assert service["ProtectSystem"] == "strict"
    assert service["CapabilityBoundingSet"] == ""
    assert service["WorkingDirectory"] == f"/var/lib/{service['StateDirectory']}"
