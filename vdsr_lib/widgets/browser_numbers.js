/* MATLAB's bicubic `imresize` and the paper's luma, as resize.py and colour.py have them.
 *
 * A plane is a Float64Array, row by row; a picture is its RGBA bytes, as canvases hold
 * them, with `height` and `width`.
 */

const [DARKEST, BRIGHTEST] = [16 / 255, 235 / 255];
const FORWARD = [[65.481, 128.553, 24.966], [-37.797, -74.203, 112], [112, -93.786, -18.214]];
const OFFSET = [16, 128, 128];

/** The inverse of a 3 x 3 matrix, by its cofactors. */
function inverted(m) {
  const minor = (r, c) => {
    const [[a, b], [d, e]] = m.filter((_, i) => i !== r)
      .map((row) => row.filter((_, j) => j !== c));
    return (r + c) % 2 ? b * d - a * e : a * e - b * d;
  };
  const whole = m[0].reduce((sum, value, c) => sum + value * minor(0, c), 0);
  return m.map((_, r) => m.map((_, c) => minor(c, r) / whole));
}

const BACKWARD = inverted(FORWARD);

/** Keys' kernel with a = -1/2. */
function cubic(distance) {
  const x = Math.abs(distance);
  if (x <= 1) return (1.5 * x - 2.5) * x * x + 1;
  return x <= 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
}

/** For each new pixel of an axis, which old ones it is made of, and their weights. */
function taps(length, longer) {
  const factor = longer / length;
  const narrow = Math.min(1, factor); // shrinking filters as well
  const reach = 2 / narrow;
  return Array.from({ length: longer }, (_, k) => {
    const centre = (k + 1) / factor + 0.5 * (1 - 1 / factor); // pixels count from 1
    const first = Math.floor(centre - reach);
    const weights = Array.from({ length: Math.ceil(2 * reach) + 2 }, (_, i) =>
      cubic(narrow * (centre - first - i)));
    const sum = weights.reduce((a, b) => a + b);
    return weights.flatMap((weight, i) => {
      const period = 2 * length;
      const mirrored = (((first + i - 1) % period) + period) % period;
      const place = Math.min(mirrored, period - 1 - mirrored);
      return weight === 0 ? [] : [[place, weight / sum]];
    });
  });
}

/** Round a part of a plane to 8 bits. */
function round(plane, from, to) {
  for (let k = from; k < to; k++) plane[k] = Math.floor(clamp(plane[k], 0, 255) + 0.5);
}

/** Resize the rows of a plane: each new row is a weighted sum of old ones. */
async function resizeRows(plane, [height, width], longer, { rounded, pause }) {
  const result = new Float64Array(longer * width);
  const rows = taps(height, longer);
  await inSlices(longer, width * rows[0].length, pause, (first, end) => {
    for (let k = first; k < end; k++) {
      for (const [place, weight] of rows[k]) {
        for (let x = 0, to = k * width, from = place * width; x < width; x++) {
          result[to++] += weight * plane[from++];
        }
      }
    }
    if (rounded) round(result, first * width, end * width);
  });
  return result;
}

/** Resize the columns of a plane. */
async function resizeColumns(plane, [height, width], longer, { rounded, pause }) {
  const result = new Float64Array(height * longer);
  const columns = taps(width, longer);
  await inSlices(height, longer * columns[0].length, pause, (first, end) => {
    for (let y = first, to = first * longer; y < end; y++) {
      for (const used of columns) {
        let sum = 0;
        for (let i = 0; i < used.length; i++) sum += used[i][1] * plane[y * width + used[i][0]];
        result[to++] = sum;
      }
    }
    if (rounded) round(result, first * longer, end * longer);
  });
  return result;
}

/** Resize a plane; one in 8 bits is rounded after each axis, as MATLAB does. */
async function imresize(plane, shape, newShape, { rounded = false, pause = breath } = {}) {
  const now = [...shape];
  const axes = newShape[0] / shape[0] <= newShape[1] / shape[1] ? [0, 1] : [1, 0];
  let made = plane;
  for (const axis of axes) {
    if (now[axis] === newShape[axis]) continue;
    made = await (axis ? resizeColumns : resizeRows)(made, now, newShape[axis],
      { rounded, pause });
    now[axis] = newShape[axis];
  }
  return made;
}

/** One channel of a picture, 0 to 3, in 0 to 255. */
async function channel({ data, height, width }, index, pause = breath) {
  const plane = new Float64Array(height * width);
  await inSlices(height, width, pause, (from, to) => {
    for (let k = from * width; k < to * width; k++) plane[k] = data[4 * k + index];
  });
  return plane;
}

/** Y, Cb or Cr of a picture, divided by 255. */
async function ycbcr({ data, height, width }, index, pause = breath) {
  const [red, green, blue] = FORWARD[index];
  const plane = new Float64Array(height * width);
  await inSlices(height, 4 * width, pause, (from, to) => {
    for (let k = from * width, p = 4 * k; k < to * width; k++, p += 4) {
      const sum = red * data[p] + green * data[p + 1] + blue * data[p + 2];
      plane[k] = (OFFSET[index] + sum / 255) / 255;
    }
  });
  return plane;
}

/** The picture of Y, Cb and Cr, and of an opacity in 0 to 255. */
async function inColour(planes, [height, width], alpha, pause = breath) {
  const [luma, blueness, redness] = planes;
  const data = new Uint8ClampedArray(4 * height * width);
  await inSlices(height, 16 * width, pause, (from, to) => {
    for (let k = from * width, p = 4 * k; k < to * width; k++, p += 4) {
      const y = 255 * luma[k] - OFFSET[0];
      const cb = 255 * blueness[k] - OFFSET[1];
      const cr = 255 * redness[k] - OFFSET[2];
      for (let c = 0; c < 3; c++) {
        const [ofLuma, ofBlue, ofRed] = BACKWARD[c];
        const share = clamp(ofLuma * y + ofBlue * cb + ofRed * cr, 0, 1);
        data[p + c] = Math.floor(255 * share + 0.5);
      }
      data[p + 3] = alpha ? alpha[k] : 255;
    }
  });
  return { data, height, width, veiled: Boolean(alpha) };
}

/** The 8-bit luma of a picture. */
async function lumaInSlices({ data, height, width }, pause = breath) {
  const luma = new Uint8Array(height * width);
  await inSlices(height, 4 * width, pause, (from, to) => {
    luma.set(lumaOf(data.subarray(4 * from * width, 4 * to * width)), from * width);
  });
  return luma;
}
