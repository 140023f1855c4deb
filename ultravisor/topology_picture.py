# SPDX-License-Identifier: GPL-2.0-or-later
"""Draws a host's topology as one SVG that needs nothing else.

Owns the layout. Every partition is a row and every channel a column of its own to the right of
the rows, with a dot at each end: so no line crosses text however many there are. What has
no place in a cell is written smaller; what is still too long is cut, and whole in the tooltip.
"""

from __future__ import annotations

from html import escape
from textwrap import wrap
from typing import Any

ROW, LEFT, ROWS_WIDTH, COLUMN, LEAST_WIDTH = 28, 32, 720, 26, 1120
PORTS, PORT_WIDTH = 250, 420
CELLS = (0, 34, 236, 326, 396, 452, 540)
# Text of 13 pixels takes 8 a character at the most, as a rule; below 9 pixels nobody reads it.
FONT, FONT_LEAST, ADVANCE = 13, 9, 8
GOOD, WAITING, ENDED, BAD = "#1a7f4b", "#9a6700", "#57606a", "#cf222e"
COLOURS = {
    **dict.fromkeys(("running", "attached", "operating", "alive", "ready"), GOOD),
    **dict.fromkeys(("failed", "revoked"), BAD),
    **dict.fromkeys(("stopped", "destroyed", "unmapped"), ENDED),
}
USES = {"free": "#eaeef2", "reserved": "#57606a", "channel": "#8250df", "device": "#bf3989"}
STYLE = (
    "text{font:13px sans-serif;fill:#1f2328}.t{font-size:22px;font-weight:bold}"
    ".h{font-weight:bold;fill:#0550ae}.s{font-size:11px;fill:#57606a}"
)


def partition_colour(number: int) -> str:
    """Return a partition's colour, the same in all bars and rows; neighbours differ."""
    return f"hsl({number * 137 % 360},55%,62%)"


def clean(text: object) -> str:
    """Return text that is safe in XML: escaped, and no character that XML forbids."""
    return escape("".join(c if c.isprintable() else "\ufffd" for c in str(text)))


def size(kib: int) -> str:
    """Return a size for people."""
    return f"{kib / 1024:.1f} MiB" if kib >= 1024 else f"{kib} KiB"


class Picture:
    """Shapes, and how far down they reach."""

    def __init__(self, width: int) -> None:
        self.width, self.y = width, 44
        self.shapes: list[str] = []

    def text(self, x: float, y: float, text: object, style: str = "", room: int = 0) -> None:
        """Write text; with a room in pixels it is made smaller to fit it, and then cut."""
        whole = str(text)
        shown, title = clean(whole), ""
        if room and len(whole) * ADVANCE > room:
            font = max(FONT_LEAST, FONT * room / (len(whole) * ADVANCE))
            limit = round(room * FONT / (font * ADVANCE))
            if len(whole) > limit:
                shown, title = clean(whole[: limit - 1] + "…"), f"<title>{shown}</title>"
            shown = f'<tspan style="font-size:{font:.1f}px">{shown}</tspan>'
        self.shapes.append(f'<text x="{x:g}" y="{y:g}" {style}>{title}{shown}</text>')

    def box(self, x: float, y: float, width: float, height: float, fill: str, tip: str) -> None:
        """Draw a filled box that says on a tooltip what it is."""
        self.shapes.append(
            f'<rect x="{x:.2f}" y="{y:g}" width="{width:.2f}" height="{height:g}" fill="{fill}" '
            f'stroke="#fff"><title>{clean(tip)}</title></rect>'
        )

    def state(self, x: float, y: float, state: str) -> None:
        """Write a state by colour and by word."""
        colour = COLOURS.get(state, WAITING)
        self.shapes.append(f'<circle cx="{x + 5:g}" cy="{y - 4:g}" r="5" fill="{colour}"/>')
        self.text(x + 15, y, state)

    def heading(self, text: str) -> None:
        """Begin a section."""
        self.y += ROW + 8
        self.text(LEFT, self.y, text, 'class="h"')

    def bar(self, parts: list[tuple[int, str, str]]) -> None:
        """Draw a bar of parts (amount, colour, tooltip); a name where there is room."""
        x, room, total = float(LEFT), self.width - 2 * LEFT, sum(p[0] for p in parts)
        for amount, colour, tip in parts:
            width = room * amount / total if total else 0
            self.box(x, self.y + 10, width, 24, colour, tip)
            if width > 60:
                dark = ' style="fill:#fff"' if colour in ("#57606a", "#8250df") else ""
                self.text(x + 6, self.y + 26, tip, dark, int(width) - 10)
            x += width
        self.y += 32


