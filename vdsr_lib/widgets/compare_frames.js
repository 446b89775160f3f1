/* The frames of a comparison: the slider's text, the curves and their marker. */

/** A curve's value at `x`: on its straight line between two points, else null. */
function valueAt(curve, x) {
  for (let i = 0; i < curve.x.length; i++) {
    if (curve.x[i] === x) return curve.y[i];
    const [a, b] = [curve.x[i], curve.x[i + 1]];
    if (a < x && x < b) {
      const [u, v] = [curve.y[i], curve.y[i + 1]];
      return u === null || v === null ? null : u + ((v - u) * (x - a)) / (b - a);
    }
  }
  return null;
}

function signedTick(value) {
  return (value < 0 ? MINUS : "") + String(Math.abs(value));
}

/** Cards and stage with a series to run through. */
class CompareFrames extends CompareCards {
  drawFrames() {
    const labels = this.get("frame_labels");
    if (labels.length < 2) return;
    const frame = this.get("frame");
    const title = this.get("frame_title");
    markPlay(this.play, this.playing);
    if (Number(this.slider.value) !== frame) this.slider.value = frame;
    const text = `${title} ${labels[frame]}`;
    this.slider.setAttribute("aria-label", title);
    this.slider.setAttribute("aria-valuetext", text);
    setText(this.frameText, text);
    if (!this.get("curves").length) return;
    this.drawChart();
    const at = this.get("frame_x")[frame];
    this.marker.setAttribute("transform", `translate(${this.chartX(at)} 0)`);
    this.get("curves").forEach((curve, k) => {
      const y = valueAt(curve, at);
      this.spots[k].setAttribute("visibility", y === null ? "hidden" : "visible");
      if (y !== null) this.spots[k].setAttribute("cy", this.chartY(y));
      this.spots[k].setAttribute("cx", this.chartX(at));
      const text = y === null ? "none" : y.toFixed(this.digits).replace("-", MINUS);
      setText(this.readings[k], text);
    });
  }

  /** Draw axes and curves, once for each width, theme and content. */
  drawChart() {
    const width = this.chart.clientWidth;
    const key = `${width} ${this.root.dataset.theme}`;
    if (key === this.chartKey || !width) return;
    this.chartKey = key;
    const [height, left, right, top, bottom] = [150, 46, 12, 10, 34];
    const curves = this.get("curves");
    const xs = [...this.get("frame_x"), ...curves.flatMap((c) => c.x)];
    const ys = curves.flatMap((c) => c.y).filter((y) => y !== null);
    const [x0, x1] = [Math.min(...xs), Math.max(...xs)];
    let [y0, y1] = ys.length ? [Math.min(...ys), Math.max(...ys)] : [0, 1];
    const pad = (y1 - y0) * 0.06 || 0.5;
    [y0, y1] = [y0 - pad, y1 + pad];
    this.digits = clamp(1 - Math.floor(Math.log10(y1 - y0)), 2, 12); // of what is read
    this.chartX = (x) => left + ((x - x0) / (x1 - x0 || 1)) * (width - left - right);
    this.chartY = (y) => top + (1 - (y - y0) / (y1 - y0)) * (height - top - bottom);
    this.fromChart = (px) => x0 + ((px - left) / (width - left - right)) * (x1 - x0);
    const axis = [];
    for (const y of niceTicks(y0, y1, 5)) {
      const at = this.chartY(y);
      axis.push(h("line", { class: "vc-grid", x1: left, x2: width - right, y1: at, y2: at }),
        h("text", { x: left - 7, y: at + 4, "text-anchor": "end" }, signedTick(y)));
    }
    for (const x of this.get("frame_x")) {
      const at = this.chartX(x);
      axis.push(h("line", {
        class: "vc-tick", x1: at, x2: at, y1: height - bottom, y2: height - bottom + 4,
      }));
    }
    let free = -Infinity; // where the next label may begin
    for (const [i, x] of this.get("frame_x").entries()) {
      const text = this.get("frame_labels")[i];
      const half = text.length * 3.6 + 4;
      const at = clamp(this.chartX(x), half, width - half); // whole at both ends, too
      if (at - half < free) continue;
      free = at + half;
      axis.push(h("text", { x: at, y: height - 18, "text-anchor": "middle" }, text));
    }
    axis.push(h("text", {
      x: (left + width - right) / 2, y: height - 3, "text-anchor": "middle",
    }, this.get("frame_title")));
    this.marker = h("g", {}, h("line", { class: "vc-now", y1: top, y2: height - bottom }));
    this.spots = curves.map((_, k) => h("circle", { r: 4.5, class: `vc-spot vc-c${k % 6}` }));
    this.readings = curves.map(() => h("b"));
    const line = (k, d) => h("path", { class: `vc-line vc-c${k % 6}`, d });
    const sample = (k) =>
      h("svg", { width: 30, height: 4, "aria-hidden": "true" }, line(k, "M0 2H30"));
    const legend = h("div", { class: "vc-curves" },
      h("span", { class: "vc-unit" }, this.get("curve_label")),
      ...curves.map((curve, k) => h("span", { class: `vc-key vc-c${k % 6}` },
        sample(k), `${curve.name} `, this.readings[k])));
    const svg = h("svg", { width, height, role: "img", "aria-label":
      `${this.get("curve_label")} against ${this.get("frame_title")}: ` +
      curves.map((c) => c.name).join(", ") },
      ...axis, ...curves.map((curve, k) => line(k, this.line(curve))),
      this.marker, ...this.spots);
    this.chart.replaceChildren(legend, svg);
  }

  line({ x, y }) {
    let pen = "M";
    return x.map((value, i) => {
      if (y[i] === null) {
        pen = "M";
        return "";
      }
      const point = `${pen}${this.chartX(value).toFixed(1)} ${this.chartY(y[i]).toFixed(1)}`;
      pen = "L";
      return point;
    }).join("");
  }

  onChart(event) {
    const at = this.fromChart(event.clientX - this.chart.getBoundingClientRect().left);
    const far = this.get("frame_x").map((x) => Math.abs(x - at));
    this.set({ frame: far.indexOf(Math.min(...far)) });
  }
}
