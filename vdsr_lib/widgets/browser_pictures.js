/* Pictures in a browser: read from files, shrunk, enlarged, cut, and written as PNG. */

const HAIR = 1e-9; // a hair's breadth from a whole number of pixels counts as whole

/** The sides of what `enlarged` makes, and of what `shrunk` leaves. */
const enlargedSides = (sides, scale) => sides.map((n) => Math.ceil(n * scale - HAIR));
const shrunkSides = (sides, scale) => sides.map((n) => Math.floor(n / scale + HAIR));

const sidesOf = ({ height, width }) => [height, width];

/** Refuse a picture that is too large for this page. */
function checkSize([width, height], name, limits, side) {
  if (height * width <= limits.pixels && Math.max(height, width) <= side) return;
  throw new Error(`${name} has ${width} ${TIMES} ${height} pixels, above the limit of this ` +
    `page (${limits.pixels / 1e6} megapixels, ${side} a side): shrink or crop it first`);
}

/** Read a picture file as the browser does, and its pixels as they are: by a texture, as a
 * canvas would multiply colours by their opacity. */
async function readPicture(bytes, name, graphics, limits) {
  const { gl } = graphics;
  graphics.check();
  const most = gl.getParameter(gl.MAX_TEXTURE_SIZE);
  const file = new Blob([bytes]);
  const size = await storedSize(file);
  if (size) checkSize(size, name, limits, most);
  let bitmap;
  try {
    bitmap = await createImageBitmap(file,
      { colorSpaceConversion: "none", premultiplyAlpha: "none" });
  } catch {
    throw new Error(`${name} is no picture that this browser can read: take a PNG, JPEG or ` +
      "WebP file");
  }
  const { height, width } = bitmap;
  try {
    graphics.check();
    checkSize([width, height], name, limits, most);
  } catch (error) {
    bitmap.close();
    throw error;
  }
  const texture = gl.createTexture();
  gl.bindTexture(gl.TEXTURE_2D, texture);
  gl.pixelStorei(gl.UNPACK_COLORSPACE_CONVERSION_WEBGL, gl.NONE);
  gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA8, gl.RGBA, gl.UNSIGNED_BYTE, bitmap);
  const frame = gl.createFramebuffer(); // its own: a network may be at work in the other
  gl.bindFramebuffer(gl.FRAMEBUFFER, frame);
  gl.framebufferTexture2D(
    gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, texture, 0);
  const data = new Uint8ClampedArray(4 * height * width);
  gl.readBuffer(gl.COLOR_ATTACHMENT0);
  gl.readPixels(0, 0, width, height, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(data.buffer));
  graphics.check();
  gl.deleteFramebuffer(frame);
  gl.deleteTexture(texture);
  bitmap.close();
  return { data, height, width };
}

const isVeiled = ({ data }) => data.some((value, k) => k % 4 === 3 && value < 255);
const isGrey = ({ data }) => data.every((value, k) => k % 4 === 3 || value === data[k & ~3]);

/** What kind of picture it is, in words. */
function kindOf(picture) {
  return (isGrey(picture) ? "grey" : "colour") + (isVeiled(picture) ? " with transparency" : "");
}

/** The picture on white, where it has opacity. */
function onWhite(picture) {
  const data = picture.data.slice();
  for (let k = 0; k < data.length; k += 4) {
    const share = data[k + 3] / 255;
    for (let c = k; c < k + 3; c++) data[c] = Math.round(255 + share * (data[c] - 255));
    data[k + 3] = 255;
  }
  return { ...picture, data };
}

/** A part of a picture, made of the rows and columns that are listed. */
function cut({ data, width }, rows, columns) {
  const part = new Uint32Array(rows.length * columns.length);
  const words = new Uint32Array(data.buffer);
  rows.forEach((row, y) => columns.forEach((column, x) => {
    part[y * columns.length + x] = words[row * width + column];
  }));
  return { data: new Uint8ClampedArray(part.buffer), height: rows.length,
    width: columns.length };
}

const run = (start, count) => Array.from({ length: count }, (_, k) => start + k);

/** The small picture, in 8 bits, and the original that its restoration is held against. */
function shrunk(picture, scale, name) {
  const white = onWhite(picture);
  const small = shrunkSides(sidesOf(white), scale);
  if (small.includes(0)) {
    throw new Error(`${name} has ${white.width} ${TIMES} ${white.height} pixels, too few to ` +
      `be shrunk by ${scale}: take a smaller scale or a larger picture`);
  }
  const [rows, columns] = enlargedSides(small, scale).map((n) => run(0, n));
  const truth = cut(white, rows, columns);
  const [height, width] = small;
  const data = new Uint8ClampedArray(4 * height * width).fill(255);
  for (const c of [0, 1, 2]) {
    imresize(channel(truth, c), sidesOf(truth), small, { rounded: true })
      .forEach((value, k) => { data[4 * k + c] = value; });
  }
  return { small: { data, height, width }, truth };
}

/** Enlarge a picture: its luma by a network (null: bicubically), the rest bicubically. */
async function enlarged(picture, scale, network, watch) {
  const sides = sidesOf(picture);
  const larger = enlargedSides(sides, scale);
  const planes = ycbcr(picture).map((plane) => imresize(plane, sides, larger));
  planes[0] = planes[0].map((value) => clamp(value, DARKEST, BRIGHTEST));
  const alpha = isVeiled(picture)
    ? imresize(channel(picture, 3), sides, larger, { rounded: true }) : undefined;
  const plain = inColour(planes, larger, alpha);
  if (!network) return { plain, result: plain };
  const luma = await network.run(Float32Array.from(planes[0]), larger[1], larger[0], watch);
  if (luma.some(Number.isNaN)) throw new Error("the network gives no numbers here");
  planes[0] = luma.map((value) => clamp(value, 0, 1));
  return { plain, result: inColour(planes, larger, alpha) };
}

/** The picture on a canvas. */
function canvasOf({ data, height, width }) {
  const canvas = h("canvas", { width, height });
  canvas.getContext("2d").putImageData(new ImageData(data, width, height), 0, 0);
  return canvas;
}

/** The bytes of a PNG file with what a canvas holds. */
async function png(canvas) {
  const blob = await new Promise((resolve) => { canvas.toBlob(resolve, "image/png"); });
  if (!blob) throw new Error("this browser cannot write so large a picture");
  return new DataView(await blob.arrayBuffer());
}

/** A small copy for the page, as PNG. */
function thumbnail(picture, side) {
  const share = Math.min(1, side / Math.max(picture.height, picture.width));
  const [height, width] = sidesOf(picture).map((n) => Math.max(1, Math.round(n * share)));
  const canvas = h("canvas", { width, height });
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(canvasOf(onWhite(picture)), 0, 0, width, height);
  return png(canvas);
}