def draw(host: dict[str, Any]) -> str:
    """Return the SVG of what `ultravisor.topology.gather` gave."""
    columns = len(host["channels"]) * COLUMN
    picture = Picture(max(LEAST_WIDTH, LEFT * 2 + ROWS_WIDTH + columns))
    names = {found["number"]: found["name"] for found in host["partitions"]}
    title = f"host {host['host']}, generation {host['generation']}"
    picture.text(LEFT, picture.y, title, 'class="t"', picture.width)
    _bars(picture, host, names)
    rows = _partitions(picture, host)
    _columns(picture, host, rows)
    _tables(picture, host, names)
    _legend(picture)
    height = picture.y + 32
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {picture.width} {height}" '
        f'width="{picture.width}" height="{height}"><style>{STYLE}</style>'
        f'<rect width="100%" height="100%" fill="#fff"/>\n'
        + "\n".join(picture.shapes)
        + "\n</svg>\n"
    )


def page(host: dict[str, Any]) -> str:
    """Return the picture as a page of its own, which needs nothing else."""
    head = f'<meta charset="utf-8"><title>{clean(host["host"])}</title>'
    body = f'<html lang="en"><head>{head}</head><body>{draw(host)}</body></html>'
    return f"<!DOCTYPE html>\n{body}\n"


def _bars(picture: Picture, host: dict[str, Any], names: dict[int, str]) -> None:
    picture.heading(f"memory: {size(host['memory_kib'])}, and who has it")
    parts = []
    for row in host["memory"]:
        number = row["partition"]
        colour = USES.get(row["use"], "#afb8c1") if number is None else partition_colour(number)
        name = row["use"] if number is None else names.get(number, f"partition {number}")
        parts.append((row["size_kib"], colour, f"{name} {size(row['size_kib'])}"))
    picture.bar(parts)
    for processor in host["processors"]:
        picture.heading(
            f"processor {processor['number']}: its slots in turn, as long as their quanta in cycles"
        )
        picture.bar(
            [
                (
                    slot["quantum_cycles"],
                    partition_colour(slot["partition"]),
                    f"{names.get(slot['partition'])}.{slot['virtual_processor']} "
                    f"{slot['quantum_cycles']}{' donates' * slot['donates']}",
                )
                for slot in processor["slots"]
            ]
        )


def _group_order(group: str) -> tuple[int, str]:
    return (
        ["infrastructure", "I/O"].index(group) if group in ("infrastructure", "I/O") else 2,
        group,
    )


def _partitions(picture: Picture, host: dict[str, Any]) -> dict[int, int]:
    """Draw the rows; return where each partition's row is."""
    rows: dict[int, int] = {}
    picture.y += 12
    for group in sorted({p["group"] for p in host["partitions"]}, key=_group_order):
        picture.heading(f"partitions: {group}")
        for found in (p for p in host["partitions"] if p["group"] == group):
            picture.y += ROW
            y = rows[found["number"]] = picture.y
            on = [f"{v['index']} on {v['processor']}" for v in found["virtual_processors"]]
            picture.box(LEFT, y - 14, 18, 18, partition_colour(found["number"]), found["name"])
            cells = [LEFT + cell for cell in CELLS]
            picture.text(cells[1], y, f"{found['number']} {found['name']}", "", 200)
            picture.state(cells[2], y, found["state"])
            picture.text(cells[3], y, found["kind"])
            picture.text(cells[4], y, f"{found['width']} bit")
            picture.text(cells[5], y, size(found["memory_kib"]))
            picture.text(cells[6], y, "vcpu " + ", ".join(on) if on else "no vcpu", "", 176)
    return rows


