/* The curves of a monitor: their axes, their lines, and reading them off. */

const HEIGHT = 156; // of a chart, in CSS pixels
const EDGE = { left: 50, right: 10, top: 8, bottom: 28 };

/** The class of a training's curve: one of six colours and twelve ways of dashing. */
const look = (k) => `vm-c${k % 6}${k % 12 < 6 ? "" : " vm-airy"}`;

/** A monitor with its four charts. */
class MonitorCharts extends MonitorStop {
  drawCharts(runs, i) {
    const width = this.charts[0].plot.clientWidth;
    if (!width) return;
    const seen = runs.reduce((most, _, k) => Math.max(most, this.furthest(k)), 1);
    const total = this.isOn() ? this.get("now").total ?? 1 : seen;
    this.last = Math.max(seen, Math.min(total, Math.ceil(1.2 * seen))); // room to grow
    this.x = (step) => EDGE.left + (step / this.last) * (width - EDGE.left - EDGE.right);
    this.fromX = (px) => ((px - EDGE.left) / (width - EDGE.left - EDGE.right)) * this.last;
    const at = this.at ?? this.furthest(i);
    for (const chart of this.charts) {
      const score = chart.name === "score";
      chart.node.hidden = score && !this.scoreName();
      if (chart.node.hidden) continue;
      const level = score
        ? runs.map((run) => run.baseline[this.scoreName()]).find((v) => v != null) : null;
      setText(chart.heading, this.heading(chart, level));
      const line = this.line(chart, i);
      const point = indexAt(line, at);
      setText(chart.reading, this.written(chart, line, point));
      this.drawChart(chart, runs, i, width, level, point);
    }
    this.grid.setAttribute("aria-valuemin", 0);
    this.grid.setAttribute("aria-valuemax", Math.round(this.last));
    this.grid.setAttribute("aria-valuenow", Math.round(at));
    this.grid.setAttribute("aria-valuetext", this.readings(i, at));
  }

  heading(chart, level) {
    if (chart.name !== "score") return chart.title;
    const which = scored(this.scoreName());
    const name = which ? `PSNR ${which} (dB)` : chart.title;
    return level == null ? name : `${name}, bicubic ${level.toFixed(2)}`;
  }

  /** A curve's point as text: its value, and the extremes that it is the mean of. */
  written(chart, { y, low, high }, n) {
    if (n < 0) return "";
    const write = (value) => {
      if (chart.percent) return `${(100 * value).toFixed(value < 0.1 ? 1 : 0)} %`;
      return chart.name === "score" ? value.toFixed(2) : brief(value);
    };
    const band = low && `${write(low[n])} to ${write(high[n])}`;
    return write(y[n]) + (band ? ` (${band})` : "");
  }

  furthest(i) {
    const [steps, validated] = [this.curves(i).step ?? [], this.get("runs")[i]?.steps ?? []];
    return Math.max(0, ...steps.slice(-1), ...validated.slice(-1));
  }

  readings(i, at) {
    const values = this.charts.map((chart) => {
      const run = this.get("runs")[i];
      if (!run || (chart.name === "score" && !this.scoreName())) return "";
      const line = this.line(chart, i);
      const value = this.written(chart, line, indexAt(line, at));
      return value && `${chart.title.replace(" (dB)", "")} ${value}`;
    });
    return [`step ${Math.round(at)}`, ...values.filter(Boolean)].join(", ");
  }

