"""Makes small PNG files with 96 colours, which are enough for a flat interface."""

from __future__ import annotations

import base64
import struct
import zlib

from tools.chromium import Page

# The browser counts colours far faster than Python. Common colours stay exact; the others become the average
# of their neighbourhood.
_REDUCE = """async (source) => {
  const image = new Image();
  image.src = 'data:image/png;base64,' + source;
  await image.decode();
  const canvas = new OffscreenCanvas(image.width, image.height);
  const pen = canvas.getContext('2d');
  pen.drawImage(image, 0, 0);
  const pixels = new Uint32Array(pen.getImageData(0, 0, image.width, image.height).data.buffer);
  const counts = new Map();
  for (const pixel of pixels) counts.set(pixel, (counts.get(pixel) || 0) + 1);
  const common = [...counts].sort((a, b) => b[1] - a[1]);
  const exact = common.length <= 96 ? 96 : 24;
  const colours = (pixel) => [pixel & 255, (pixel >> 8) & 255, (pixel >> 16) & 255];
  const palette = common.slice(0, exact).map(([pixel]) => colours(pixel));
  const areas = new Map();
  for (const [pixel, count] of common.slice(exact)) {
    const [r, g, b] = colours(pixel);
    const area = (r >> 5) << 10 | (g >> 5) << 5 | (b >> 5);
    const sum = areas.get(area) || [0, 0, 0, 0];
    areas.set(area, [sum[0] + r * count, sum[1] + g * count, sum[2] + b * count, sum[3] + count]);
  }
  for (const [r, g, b, n] of [...areas.values()].sort((a, b) => b[3] - a[3]).slice(0, 96 - palette.length))
    palette.push([Math.round(r / n), Math.round(g / n), Math.round(b / n)]);
  const places = new Map();
  for (const pixel of counts.keys()) {
    const [r, g, b] = colours(pixel);
    let best = 0, far = Infinity;
    palette.forEach(([x, y, z], n) => {
      const distance = (r - x) ** 2 + (g - y) ** 2 + (b - z) ** 2;
      if (distance < far) [best, far] = [n, distance];
    });
    places.set(pixel, best);
  }
  const indices = Uint8Array.from(pixels, (pixel) => places.get(pixel));
  let packed = '';
  for (let at = 0; at < indices.length; at += 32768)
    packed += String.fromCharCode(...indices.subarray(at, at + 32768));
  return [image.width, image.height, palette.flat(), btoa(packed)];
}"""


async def small(page: Page, png: bytes) -> bytes:
    """The picture with fewer colours; the page only runs the script."""
    width, height, palette, packed = await page.run(_REDUCE, base64.b64encode(png).decode())
    pixels = base64.b64decode(packed)
    rows = b"".join(b"\0" + pixels[at : at + width] for at in range(0, width * height, width))
    head = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"PLTE", bytes(palette)), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in chunks)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
