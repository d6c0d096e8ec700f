"""The app that people install is the app that the code is."""

from __future__ import annotations

import io
import json
import re
import struct
import zipfile
import zlib
from typing import Any

import pytest

from adapters.teams.inbound.handler import SEND_TO_CUSTOMER
from adapters.teams.manifest import build_package, manifest

APP = "0A000000-0000-4000-8000-00000000000A"
SITE = "https://vendor.example/support"
TOLD = manifest(APP, "1.2.3", website=SITE, terms="https://vendor.example/terms")
GUID = re.compile(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}")


def test_the_package_is_flat_and_the_same_every_time() -> None:
    made = build_package(APP, "1.2.3", website=SITE, terms="https://vendor.example/terms")
    assert made == build_package(APP, "1.2.3", website=SITE, terms="https://vendor.example/terms")
    with zipfile.ZipFile(io.BytesIO(made)) as package:
        assert package.namelist() == ["manifest.json", TOLD["icons"]["color"], TOLD["icons"]["outline"]]
        assert json.loads(package.read("manifest.json")) == TOLD


def test_the_manifest_has_every_required_field() -> None:
    needed = {"manifestVersion", "version", "id", "developer", "name", "description", "icons", "accentColor"}
    assert needed <= TOLD.keys()
    assert TOLD["manifestVersion"] == "1.29"
    assert "/v1.29/" in TOLD["$schema"]
    assert GUID.fullmatch(TOLD["id"])
    assert re.fullmatch(r"#[0-9a-fA-F]{6}", TOLD["accentColor"])
    assert TOLD["developer"] == {
        "name": "Frontline",
        "websiteUrl": SITE,
        "privacyUrl": SITE,
        "termsOfUseUrl": "https://vendor.example/terms",
    }
    assert TOLD["name"].keys() == {"short", "full"}
    assert TOLD["description"].keys() == {"short", "full"}


def test_no_placeholder_is_left() -> None:
    assert not re.search(r'"[A-Z-]{4,}"', json.dumps(TOLD))


@pytest.mark.parametrize(
    ("value", "most"),
    [
        (TOLD["name"]["short"], 30),
        (TOLD["name"]["full"], 100),
        (TOLD["description"]["short"], 80),
        (TOLD["description"]["full"], 4000),
        (TOLD["developer"]["name"], 32),
        (TOLD["bots"], 1),
        (TOLD["bots"][0]["commandLists"], 3),
        *((entry["commands"], 12) for entry in TOLD["bots"][0]["commandLists"]),
        *((c["title"], 128) for entry in TOLD["bots"][0]["commandLists"] for c in entry["commands"]),
        *((c["description"], 4000) for entry in TOLD["bots"][0]["commandLists"] for c in entry["commands"]),
        (TOLD["composeExtensions"], 1),
        (TOLD["composeExtensions"][0]["commands"], 10),
        *((command["id"], 64) for command in TOLD["composeExtensions"][0]["commands"]),
        *((command["title"], 32) for command in TOLD["composeExtensions"][0]["commands"]),
        *((command["description"], 128) for command in TOLD["composeExtensions"][0]["commands"]),
        *((command.get("triggers", [""]), 1) for command in TOLD["composeExtensions"][0]["commands"]),
        (TOLD["authorization"]["permissions"]["resourceSpecific"], 16),
        (TOLD["webApplicationInfo"]["resource"], 2048),
    ],
)
def test_texts_fit_the_lengths_of_teams(value: str | list[Any], most: int) -> None:
    assert 1 <= len(value) <= most


def test_one_bot_that_hears_commands_everywhere() -> None:
    [bot] = TOLD["bots"]
    assert bot["botId"] == TOLD["id"] == TOLD["webApplicationInfo"]["id"]
    assert set(bot["scopes"]) == {"team", "personal", "groupChat"}
    assert bot["supportsTargetedMessages"]
    lists = bot["commandLists"]
    assert [scope for entry in lists for scope in entry["scopes"]] == ["team", "groupChat", "personal"]
    assert [command["title"] for entry in lists for command in entry["commands"]] == ["support", "support"]
    assert lists[0]["triggers"] == ["mention", "slash"]
    assert lists[1]["triggers"] == ["mention"]


