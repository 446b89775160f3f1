/* PSNR and SSIM of a luma in 8 bits under the paper's protocol, as metrics.py has them. */

const WINDOW = 11; // pixels a side of the window in which SSIM is measured
const SSIM_PIXELS = 4_000_000; // SSIM of more takes long, and `enlarging.py` has none either
const [C1, C2] = [(0.01 * 255) ** 2, (0.03 * 255) ** 2];

/** The weights of the window along one axis: a Gaussian of sigma 1.5. */
const GAUSSIAN = (() => {
  const half = (WINDOW - 1) / 2;
  const weights = Array.from({ length: WINDOW }, (_, k) => Math.exp(-((k - half) ** 2) / 4.5));
  const sum = weights.reduce((a, b) => a + b);
  return weights.map((weight) => weight / sum);
})();

/** Pixels that the paper leaves out of a score at each side. */
const borderOf = (scale, { height, width }) =>
  Math.min(Math.ceil(scale), Math.floor((Math.min(height, width) - 1) / 2));

/** PSNR in dB of two lumas inside a border, infinite where they agree. */
async function psnrOf(first, second, [height, width], border, pause) {
  let sum = 0;
  const [rows, columns] = [height, width].map((n) => n - 2 * border);
  await inSlices(rows, width, pause, (from, to) => {
    for (let y = from + border; y < to + border; y++) {
      for (let i = y * width + border, end = i + columns; i < end; i++) {
        sum += (first[i] - second[i]) ** 2;
      }
    }
  });
  return 10 * Math.log10((255 * 255 * rows * columns) / sum);
}

/** The mean structural similarity of two lumas inside a border.
 *
 * Of each row of windows: the means of both lumas, of their squares and of their product,
 * first down the columns, then along the row.
 */
async function ssimOf(first, second, [height, width], border, pause) {
  const [rows, columns] = [height, width].map((n) => n - 2 * border - WINDOW + 1);
  const across = columns + WINDOW - 1;
  const down = Array.from({ length: 5 }, () => new Float64Array(across));
  let sum = 0;
  const addRow = (top) => {
    for (const line of down) line.fill(0);
    GAUSSIAN.forEach((weight, k) => {
      for (let x = 0, i = (top + k) * width + border; x < across; x++, i++) {
        const [a, b] = [first[i], second[i]];
        down[0][x] += weight * a;
        down[1][x] += weight * b;
        down[2][x] += weight * a * a;
        down[3][x] += weight * b * b;
        down[4][x] += weight * a * b;
      }
    });
    for (let x = 0; x < columns; x++) {
      let [a, b, aa, bb, ab] = [0, 0, 0, 0, 0];
      for (let k = 0; k < WINDOW; k++) {
        const weight = GAUSSIAN[k];
        a += weight * down[0][x + k];
        b += weight * down[1][x + k];
        aa += weight * down[2][x + k];
        bb += weight * down[3][x + k];
        ab += weight * down[4][x + k];
      }
      sum += ((2 * a * b + C1) * (2 * (ab - a * b) + C2)) /
        ((a * a + b * b + C1) * (aa - a * a + bb - b * b + C2));
    }
  };
  await inSlices(rows, 10 * WINDOW * across, pause, (from, to) => {
    for (let y = from; y < to; y++) addRow(y + border);
  });
  return sum / (rows * columns);
}

/** [PSNR, SSIM] of a picture's luma; no SSIM where it is too small or too large for one. */
async function scoresOf(truth, picture, scale, pause = breath, most = SSIM_PIXELS) {
  const [first, second] = [await lumaInSlices(truth, pause), await lumaInSlices(picture, pause)];
  const [sides, border] = [sidesOf(truth), borderOf(scale, truth)];
  const can = first.length <= most && Math.min(...sides) - 2 * border >= WINDOW;
  return [await psnrOf(first, second, sides, border, pause),
    can ? await ssimOf(first, second, sides, border, pause) : null];
}
