/* Pictures in a browser: read from files, shrunk, enlarged, cut, and written as PNG.
 *
 * A picture says whether it is `veiled`: whether it has opacity below 255 anywhere.
 */

const BICUBIC = 0.05; // the share of the work before the network begins
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
async function readPicture(bytes, name, graphics, limits, pause = breath) {
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
  const data = new Uint8ClampedArray(4 * height * width);
  const texture = gl.createTexture();
  const frame = gl.createFramebuffer(); // its own: a network may be at work in the other
  try {
    gl.pixelStorei(gl.UNPACK_COLORSPACE_CONVERSION_WEBGL, gl.NONE);
    await inSlices(height, 4 * width, pause, (from, to) => {
      gl.bindTexture(gl.TEXTURE_2D, texture);
      gl.pixelStorei(gl.UNPACK_SKIP_ROWS, from);
      gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA8, width, to - from, 0, gl.RGBA,
        gl.UNSIGNED_BYTE, bitmap);
      gl.pixelStorei(gl.UNPACK_SKIP_ROWS, 0); // it would hold for the network's maps too
      gl.bindFramebuffer(gl.FRAMEBUFFER, frame); // the network's, after a pause
      gl.framebufferTexture2D(
        gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, texture, 0);
      gl.readBuffer(gl.COLOR_ATTACHMENT0);
      gl.readPixels(0, 0, width, to - from, gl.RGBA, gl.UNSIGNED_BYTE,
        new Uint8Array(data.buffer, 4 * from * width, 4 * (to - from) * width));
    });
    graphics.check();
  } finally {
    gl.deleteFramebuffer(frame);
    gl.deleteTexture(texture);
    bitmap.close();
  }
  return { data, height, width, ...await kindOf(data, height, width, pause) };
}

/** Whether a picture is veiled, and what kind of picture it is, in words. */
async function kindOf(data, height, width, pause) {
  let [grey, veiled] = [true, false];
  await inSlices(height, 4 * width, pause, (from, to) => {
    for (let p = 4 * from * width; p < 4 * to * width; p += 4) {
      grey &&= data[p] === data[p + 1] && data[p] === data[p + 2];
      veiled ||= data[p + 3] < 255;
    }
  });
  return { veiled, kind: (grey ? "grey" : "colour") + (veiled ? " with transparency" : "") };
}

/** The picture on white, where it has opacity. */
async function onWhite(picture, pause = breath) {
  if (!picture.veiled) return picture;
  const { height, width } = picture;
  const data = new Uint8ClampedArray(picture.data.length);
  await inSlices(height, 8 * width, pause, (from, to) => {
    for (let k = 4 * from * width; k < 4 * to * width; k += 4) {
      const share = picture.data[k + 3] / 255;
      for (let c = k; c < k + 3; c++) {
        data[c] = Math.round(255 + share * (picture.data[c] - 255));
      }
      data[k + 3] = 255;
    }
  });
  return { data, height, width, veiled: false };
}

/** A part of a picture, made of the rows and columns that are listed. */
async function cut({ data, width, veiled }, rows, columns, pause = breath) {
  const [height, across] = [rows.length, columns.length];
  const part = new Uint32Array(height * across);
  const words = new Uint32Array(data.buffer);
  await inSlices(height, 2 * across, pause, (from, to) => {
    for (let y = from, at = from * across; y < to; y++) {
      const row = rows[y] * width;
      for (let x = 0; x < across; x++) part[at++] = words[row + columns[x]];
    }
  });
  return { data: new Uint8ClampedArray(part.buffer), height, width: across, veiled };
}

const run = (start, count) => Array.from({ length: count }, (_, k) => start + k);

/** The small picture, in 8 bits, and the original that its restoration is held against. */
async function shrunk(picture, scale, name, pause = breath) {
  const small = shrunkSides(sidesOf(picture), scale);
  if (small.includes(0)) {
    throw new Error(`${name} has ${picture.width} ${TIMES} ${picture.height} pixels, too few ` +
      `to be shrunk by ${scale}: take a smaller scale or a larger picture`);
  }
  const white = await onWhite(picture, pause);
  const [rows, columns] = enlargedSides(small, scale).map((n) => run(0, n));
  const truth = await cut(white, rows, columns, pause);
  const [height, width] = small;
  const data = new Uint8ClampedArray(4 * height * width).fill(255);
  for (const c of [0, 1, 2]) {
    const plane = await imresize(await channel(truth, c, pause), sidesOf(truth), small,
      { rounded: true, pause });
    await inSlices(height, width, pause, (from, to) => {
      for (let k = from * width; k < to * width; k++) data[4 * k + c] = plane[k];
    });
  }
  return { small: { data, height, width, veiled: false }, truth };
}