def _columns(picture: Picture, host: dict[str, Any], rows: dict[int, int]) -> None:
    """Draw each channel as a line between the rows of its ends; its number stands above."""
    if not rows:
        return
    for place, channel in enumerate(host["channels"]):
        ends = [rows[end] - 5 for end in (channel["client"], channel["server"]) if end in rows]
        if not ends:
            continue
        x = LEFT + ROWS_WIDTH + place * COLUMN + 12
        colour = "#afb8c1" if channel["control"] else COLOURS.get(channel["state"], WAITING)
        picture.text(x, min(rows.values()) - ROW, channel["id"], 'class="s" text-anchor="middle"')
        width = 1.5 if channel["control"] or channel["stands_by"] else 3
        dashes = ' stroke-dasharray="5 4"' if channel["stands_by"] else ""
        line = f'd="M{x} {min(ends)}V{max(ends)}" stroke="{colour}" stroke-width="{width}"'
        picture.shapes.append(f"<path {line}{dashes}/>")
        for end in ends:
            picture.shapes.append(f'<circle cx="{x}" cy="{end}" r="5" fill="{colour}"/>')


def _tables(picture: Picture, host: dict[str, Any], names: dict[int, str]) -> None:
    picture.heading("channels: number, client to server, state, size, policy and type")
    for channel in host["channels"]:
        picture.y += ROW - 6
        y = picture.y
        ends = [names.get(channel[side], "nobody") for side in ("client", "server")]
        picture.text(LEFT, y, channel["id"])
        picture.text(LEFT + 40, y, " → ".join(ends), "", 262)
        picture.state(LEFT + 310, y, channel["state"])
        picture.text(LEFT + 410, y, size(channel["size_kib"]))
        picture.text(LEFT + 490, y, channel["policy"] or "within its zone", "", 260)
        picture.text(LEFT + 760, y, channel["type"], 'class="s"', 296)
    _media(picture, host["devices"], names)
    _zones(picture, host["zones"])


def _media(picture: Picture, devices: list[dict[str, Any]], names: dict[int, str]) -> None:
    """Draw a row for each medium, and its ports with their owners; the thick line acts."""
    media: dict[str, list[dict[str, Any]]] = {}
    for device in devices:
        media.setdefault(device["medium"], []).append(device)
    what = "devices: a medium a row, its ports and their owners; a port with a thick line acts"
    picture.heading(what if media else "devices: none")
    for medium, ports in media.items():
        picture.y += ROW
        picture.text(LEFT, picture.y, ports[0]["kind"], "", 90)
        picture.text(LEFT + 90, picture.y, medium, "", 150)
        for place, device in enumerate(ports):
            _port(picture, LEFT + PORTS + place * PORT_WIDTH, device, names)


def _port(picture: Picture, x: int, device: dict[str, Any], names: dict[int, str]) -> None:
    """Draw one port: the line to its owner is thick where it acts."""
    y, acts = picture.y, device["state"] == "operating"
    colour = COLOURS.get(device["state"], WAITING) if acts else "#afb8c1"
    picture.text(x, y, device["name"], "", 130)
    picture.state(x + 140, y, device["state"])
    width = 4 if acts else 1
    picture.shapes.append(
        f'<path d="M{x + 240} {y - 5}H{x + 274}" stroke="{colour}" stroke-width="{width}"/>'
    )
    owner = device["owner"]
    if owner is not None:
        picture.box(x + 276, y - 14, 18, 18, partition_colour(owner), names.get(owner, ""))
    picture.text(x + 300, y, names.get(owner, "nobody"), "", 100)


def _zones(picture: Picture, zones: list[str]) -> None:
    """Write all names, in as many lines as they take."""
    picture.heading("zones" if zones else "zones: none")
    room = (picture.width - 2 * LEFT) // ADVANCE
    for line in wrap(", ".join(zones), room, break_on_hyphens=False):
        picture.y += ROW - 6
        picture.text(LEFT, picture.y, line)


def _legend(picture: Picture) -> None:
    picture.heading("legend")
    picture.y += ROW - 6
    words = (("works", GOOD), ("on its way", WAITING), ("ended", ENDED), ("failed", BAD))
    for place, (word, colour) in enumerate(words):
        x = LEFT + 110 * place
        picture.shapes.append(f'<circle cx="{x + 5}" cy="{picture.y - 4}" r="5" fill="{colour}"/>')
        picture.text(x + 15, picture.y, word)
    said = "a line with two dots: a channel; grey: a control channel; dashed: a path that stands by"
    picture.text(LEFT + 450, picture.y, said)
