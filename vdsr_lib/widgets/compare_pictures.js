/* The pictures of a comparison: decoded once, exact, with their lumas and differences. */

// ColorBrewer's RdBu, reversed as in the static figures: blue too dark, red too bright.
const DIVERGING = [
  "053061", "2166ac", "4393c3", "92c5de", "d1e5f0", "f7f7f7",
  "fddbc7", "f4a582", "d6604d", "b2182b", "67001f",
].map((hex) => [0, 2, 4].map((i) => parseInt(hex.slice(i, i + 2), 16)));

/** A whole number with its sign. */
const signed = (value) => (value < 0 ? MINUS : value > 0 ? "+" : "") + Math.abs(value);

/** The colour of a difference from -1 to 1, as [r, g, b]. */
function diverging(share) {
  const place = ((clamp(share, -1, 1) + 1) / 2) * (DIVERGING.length - 1);
  const low = Math.min(Math.floor(place), DIVERGING.length - 2);
  return DIVERGING[low].map((c, i) =>
    Math.round(c + (place - low) * (DIVERGING[low + 1][i] - c)));
}

/** PSNR in dB (peak 255) of two lumas over a region, infinite where they agree. */
function regionPsnr(first, second, width, [top, left, rows, columns]) {
  let sum = 0;
  for (let y = top; y < top + rows; y++) {
    for (let i = y * width + left, end = i + columns; i < end; i++) {
      const d = first[i] - second[i];
      sum += d * d;
    }
  }
  return 10 * Math.log10((255 * 255 * rows * columns) / sum);
}

/** The 8-bit luma of RGBA bytes: of colour BT.601 in studio range, as MATLAB rounds it. */
function lumaOf(data, coloured = true) {
  const luma = new Uint8Array(data.length / 4);
  for (let k = 0, p = 0; k < luma.length; k++, p += 4) {
    luma[k] = coloured
      ? Math.floor(
        (65481 * data[p] + 128553 * data[p + 1] + 24966 * data[p + 2] + 4207500) / 255000)
      : data[p];
  }
  return luma;
}

/** The decoded pictures of one model, shared by its views. */
class Store {
  constructor(pixels, colour) {
    Object.assign(this, { pixels, colour, bitmaps: [], lumas: [], decoding: [] });
    this.maps = new Map();
    this.probe = document
      .createElement("canvas")
      .getContext("2d", { willReadFrequently: true });
  }

  static stores = new WeakMap();

  static of(model) {
    const pixels = model.get("pixels");
    if (!Store.stores.has(pixels)) {
      Store.stores.set(pixels, new Store(pixels, model.get("colour")));
    }
    return Store.stores.get(pixels);
  }

  /** Decode picture `i` once; exact: no colour management, no alpha. */
  decode(i) {
    this.decoding[i] ??= createImageBitmap(
      new Blob([this.pixels[i]], { type: "image/png" }),
      { colorSpaceConversion: "none", premultiplyAlpha: "none" },
    ).then((bitmap) => (this.bitmaps[i] = bitmap));
    return this.decoding[i];
  }

  /** [r, g, b] of one pixel. */
  pixel(i, x, y) {
    this.probe.drawImage(this.bitmaps[i], x, y, 1, 1, 0, 0, 1, 1);
    return this.probe.getImageData(0, 0, 1, 1).data.slice(0, 3);
  }

  /** The 8-bit luma, worked out once. */
  luma(i) {
    if (this.lumas[i]) return this.lumas[i];
    const { width, height } = this.bitmaps[i];
    const context = h("canvas", { width, height })
      .getContext("2d", { willReadFrequently: true });
    context.drawImage(this.bitmaps[i], 0, 0);
    const { data } = context.getImageData(0, 0, width, height);
    return (this.lumas[i] = lumaOf(data, this.colour[i]));
  }

  /** The level within which 99.5 % of all differences to `base` lie. */
  usualDifference(others, base) {
    const key = `usual ${others} ${base}`;
    if (!this.maps.has(key)) {
      const counts = new Float64Array(256);
      const b = this.luma(base);
      for (const other of others) {
        const a = this.luma(other);
        for (let k = 0; k < a.length; k++) counts[Math.abs(a[k] - b[k])]++;
      }
      let level = 0;
      let within = counts[0];
      while (level < 255 && within < 0.995 * b.length * others.length) {
        within += counts[++level];
      }
      this.maps.set(key, Math.max(1, level));
    }
    return this.maps.get(key);
  }

  /** A canvas with the signed map `a - b`, saturated at `limit` levels. */
  difference(a, b, limit) {
    const key = `map ${a} ${b} ${limit}`;
    if (this.maps.has(key)) return this.maps.get(key);
    const { width, height } = this.bitmaps[a];
    const canvas = h("canvas", { width, height });
    const context = canvas.getContext("2d");
    const image = context.createImageData(width, height);
    const words = new Uint32Array(image.data.buffer);
    const table = new Uint32Array(511);
    const bytes = new Uint8Array(table.buffer);
    for (let d = -255; d <= 255; d++) {
      bytes.set([...diverging(d / limit), 255], 4 * (d + 255));
    }
    const [first, second] = [this.luma(a), this.luma(b)];
    for (let k = 0; k < words.length; k++) {
      words[k] = table[first[k] - second[k] + 255];
    }
    context.putImageData(image, 0, 0);
    for (const old of [...this.maps.keys()].filter((k) => k.startsWith("map"))) {
      this.maps.delete(old); // one map is on show at a time
    }
    this.maps.set(key, canvas);
    return canvas;
  }
}