/** Keep the numbers of a plane within two, and say whether all are numbers. */
async function keepWithin(plane, [height, width], [low, high], pause) {
  let sound = true;
  await inSlices(height, width, pause, (from, to) => {
    for (let k = from * width; k < to * width; k++) {
      sound &&= !Number.isNaN(plane[k]);
      plane[k] = clamp(plane[k], low, high);
    }
  });
  return sound;
}

/** Enlarge a picture: its luma by a network (null: bicubically), the rest bicubically.
 *
 * `watch(share)` hears how far it is: the network has most of the work, if there is one.
 */
async function enlarged(picture, scale, network, watch, pause = breath) {
  const sides = sidesOf(picture);
  const larger = enlargedSides(sides, scale);
  const before = network ? BICUBIC : 0.9; // the rest is scoring and showing
  const planes = [];
  for (const c of [0, 1, 2]) {
    planes.push(await imresize(await ycbcr(picture, c, pause), sides, larger, { pause }));
    watch((before * (c + 1)) / 4);
  }
  await keepWithin(planes[0], larger, [DARKEST, BRIGHTEST], pause);
  const alpha = picture.veiled
    ? await imresize(await channel(picture, 3, pause), sides, larger, { rounded: true, pause })
    : undefined;
  const plain = await inColour(planes, larger, alpha, pause);
  watch(before);
  if (!network) return { plain, result: plain };
  const luma = await network.run(new Float32Array(planes[0]), larger[1], larger[0], (share) =>
    watch(before + (1 - before) * share));
  const sound = await keepWithin(luma, larger, [0, 1], pause);
  if (!sound) throw new Error("the network gives no numbers here");
  planes[0] = luma;
  return { plain, result: await inColour(planes, larger, alpha, pause) };
}

/** The picture on a canvas. */
async function canvasOf({ data, height, width }, pause = breath) {
  const canvas = h("canvas", { width, height });
  const context = canvas.getContext("2d");
  await inSlices(height, width, pause, (from, to) => {
    const rows = data.subarray(4 * from * width, 4 * to * width);
    context.putImageData(new ImageData(rows, width, to - from), 0, from);
  });
  return canvas;
}

/** The bytes of a PNG file with what a canvas holds. */
async function png(canvas) {
  const blob = await new Promise((resolve) => { canvas.toBlob(resolve, "image/png"); });
  if (!blob) throw new Error("this browser cannot write so large a picture");
  return new DataView(await blob.arrayBuffer());
}

/** The means of squares of `side` pixels of a picture; what is left over is left out. */
async function means({ data, height, width }, side, pause) {
  const [rows, columns] = [height, width].map((n) => Math.max(1, Math.floor(n / side)));
  const made = new Uint8ClampedArray(4 * rows * columns);
  const [down, across] = [Math.min(side, height), Math.min(side, width)];
  await inSlices(rows, 4 * down * width, pause, (from, to) => {
    for (let y = from, at = 4 * from * columns; y < to; y++) {
      for (let x = 0; x < columns; x++) {
        for (let c = 0; c < 4; c++) {
          let sum = 0;
          for (let i = 0; i < down; i++) {
            const first = 4 * ((y * side + i) * width + x * side) + c;
            for (let j = 0; j < across; j++) sum += data[first + 4 * j];
          }
          made[at++] = sum / (down * across);
        }
      }
    }
  });
  return { data: made, height: rows, width: columns };
}

/** A small copy for the page, as PNG. */
async function thumbnail(picture, side, pause = breath) {
  const longer = Math.max(picture.height, picture.width);
  const share = Math.min(1, side / longer);
  const [height, width] = sidesOf(picture).map((n) => Math.max(1, Math.round(n * share)));
  const canvas = h("canvas", { width, height });
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  const [white, many] = [await onWhite(picture, pause), Math.floor(longer / (2 * side))];
  // a canvas shrinks a large picture in one go, for as long as that takes
  const less = many > 1 ? await means(white, many, pause) : white;
  context.drawImage(await canvasOf(less, pause), 0, 0, width, height);
  return png(canvas);
}
