/* A field of gradients as a picture: numbers to colours, on a logarithmic scale. */

const DECADES = 3; // below its largest value, a field is still coloured
// matplotlib's magma, as in the static figure.
const MAGMA = [
  "000004", "140e36", "3b0f70", "641a80", "8c2981", "b73779",
  "de4968", "f7705c", "fe9f6d", "fecf92", "fcfdbf",
].map((hex) => [0, 2, 4].map((i) => parseInt(hex.slice(i, i + 2), 16)));

/** The colour of a share from 0 to 1, as [r, g, b]. */
function magma(share) {
  const place = clamp(share, 0, 1) * (MAGMA.length - 1);
  const low = Math.min(Math.floor(place), MAGMA.length - 2);
  return MAGMA[low].map((c, i) => Math.round(c + (place - low) * (MAGMA[low + 1][i] - c)));
}

/** Numbers as a canvas, one pixel each, on a logarithmic scale; `shade` gives RGBA. */
function fieldCanvas(values, side, shade) {
  const canvas = h("canvas", { width: side, height: side });
  const context = canvas.getContext("2d");
  const image = context.createImageData(side, side);
  const largest = values.reduce((a, b) => Math.max(a, b), 0);
  values.forEach((value, k) => {
    const share = value > 0 ? 1 + Math.log10(value / largest) / DECADES : 0;
    image.data.set(shade(clamp(share, 0, 1)), 4 * k);
  });
  context.putImageData(image, 0, 0);
  return canvas;
}

function floats(view) {
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  return new Float32Array(bytes.slice().buffer);
}