def test_a_slash_opens_the_form() -> None:
    [extension] = TOLD["composeExtensions"]
    command, _ = extension["commands"]
    assert extension["botId"] == TOLD["id"]
    assert (command["type"], command["fetchTask"], command["triggers"]) == ("action", True, ["slash"])
    assert command["title"] == "Get help"
    assert set(command["context"]) <= {"compose", "commandBox", "message"}


def test_an_agents_message_can_be_sent_to_the_customer() -> None:
    _, command = TOLD["composeExtensions"][0]["commands"]
    assert (command["id"], command["title"]) == (SEND_TO_CUSTOMER, "Send to customer")
    assert (command["type"], command["fetchTask"], command["context"]) == ("action", True, ["message"])


def test_it_requests_only_permissions_that_are_used() -> None:
    asked = TOLD["authorization"]["permissions"]["resourceSpecific"]
    assert {entry["type"] for entry in asked} == {"Application"}
    assert {entry["name"] for entry in asked} == {
        "ChannelMessage.Read.Group",
        "ChannelMember.Read.Group",
        "TeamMember.Read.Group",
    }
    assert TOLD["webApplicationInfo"]["resource"]
    assert TOLD["supportsChannelFeatures"] == "tier1"
    assert set(TOLD["supportedChannelTypes"]) <= {"sharedChannels", "privateChannels"}
    assert set(TOLD["permissions"]) <= {"identity", "messageTeamMembers"}
    assert TOLD["validDomains"] == []


def icon(which: str) -> bytes:
    with zipfile.ZipFile(io.BytesIO(build_package(APP, "1.2.3", website=SITE))) as package:
        return package.read(TOLD["icons"][which])


def pixels(png: bytes) -> tuple[int, int, list[bytes]]:
    """Size and pixels of a PNG of our kind; every checksum is looked at."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    at, chunks = 8, {}
    while at < len(png):
        (count,) = struct.unpack(">I", png[at : at + 4])
        kind, data = png[at + 4 : at + 8], png[at + 8 : at + 8 + count]
        assert struct.unpack(">I", png[at + 8 + count : at + 12 + count])[0] == zlib.crc32(kind + data)
        chunks[kind], at = data, at + 12 + count
    wide, high, depth, colours = struct.unpack(">IIBB", chunks[b"IHDR"][:10])
    assert (depth, colours) == (8, 6)
    rows = zlib.decompress(chunks[b"IDAT"])
    assert len(rows) == high * (1 + wide * 4)
    line = 1 + wide * 4
    found = [rows[row * line + 1 + n * 4 :][:4] for row in range(high) for n in range(wide)]
    return wide, high, found


def test_the_icons_have_the_required_sizes() -> None:
    wide, high, found = pixels(icon("color"))
    assert (wide, high) == (192, 192)
    assert all(pixel[3] == 255 for pixel in found)
    assert len({bytes(pixel) for pixel in found}) > 3
    wide, high, found = pixels(icon("outline"))
    assert (wide, high) == (32, 32)
    assert all(pixel[:3] == b"\xff\xff\xff" for pixel in found)
    assert {pixel[3] for pixel in found} >= {0, 255}


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"app_id": "frontline"}, "not an app id"),
        ({"app_id": APP[:-1]}, "not an app id"),
        ({"version": "1.0"}, "not a version"),
        ({"version": "01.0.0"}, "not a version"),
        ({"version": "1.0.0\n"}, "not a version"),
        ({"developer": ""}, "characters"),
        ({"developer": "x" * 33}, "characters"),
        ({"website": "http://x.example"}, "not an address"),
        ({"privacy": "javascript:x"}, "not an address"),
    ],
)
def test_values_that_teams_would_refuse_raise(wrong: dict[str, str], why: str) -> None:
    words = {"app_id": APP, "version": "1.0.0", "website": SITE, **wrong}
    with pytest.raises(ValueError, match=why):
        build_package(**words)
