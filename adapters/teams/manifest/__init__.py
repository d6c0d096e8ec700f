"""The Teams app: its manifest, its icons, and the package that is uploaded."""

from adapters.teams.manifest.package import build_package, manifest

__all__ = ["build_package", "manifest"]
