/* The two charts of the clipping explorer: the gradients by size, and the training. */

/** A page that draws its charts. */
class ClippingCharts extends ClippingPage {
  drawHistogram(trace, moment, theta) {
    const edges = this.get("edges");
    const [low, high] = span(this.get("traces"), edges);
    const most = tallest(trace, edges);
    const plot = chart(this.histogram.clientWidth, 250,
      { x: [low, high], y: [0, most], left: 48 });
    const every = high - low > 9 ? 2 : 1;
    const ticks = [];
    for (let e = Math.ceil(low); e <= high; e++) if (e % every === 0) ticks.push([e, power(e)]);
    plot.axes({
      xTicks: ticks,
      yTicks: niceTicks(0, most, 4).map((v) => [v, `${v} %`]),
      xLabel: "size of an element of the gradient", yLabel: "",
    });
    const bound = boundOf(trace, theta);
    const at = Number.isFinite(bound) ? Math.log10(bound) : Infinity;
    const total = elements(trace, moment);
    const shares = trace.counts[moment].map((count) => (100 * count) / total);
    this.drawBins(plot, trace, shares, [low, high], at);
    if (at >= low && at <= high) this.drawBound(plot, at, bound);
    const factor = factorOf(trace, moment, theta);
    this.drawScaled(plot, trace, shares, [low, high], factor);
    setText(this.heading, "Gradients by size, before the clip" +
      (factor < 1 ? "; line: after it" : ""));
    const step = trace.steps[moment];
    const said = effect(trace, moment, theta, edges);
    plot.svg.setAttribute("aria-label",
      `Histogram of ${total} elements at step ${step}. ${said}`);
    this.histogram.replaceChildren(plot.svg);
  }

  /** A bar for each bin, in two colours where the clip cuts it. */
  drawBins(plot, trace, shares, [low, high], at) {
    const edges = this.get("edges");
    shares.forEach((share, i) => {
      const bin = trace.first + i;
      if (!share || bin === 0) return; // what is 0 or nearly so has no place on the axis
      const from = Math.log10(edges[bin - 1]);
      const to = bin < edges.length ? from + 0.1 : from + 0.3;
      for (const [a, b, name] of [[from, Math.min(to, Math.max(from, at)), "vl-kept"],
        [Math.max(from, Math.min(to, at)), to, "vl-cut"]]) {
        const [left, right] = [plot.x(clamp(a, low, high)), plot.x(clamp(b, low, high))];
        if (right - left < 0.01) continue;
        plot.svg.append(h("rect", { class: name, x: left, width: right - left,
          y: plot.y(share), height: plot.y(0) - plot.y(share) }));
      }
    });
  }

  /** The same elements after the norm's scaling, as an outline. */
  drawScaled(plot, trace, shares, [low, high], factor) {
    if (factor >= 1) return;
    const edges = this.get("edges");
    const moved = shares.map((share, i) =>
      [Math.log10(edges[Math.max(0, trace.first + i - 1)]) + Math.log10(factor) + 0.05, share]);
    const last = shares.findLastIndex((share) => share > 0) + 1; // then back to zero
    plot.line(moved.slice(0, last + 1).filter(([x]) => x >= low && x <= high),
      { class: "vk-line vl-after" });
  }

  /** A line where elements are cut, with its value beside it. */
  drawBound(plot, at, bound) {
    const x = plot.x(at);
    const start = x > this.histogram.clientWidth - 120;
    plot.svg.append(
      h("line", { class: "vl-bound", x1: x, x2: x, y1: plot.top, y2: plot.y(0) }),
      h("text", { class: "vl-mark", x: x + (start ? -6 : 6), y: plot.top + 10,
        "text-anchor": start ? "end" : "start" }, `clipped at ${short(bound)}`));
  }

  /** PSNR against steps: this training's curve, and the others of its rule. */
  drawCourse(trace, moment) {
    const width = this.course.clientWidth;
    const traces = this.get("traces");
    const base = trace.baseline;
    const all = traces.flatMap((one) => one.psnr.map(([, v]) => v)).filter((v) => v !== null);
    const top = Math.max(...all, base ?? -Infinity);
    const floor = Math.max(Math.min(...all, base ?? Infinity), (base ?? top) - 0.8);
    const last = Math.max(...traces.flatMap((one) => one.psnr.map(([s]) => s)), 1);
    const pad = 0.08 * (top - floor) || 0.5;
    const range = [floor - pad, top + pad];
    const plot = chart(width, 210, { x: [0, last], y: range, left: 48, bottom: 36 });
    plot.axes({
      xTicks: niceTicks(0, last, 5).filter(Number.isInteger).map((v) => [v, String(v)]),
      yTicks: niceTicks(...range, 4).map((v) => [v, String(v)]),
      xLabel: "step", yLabel: "",
    });
    if (base !== null) {
      plot.svg.append(h("line", { class: "vl-base", x1: plot.left,
        x2: width - plot.right, y1: plot.y(base), y2: plot.y(base) }));
    }
    const shown = (one) => one.psnr.map(([s, v]) => [s, v === null ? null : clamp(v, ...range)]);
    const alike = traces.filter((one) => one.rule === trace.rule);
    for (const one of alike.filter((t) => t !== trace)) {
      plot.line(shown(one), { class: "vk-line vl-other" });
    }
    plot.line(shown(trace), { class: "vk-line vl-own" });
    const step = trace.steps[moment];
    plot.svg.append(h("line", { class: "vl-now", x1: plot.x(step), x2: plot.x(step),
      y1: plot.top, y2: plot.y(range[0]) }));
    plot.svg.setAttribute("aria-label", `PSNR in dB against steps for ${trace.rule} at rate ` +
      `${trace.learning_rate}; pale lines: the same rule at other rates.`);
    const low = alike.some((one) => one.psnr.some(([, v]) => v !== null && v < range[0]));
    const lower = low ? "; along the bottom: lower still" : "";
    const dashed = base === null ? "" : `; dashed: bicubic, ${base.toFixed(2)}`;
    this.course.replaceChildren(
      h("div", { class: "vk-note" },
        `PSNR of two details (dB)${dashed}; pale: the rule's other ` +
        `trainings${lower}`),
      plot.svg);
  }
}
