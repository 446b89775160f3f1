/* What a clip does to the gradients of a step: counted here, from the bins.
 *
 * A trace is one training, as the model holds it: its rule, rate and theta, and for each
 * kept step the counts of elements by size. Nothing here touches the page.
 */

const RULES = {
  adjustable: "each element to \u00b1\u03b8 / rate: no step is longer than \u03b8",
  value: "each element to \u00b1\u03b8, whatever the rate",
  norm: "all elements by one factor, so that the norm is \u03b8 at most",
  none: "nothing is clipped",
};

/** A number with few digits, and powers of ten where it is far from 1. */
function short(value) {
  if (value === null || !Number.isFinite(value)) return "not a number";
  if (value === 0) return "0";
  const exponent = Math.floor(Math.log10(value) + 1e-9);
  if (exponent >= -3 && exponent < 5) return String(Number(value.toPrecision(3)));
  const leading = Number((value / 10 ** exponent).toPrecision(2));
  return leading === 1 ? power(exponent) : `${leading} \u00b7 ${power(exponent)}`;
}

/** How many elements are larger than `bound`: exact on a bin's edge, else in between. */
function beyond(counts, first, edges, bound) {
  let sum = 0;
  counts.forEach((count, i) => {
    const bin = first + i; // bin k lies between edges k - 1 and k
    const low = bin === 0 ? 0 : edges[bin - 1];
    const high = edges[bin] ?? Infinity;
    if (low >= bound * (1 - 1e-9)) sum += count;
    else if (high > bound * (1 + 1e-9) && Number.isFinite(high)) {
      const part = low === 0 ? (high - bound) / high
        : Math.log(high / bound) / Math.log(high / low);
      sum += count * part;
    } else if (!Number.isFinite(high)) sum += count;
  });
  return sum;
}

/** Where elements are cut; Infinity where they are not. */
function boundOf(trace, theta) {
  return { adjustable: theta / trace.learning_rate, value: theta }[trace.rule] ?? Infinity;
}

/** What the norm's rule multiplies all elements by; 1 where it, or another rule, does not. */
function factorOf(trace, moment, theta) {
  const { gradient_norm: norm } = trace.measured[moment];
  return trace.rule === "norm" && norm ? Math.min(1, theta / norm) : 1;
}

/** How many elements the gradient has at a step. */
function elements(trace, moment) {
  return trace.counts[moment].reduce((a, b) => a + b, 0);
}

/** The longest step of a weight, before momentum; null where it is not a number. */
function longestStep(trace, moment, theta) {
  const { largest } = trace.measured[moment];
  if (largest === null) return null;
  const kept = Math.min(largest * factorOf(trace, moment, theta), boundOf(trace, theta));
  return trace.learning_rate * kept;
}

/** What the clip does at a step, in a sentence. */
function effect(trace, moment, theta, edges) {
  const total = elements(trace, moment);
  const { gradient_norm: norm, clipped_share: share, largest } = trace.measured[moment];
  const all = total.toLocaleString("en");
  if (largest === null || (trace.rule === "norm" && norm === null)) {
    return "The gradient is not a number: there is nothing to clip.";
  }
  if (trace.rule === "none") return `None of ${all} elements is clipped.`;
  if (trace.rule === "norm") {
    const factor = factorOf(trace, moment, theta);
    return factor < 1
      ? `All ${all} elements are scaled by ${short(factor)}: the norm is ${short(norm)}, above \u03b8.`
      : `No element is scaled: the norm is ${short(norm)}, below \u03b8.`;
  }
  const trained = theta === trace.theta && share !== null;
  const counts = trace.counts[moment];
  const cut = trained ? Math.round(share * total)
    : Math.round(beyond(counts, trace.first, edges, boundOf(trace, theta)));
  const percent = (100 * cut) / total;
  const digits = percent > 0 && percent < 1 ? 2 : 1;
  return `${cut.toLocaleString("en")} of ${all} elements are clipped: ${percent.toFixed(digits)} %.`;
}

/** A height for the largest share in any bin of any step, so that the axis stands still. */
function tallest(trace, edges) {
  const inside = (counts) => counts.filter((_, i) => {
    const bin = trace.first + i;
    return bin > 0 && bin < edges.length;
  });
  const shares = trace.counts.map((counts, moment) =>
    Math.max(0, ...inside(counts)) / elements(trace, moment));
  return 112 * Math.max(...shares) || 1;
}

/** The powers of ten that all trainings and limits need. */
function span(traces, edges) {
  const lows = traces.map((one) => Math.log10(edges[Math.max(0, one.first)]));
  const highs = traces.map((one) =>
    Math.log10(edges[Math.min(edges.length, one.first + one.counts[0].length) - 1]));
  return [clamp(Math.floor(Math.min(...lows)), -9, -5), clamp(Math.ceil(Math.max(...highs)), 0, 4)];
}