  drawChart(chart, runs, i, width, level, point) {
    const lines = runs.map((_, k) => this.line(chart, k));
    const good = (y) => y !== null && (!chart.log || y > 0);
    const ys = lines.flatMap(({ y, low = [], high = [] }) =>
      [y, low, high].flatMap((values) => values.filter(good)));
    if (level != null) ys.push(level);
    const scale = this.scale(chart, ys);
    const parts = scale.ticks.flatMap((y) => [
      h("line", { class: "vm-grid", x1: EDGE.left, x2: width - EDGE.right, y1: scale.y(y), y2: scale.y(y) }),
      h("text", { x: EDGE.left - 6, y: scale.y(y) + 4, "text-anchor": "end" },
        chart.percent ? `${Math.round(100 * y)} %` : brief(y)),
    ]);
    const steps = niceTicks(0, this.last, width < 300 ? 2 : 4).filter(Number.isInteger);
    for (const step of steps.filter((s) => this.x(s) < width - 14)) {
      parts.push(h("text", { x: this.x(step), y: HEIGHT - 6, "text-anchor": "middle" },
        step === 0 ? "step 0" : step.toLocaleString("en")));
    }
    if (level != null) {
      parts.push(h("line", { class: "vm-level", x1: EDGE.left, x2: width - EDGE.right, y1: scale.y(level), y2: scale.y(level) }));
    }
    const order = runs.map((_, k) => k).filter((k) => k !== i);
    for (const k of [...order, i].filter((n) => n < runs.length)) {
      const { x, y, low, high } = lines[k];
      const path = this.path(x, y.map((v) => (good(v) ? v : null)), scale.y);
      const bottom = HEIGHT - EDGE.bottom;
      const area = low ? [h("path", { class: "vm-band",
        d: this.band(x, low, high, (v) => (good(v) ? scale.y(v) : bottom)) })] : [];
      const few = y.length <= (chart.name === "score" ? 16 : 1);
      const dots = few ? y.flatMap((v, n) => (good(v)
        ? [h("circle", { cx: this.x(x[n]), cy: scale.y(v), r: k === i ? 3 : 2 })] : [])) : [];
      parts.push(h("g", {
        class: `vm-line ${look(k)}${k === i ? " vm-chosen" : ""}`,
      }, ...area, h("path", { d: path }), ...dots));
    }
    if (this.at !== null) {
      const x = this.x(this.at);
      const y = lines[i].y[point];
      parts.push(h("line", { class: "vm-cursor", x1: x, x2: x, y1: EDGE.top, y2: HEIGHT - EDGE.bottom }));
      if (point >= 0 && good(y)) {
        parts.push(h("circle", { class: `vm-spot vm-c${i % 6}`, cx: this.x(lines[i].x[point]), cy: scale.y(y), r: 4 }));
      }
    }
    chart.plot.replaceChildren(
      h("svg", { width, height: HEIGHT, "aria-hidden": "true" }, ...parts));
  }

  /** An axis that holds all values: its ticks, and a value's place in pixels. */
  scale(chart, ys) {
    const [top, bottom] = [EDGE.top, HEIGHT - EDGE.bottom];
    if (chart.percent) {
      return { ticks: [0, 0.5, 1], y: (v) => bottom - v * (bottom - top) };
    }
    let [low, high] = ys.length ? extent(ys) : chart.log ? [0.1, 1] : [0, 1];
    if (chart.log) {
      [low, high] = [low / 1.15, high * 1.15];
      const [a, b] = [Math.log(low), Math.log(high)];
      return {
        ticks: logTicks(low, high),
        y: (v) => bottom - ((Math.log(v) - a) / (b - a || 1)) * (bottom - top),
      };
    }
    const pad = (high - low) * 0.08 || 0.5;
    [low, high] = [low - pad, high + pad];
    return {
      ticks: niceTicks(low, high, 4),
      y: (v) => bottom - ((v - low) / (high - low)) * (bottom - top),
    };
  }

  path(xs, ys, place) {
    let pen = "M";
    return ys.map((value, n) => {
      if (value === null) {
        pen = "M";
        return "";
      }
      const point = `${pen}${this.x(xs[n]).toFixed(1)} ${place(value).toFixed(1)}`;
      pen = "L";
      return point;
    }).join("");
  }

  /** The outline of what lies between two curves, a part for each gap. */
  band(xs, low, high, place) {
    const parts = [[]];
    low.forEach((value, n) => {
      if (value === null || high[n] === null) parts.push([]);
      else parts.at(-1).push(n);
    });
    const point = (n, value) => `${this.x(xs[n]).toFixed(1)} ${place(value).toFixed(1)}`;
    return parts.filter((part) => part.length).map((part) => `M${[
      ...part.map((n) => point(n, high[n])),
      ...part.toReversed().map((n) => point(n, low[n])),
    ].join("L")}Z`).join("");
  }

  // ------------------------------------------------------------------ reading

  read(at) {
    if (this.at === at) return;
    this.at = at;
    this.schedule();
  }

  onPointer(event) {
    const plot = event.target.closest?.(".vm-plot");
    if (!plot || !this.fromX) return;
    const x = event.clientX - plot.getBoundingClientRect().left;
    this.read(clamp(this.fromX(x), 0, this.furthest(this.index())));
  }

  onKey(event) {
    const end = this.furthest(this.index());
    const step = (event.shiftKey ? 0.1 : 0.01) * this.last;
    const at = this.at ?? end;
    const to = {
      ArrowLeft: at - step, ArrowDown: at - step, ArrowRight: at + step, ArrowUp: at + step,
      PageDown: at - 0.1 * this.last, PageUp: at + 0.1 * this.last, Home: 0, End: end,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.read(clamp(to, 0, end));
  }
}
