"""Runs `frontline` at a hundred times Slack's pace, for tests whose waits are not about it."""

from __future__ import annotations

import sys
from dataclasses import replace

from adapters.slack.outbound import web_api
from bot.__main__ import main

LIMITS = ("_POSTS", "_CHANNEL", "_EDITS", "_COUNTDOWNS")

if __name__ == "__main__":
    for name in LIMITS:
        charge = getattr(web_api, name)
        setattr(web_api, name, replace(charge, every=charge.every / 100))
    sys.exit(main())
