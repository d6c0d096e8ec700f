"""Exits with 0 if `frontline serve` on this machine is ready, otherwise with 1 and the reasons.

Needs nothing but Python, so that it starts quickly in a container.
"""

from __future__ import annotations

import os
import sys
import urllib.error
import urllib.request

WITHIN = 6.0
"""Seconds; /readyz itself answers within five."""


def main() -> int:
    port = os.environ.get("METRICS_PORT") or os.environ.get("PORT") or "3000"
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(f"http://127.0.0.1:{port}/readyz", timeout=WITHIN):
            return 0
    except urllib.error.HTTPError as refused:
        print(refused.read().decode(errors="replace"), file=sys.stderr)
    except OSError as unreachable:
        print(f"/readyz does not answer at port {port}: {unreachable}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
