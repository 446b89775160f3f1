/* What the explorers' pages share: controls, charts, and a view of a model.
 *
 * It stands behind tools.js, and before the explorer's own code, in one ES module.
 * State lives in the model's traits; a view draws it, once a frame, when it changed.
 */

/** A number with a true minus and, if asked for, a plus. */
function number(value, digits, { sign = false } = {}) {
  const text = Math.abs(value).toFixed(digits);
  const zero = Number(text) === 0;
  return (zero ? "" : value < 0 ? MINUS : sign ? "+" : "") + text;
}

/** A power of ten such as 10 to the -4, as text that reads well. */
function power(exponent) {
  const raised = "\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079";
  const digits = [...String(Math.abs(exponent))].map((d) => raised[d]).join("");
  return `10${exponent < 0 ? "\u207b" : ""}${digits}`;
}

/** A view of one model: subclasses have `build()` and `draw()`. */
class Explorer extends Page {
  constructor(model, el, name) {
    super(model, el);
    this.problem = h("div", { class: "vk-problem", role: "alert", hidden: true });
    this.root = h("div", { class: `vdsr-kit ${name}`, role: "group" });
    this.build();
    this.root.append(this.problem);
    el.append(this.root);
    keepKeys(this);
    muteResting(this);
    followTheme(this, () => this.schedule());
    this.followSize();
    this.on(["description", "problem"], () => this.schedule());
    this.heed("comm_live_update", () => this.schedule());
    this.schedule();
  }

  /** Whether a kernel answers a request.
   *
   * Not on a page of its own, nor in a notebook that was opened again. The layout says
   * it for the widget: anywidget hands out the widget's own model without that.
   */
  get live() {
    return Boolean(this.model.widget_manager) &&
      this.get("layout")?.comm_live !== false;
  }

  /** What it shows, in words. */
  label() {
    return this.get("description");
  }

  drawFrame() {
    this.root.setAttribute("aria-label", this.label());
    this.draw();
    this.complain(this.wrong());
    this.settle();
  }

  /** What is wrong, in a sentence; else nothing. */
  wrong() {
    return this.get("problem");
  }

  // ------------------------------------------------------------------ controls

  /** A row of buttons of which one is pressed; `mark(value)` presses it. */
  choice(label, handler) {
    const group = h("div", { class: "vk-group", role: "group", "aria-label": label });
    const node = h("div", { class: "vk-field" }, h("span", { class: "vk-label" }, label), group);
    const fill = (options) => {
      const key = JSON.stringify(options);
      if (group.dataset.filled === key) return; // a new button would lose the focus
      group.dataset.filled = key;
      group.replaceChildren(...options.map(([value, text, title]) => {
        const button = h("button", { type: "button", title: title ?? null }, text);
        button.value = value;
        button.setAttribute("data-lm-suppress-shortcuts", "true");
        this.listen(button, "click", () => handler(value));
        return button;
      }));
    };
    const mark = (value) => {
      for (const button of group.children) {
        button.setAttribute("aria-pressed", button.value === String(value));
      }
    };
    return { node, group, fill, mark };
  }

  select(label, handler) {
    const box = h("select");
    this.listen(box, "change", () => handler(box.value));
    const fill = (options) => {
      const key = JSON.stringify(options);
      if (box.dataset.filled === key) return;
      box.dataset.filled = key;
      box.replaceChildren(...options.map(([value, text]) => h("option", { value }, text)));
    };
    const node = h("label", { class: "vk-field" }, h("span", { class: "vk-label" }, label), box);
    return { node, box, fill };
  }

  /** A slider over the members of a list, with a button that plays them. */
  player(label, handler, count, pause = 700) {
    const input = h("input", { type: "range", min: 0, step: 1, "aria-label": label });
    const button = h("button", { type: "button", class: "vk-play" });
    const text = h("span", { class: "vk-now" }); // the slider speaks for itself
    const node = h("div", { class: "vk-player" }, button, input, text);
    let playing = false;
    const tick = () => {
      if (count() < 2) return toggle(false); // fewer came while it played
      handler((Number(input.value) + 1) % count());
      this.playTimer = setTimeout(tick, pause);
    };
    const toggle = (wanted = !playing) => {
      playing = wanted && count() > 1;
      clearTimeout(this.playTimer);
      if (playing) tick();
      markPlay(button, playing);
    };
    markPlay(button, playing);
    this.listen(button, "click", () => toggle());
    this.listen(input, "input", () => handler(Number(input.value)));
    const mark = (index, said) => {
      input.max = Math.max(0, count() - 1);
      if (Number(input.value) !== index) input.value = index;
      input.setAttribute("aria-valuetext", said);
      setText(text, said);
    };
    return { node, input, mark, toggle };
  }

  /** A small table of facts: `write([[what, how much], ...])`. */
  facts() {
    const node = h("dl", { class: "vk-facts" });
    const write = (rows) => {
      const key = JSON.stringify(rows);
      if (node.dataset.written === key) return;
      node.dataset.written = key;
      node.replaceChildren(...rows.map(([what, much]) =>
        h("div", {}, h("dt", {}, what), h("dd", {}, much))));
    };
    return { node, write };
  }
}

/** An SVG chart with axes; `x` and `y` map values to places. */
function chart(width, height, { x: [x0, x1], y: [y0, y1], left = 52, bottom = 40,
  top = 12, right = 12 }) {
  const x = (value) => left + ((value - x0) / (x1 - x0 || 1)) * (width - left - right);
  const y = (value) => top + (1 - (value - y0) / (y1 - y0 || 1)) * (height - top - bottom);
  const svg = h("svg", { width, height, role: "img" });
  const axes = ({ xTicks, yTicks, xLabel, yLabel }) => {
    for (const [value, text] of yTicks) {
      svg.append(
        h("line", { class: "vk-grid", x1: left, x2: width - right, y1: y(value), y2: y(value) }),
        h("text", { x: left - 7, y: y(value) + 4, "text-anchor": "end" }, text));
    }
    svg.append(h("line", { class: "vk-axis", x1: left, x2: width - right,
      y1: height - bottom, y2: height - bottom }));
    for (const [value, text] of xTicks) {
      svg.append(
        h("line", { class: "vk-axis", x1: x(value), x2: x(value),
          y1: height - bottom, y2: height - bottom + 4 }),
        h("text", { x: x(value), y: height - bottom + 17, "text-anchor": "middle" }, text));
    }
    svg.append(h("text", { class: "vk-title", x: (left + width - right) / 2,
      y: height - 5, "text-anchor": "middle" }, xLabel));
    if (yLabel) {
      svg.append(h("text", { class: "vk-title", "text-anchor": "middle",
        transform: `translate(12 ${(top + height - bottom) / 2}) rotate(-90)` }, yLabel));
    }
  };
  const line = (points, attributes) => {
    let pen = "M";
    const d = points.map(([a, b]) => {
      if (b === null || !Number.isFinite(b)) {
        pen = "M";
        return "";
      }
      const part = `${pen}${x(a).toFixed(1)} ${y(b).toFixed(1)}`;
      pen = "L";
      return part;
    }).join("");
    svg.append(h("path", { class: "vk-line", d, ...attributes }));
  };
  const value = (px) => x0 + ((px - left) / (width - left - right)) * (x1 - x0);
  return { svg, x, y, axes, line, value, left, right, top, bottom };
}
