/* How a training's times and numbers are written, and where its axes have ticks. */

/** Seconds as 0:07, 12:34 or 1:02:03. */
function clock(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const [m, s] = [Math.floor(whole / 60), String(whole % 60).padStart(2, "0")];
  return m < 60 ? `${m}:${s}` : `${Math.floor(m / 60)}:${String(m % 60).padStart(2, "0")}:${s}`;
}

/** Seconds as one says them: "about 2 minutes". */
function spoken(seconds) {
  const many = (count, unit) => `about ${count} ${unit}${count === 1 ? "" : "s"}`;
  if (seconds < 55) return many(Math.max(5, Math.round(seconds / 5) * 5), "second");
  if (seconds < 5400) return many(Math.round(seconds / 60), "minute");
  return many(Math.round(seconds / 3600), "hour");
}

/** A number in about three digits. */
function brief(value) {
  if (value === null || value === undefined) return "none";
  const size = Math.abs(value);
  if (size !== 0 && (size < 0.001 || size >= 1e5)) {
    return value.toExponential(1).replace("e+", "e").replace(/-/g, MINUS);
  }
  return String(Number(value.toPrecision(3))).replace("-", MINUS);
}

/** What a score is of, as it is written; nothing for "psnr" alone. */
function scored(name) {
  return name.replace(/^psnr[_ ]?/, "").replace(/^x(?=\d)/, TIMES);
}

/** Ticks of a logarithmic axis: powers of ten, or 1-2-5 where there are few. */
function logTicks(low, high) {
  const from = Math.floor(Math.log10(low));
  const upTo = Math.ceil(Math.log10(high));
  const stride = Math.max(1, Math.ceil((upTo - from) / 4));
  const steps = upTo - from > 2 ? [1] : upTo - from > 1 ? [1, 3] : [1, 2, 5];
  const ticks = [];
  for (let p = from; p <= upTo; p += stride) {
    for (const s of steps) {
      const value = Number((s * 10 ** p).toPrecision(3));
      if (value >= low * 0.999 && value <= high * 1.001) ticks.push(value);
    }
  }
  return ticks.length > 1 ? ticks : niceTicks(low, high, 3).filter((v) => v > 0);
}

/** The index of a curve's last point that is not after `step`; -1 if none. */
function indexAt({ x, y }, step) {
  let found = -1;
  for (let i = 0; i < x.length && x[i] <= step; i++) {
    if (y[i] != null) found = i;
  }
  return found;
}

/** The lowest and the highest of many numbers: too many to be arguments. */
function extent(values) {
  return values.reduce(([low, high], v) => [Math.min(low, v), Math.max(high, v)],
    [Infinity, -Infinity]);
}
