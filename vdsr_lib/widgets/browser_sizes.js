/* How large a picture is, by the first bytes of its file.
 *
 * A browser says of a picture that is too large for it only that it cannot be decoded, and
 * decodes one of several hundred megapixels for a while before it can be asked.
 */

const HEADER = 2 ** 20; // bytes; a JPEG has its size behind its profile and its thumbnail

/** [width, height] of a PNG, JPEG, WebP, AVIF, GIF or BMP file, as stored; else undefined. */
async function storedSize(file) {
  const view = new DataView(await file.slice(0, HEADER).arrayBuffer());
  const text = (at, length) => String.fromCharCode(
    ...new Uint8Array(view.buffer).subarray(at, at + length));
  try {
    if (text(0, 4) === "\x89PNG") return [view.getUint32(16), view.getUint32(20)];
    if (text(0, 2) === "\xff\xd8") return jpegSize(view);
    if (text(0, 3) === "GIF") return [view.getUint16(6, true), view.getUint16(8, true)];
    if (text(0, 2) === "BM") return bmpSize(view);
    if (text(8, 4) === "WEBP") return webpSize(view, text(12, 4));
    if (text(4, 4) === "ftyp") return avifSize(view);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error; // cut off: the browser judges it
  }
  return undefined;
}

/** The size of a BMP, in 16 bits where its header is the first one, of OS/2. */
function bmpSize(view) {
  const isOld = view.getUint32(14, true) === 12;
  return isOld ? [18, 20].map((at) => view.getUint16(at, true))
    : [18, 22].map((at) => Math.abs(view.getInt32(at, true)));
}

/** Go from marker to marker until one that begins a frame. */
function jpegSize(view) {
  for (let at = 2; ; at += 2 + view.getUint16(at + 2)) {
    while (view.getUint8(at + 1) === 0xff) at++; // filled up before a marker
    const marker = view.getUint8(at + 1);
    if (view.getUint8(at) !== 0xff || marker === 0xda) return undefined;
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame) return [view.getUint16(at + 7), view.getUint16(at + 5)];
  }
}

/** The size of a WebP: lossy, lossless, or with more than a picture. */
function webpSize(view, kind) {
  if (kind === "VP8 ") return [26, 28].map((at) => view.getUint16(at, true) & 0x3fff);
  if (kind === "VP8L") {
    const bits = view.getUint32(21, true);
    return [1 + (bits & 0x3fff), 1 + ((bits >> 14) & 0x3fff)];
  }
  const wide = (at) => 1 + view.getUint16(at, true) + 65536 * view.getUint8(at + 2);
  return kind === "VP8X" ? [wide(24), wide(27)] : undefined;
}

/** The largest of the sizes in a file that may hold parts of a picture, and a small copy. */
function avifSize(view) {
  let size;
  const ispe = 0x69737065;
  for (let at = 8; at + 16 <= Math.min(view.byteLength, 65536); at++) {
    if (view.getUint32(at) !== ispe) continue;
    const found = [view.getUint32(at + 8), view.getUint32(at + 12)];
    if (!size || found[0] * found[1] > size[0] * size[1]) size = found;
  }
  return size;
}
