/* Where pictures lie on the stage: scales, tiles, and what of them is visible. */

const MAX_ZOOM = 32;
const TALLEST = 560; // CSS pixels of the stage
const GAP = 4; // between tiles

/** Whether a picture's pixels are smaller than the page's, or the screen's. */
const shrinks = (scale, ratio) => scale < Math.max(1, 1 / ratio);

/** The scale that shows a picture whole: whole device pixels where it is enlarged. */
function fitting(width, height, [rows, columns], ratio) {
  const fit = Math.min(width / columns, height / rows, MAX_ZOOM);
  return shrinks(fit, ratio) ? fit : Math.floor(fit * ratio) / ratio;
}

/** Where a picture lies within a tile of the stage: scale, origin, visible pixels. */
function placement(tile, [height, width], zoom, [centreX, centreY], ratio) {
  const fit = fitting(tile.width, tile.height, [height, width], ratio);
  const scale = zoom === 0 ? fit : clamp(zoom, Math.min(fit, 1), MAX_ZOOM);
  const along = (start, room, length, centre) => {
    const spare = room - length * scale;
    const shift = spare >= 0
      ? spare / 2
      : clamp(room / 2 - centre * scale, spare, 0);
    return Math.round((start + shift) * ratio) / ratio;
  };
  const x = along(tile.x, tile.width, width, centreX);
  const y = along(tile.y, tile.height, height, centreY);
  const inside = (from, room, origin, length) => {
    const first = clamp(Math.ceil((from - origin) / scale - 0.5), 0, length - 1);
    const last = Math.floor((from + room - origin) / scale - 0.5);
    return [first, clamp(last + 1, first + 1, length) - first];
  };
  const [left, columns] = inside(tile.x, tile.width, x, width);
  const [top, rows] = inside(tile.y, tile.height, y, height);
  return { scale, fit, x, y, region: [top, left, rows, columns] };
}

/** Tiles for `count` pictures: in one row unless more rows show them much larger. */
function tiling(count, width, size, ratio) {
  const [rows, columns] = size;
  let best = null;
  for (let down = 1; down <= count; down++) {
    const across = Math.ceil(count / down);
    const room = (width - GAP * (across - 1)) / across;
    const most = (TALLEST - GAP * (down - 1)) / down;
    const scale = fitting(room, most, size, ratio);
    if (!best || scale > best.scale * 1.25) {
      const w = Math.min(room, Math.max(Math.floor(columns * scale), 120));
      best = { scale, across, down, w, t: Math.max(Math.floor(rows * scale), 80) };
    }
  }
  const { across, w, t } = best;
  const down = Math.ceil(count / across);
  return {
    width: across * w + GAP * (across - 1),
    height: down * t + GAP * (down - 1),
    tiles: Array.from({ length: count }, (_, i) => ({
      x: (i % across) * (w + GAP), y: Math.floor(i / across) * (t + GAP),
      width: w, height: t,
    })),
  };
}

/** The part of a tile that a picture covers. */
function covered(tile, { x, y, scale }, [rows, columns]) {
  const left = Math.max(tile.x, x);
  const top = Math.max(tile.y, y);
  return {
    x: left,
    y: top,
    width: Math.max(0, Math.min(tile.x + tile.width, x + columns * scale) - left),
    height: Math.max(0, Math.min(tile.y + tile.height, y + rows * scale) - top),
  };
}
