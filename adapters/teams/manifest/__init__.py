"""The Teams app package: manifest and icons in one zip; the same input gives the same bytes."""

from __future__ import annotations

import io
import json
import re
import zipfile
from importlib.resources import files
from typing import Any

_HERE = files(__package__)
_GUID = re.compile(r"[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_VERSION = re.compile(r"(0|[1-9]\d{0,8})(\.(0|[1-9]\d{0,8})){2}")
_URL = re.compile(r"https://[^\s\"<>]{1,2000}")
_LONGEST_DEVELOPER = 32
_EPOCH = (1980, 1, 1, 0, 0, 0)


def manifest(
    app_id: str,
    version: str,
    *,
    website: str,
    developer: str = "Frontline",
    privacy: str | None = None,
    terms: str | None = None,
) -> dict[str, Any]:
    """Returns one installation's manifest; privacy and terms default to the website. Raises ValueError."""
    app_id, developer = app_id.strip(), developer.strip()
    if not _GUID.fullmatch(app_id):
        raise ValueError(f'"{app_id}" is not an app id; copy MICROSOFT_APP_ID, like 00000000-0000-…')
    if not _VERSION.fullmatch(version):
        raise ValueError(f'"{version}" is not a version; write 1.0.0, and a higher one for each upload')
    if not 0 < len(developer) <= _LONGEST_DEVELOPER:
        raise ValueError(f"the developer's name has {len(developer)} characters; 1 to 32 are allowed")
    addresses = {"WEBSITE": website, "PRIVACY": privacy or website, "TERMS": terms or website}
    for address in addresses.values():
        if not _URL.fullmatch(address):
            raise ValueError(f'"{address}" is not an address; write https://…')
    words = {"APP-ID": app_id.lower(), "VERSION": version, "DEVELOPER": developer, **addresses}
    template = (_HERE / "manifest.json").read_text("utf-8")
    filled: dict[str, Any] = _filled(json.loads(template), words)
    return filled


def build_package(
    app_id: str,
    version: str,
    *,
    website: str,
    developer: str = "Frontline",
    privacy: str | None = None,
    terms: str | None = None,
) -> bytes:
    """Returns the zip to upload to Teams. Raises ValueError as `manifest` does."""
    filled = manifest(app_id, version, website=website, developer=developer, privacy=privacy, terms=terms)
    content = json.dumps(filled, indent=2, ensure_ascii=False) + "\n"
    held = {"manifest.json": content.encode()}
    held |= {name: (_HERE / name).read_bytes() for name in filled["icons"].values()}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as package:
        for name, data in held.items():
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            package.writestr(entry, data)
    return packed.getvalue()


def _filled(template: Any, words: dict[str, str]) -> Any:
    """Replaces the template's placeholders, which are whole values."""
    if isinstance(template, dict):
        return {name: _filled(value, words) for name, value in template.items()}
    if isinstance(template, list):
        return [_filled(value, words) for value in template]
    return words.get(template, template) if isinstance(template, str) else template
