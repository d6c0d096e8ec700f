"""Runs `frontline` with hundred times Slack's pace, for tests whose waits are not about it.

python -m tests.process.hasty_desk serve
"""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import timedelta

from adapters.slack.outbound import web_api
from bot.__main__ import main

LIMITS = ("_POSTS", "_CHANNEL", "_EDITS", "_COUNTDOWNS")

if __name__ == "__main__":
    for name in LIMITS:
        setattr(web_api, name, replace(getattr(web_api, name), every=timedelta(milliseconds=10)))
    sys.exit(main())
