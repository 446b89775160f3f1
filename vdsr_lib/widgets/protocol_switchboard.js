/* The page side of `ProtocolSwitchboard`: five switches, and the PSNR that they give.
 *
 * Every combination was measured beforehand; the page looks it up. Where a kernel runs,
 * other data sets and scales can be asked for. Stands after kit.js in one module.
 */

class ProtocolSwitchboard extends Explorer {
  build() {
    this.scales = this.choice("Scale", (scale) => this.set({ scale: Number(scale) }));
    this.picture = this.select("Picture", (picture) => this.set({ picture }));
    this.collection = this.select("Data set", (collection) =>
      this.ask(collection, this.get("scale")));
    this.more = this.select("Another scale", (scale) => {
      if (scale) this.ask(this.get("collection"), Number(scale));
    });
    this.busy = h("span", { class: "vk-note", role: "status" });
    this.rows = this.get("switches").map((one, i) => this.buildSwitch(one, i));
    this.reset = h("button", { type: "button" }, "Back to the paper's protocol");
    this.listen(this.reset, "click", () => this.set({ turned: this.rows.map(() => false) }));
    this.reading = h("div", { class: "vs-reading" });
    this.change = h("div", { class: "vs-change" });
    this.what = h("div", { class: "vk-note" });
    this.line = h("div", { class: "vs-line" });
    this.table = h("table", { class: "vs-table" });
    this.root.append(
      h("div", { class: "vk-bar" }, this.scales.node, this.picture.node,
        this.collection.node, this.more.node, this.busy),
      h("div", { class: "vs-body" },
        h("div", {},
          h("div", { class: "vs-switches" },
            h("div", { class: "vs-row vk-note", "aria-hidden": "true" }, h("span"),
              h("span", { class: "vs-choice" }, h("span", { class: "vs-side" }, "the paper"),
                h("span", { class: "vs-gap" }), h("span", { class: "vs-side" }, "often")),
              h("span", { class: "vs-cost" }, "alone")),
            ...this.rows.map((row) => row.node)),
          this.reset),
        h("div", { class: "vs-result" },
          h("div", { class: "vs-numbers", role: "status" }, this.reading, this.change, this.what),
          this.line, this.table)));
    this.on(["turned", "scale", "picture", "names", "decibels", "collection", "busy",
      "collections", "more_scales"], () => this.schedule());
  }

  buildSwitch({ name, what, paper, turned, where }, i) {
    const button = h("button", { type: "button", role: "switch", class: "vs-switch",
      "aria-label": `${what}: ${turned} instead of ${paper}`, title: where },
    h("span", { class: "vs-knob" }));
    const toggle = () => this.set({ turned: this.get("turned").map((on, k) => (k === i ? !on : on)) });
    this.listen(button, "click", toggle);
    const sides = [paper, turned].map((text) => h("span", { class: "vs-side" }, text));
    const alone = h("b");
    const set5 = h("span", { class: "vk-note" });
    return {
      button, sides, alone, set5,
      node: h("div", { class: "vs-row", "data-name": name },
        h("span", { class: "vs-what" }, what),
        h("span", { class: "vs-choice" }, sides[0], button, sides[1]),
        h("span", { class: "vs-cost" }, alone, set5)),
    };
  }

  ask(collection, scale) {
    const known = collection === this.get("collection") && this.get("decibels")[scale];
    if (known) this.set({ scale });
    else this.set({ request: { number: Date.now(), collection, scale } });
  }

  /** The PSNR of the chosen picture, or the mean, under a combination. */
  value(index) {
    const rows = this.get("decibels")[this.get("scale")];
    const k = this.get("names").indexOf(this.get("picture"));
    if (k >= 0) return rows[k][index];
    return rows.reduce((sum, row) => sum + row[index], 0) / rows.length;
  }

  draw() {
    const scale = this.get("scale");
    const names = this.get("names");
    const turned = this.get("turned");
    const index = turned.reduce((sum, on, i) => sum + (on ? 1 << i : 0), 0);
    const scales = Object.keys(this.get("decibels")).map(Number).sort((a, b) => a - b);
    this.scales.fill(scales.map((s) => [s, `\u00d7${s}`]));
    this.scales.mark(scale);
    this.picture.fill([["", `mean of ${names.length}`], ...names.map((n) => [n, n])]);
    this.picture.box.value = this.get("picture");
    this.collection.node.hidden = this.more.node.hidden = !this.live;
    this.collection.fill(this.get("collections").map((n) => [n, n]));
    this.collection.box.value = this.get("collection");
    this.more.fill([["", "choose"], ...this.get("more_scales").map((s) => [s, `\u00d7${s}`])]);
    this.more.box.value = "";
    setText(this.busy, this.get("busy") ? "measuring \u2026" : "");
    const now = this.value(index);
    const paper = this.value(0);
    setText(this.reading, `${now.toFixed(2)} dB`);
    const count = turned.filter(Boolean).length;
    setText(this.change, count
      ? `${number(now - paper, 3, { sign: true })} dB against the paper's protocol`
      : "the paper's protocol");
    setText(this.what, `bicubic, \u00d7${scale}: ${this.get("picture") || "the mean"} of ` +
      this.get("collection"));
    rest(this.reset, count === 0);
    this.root.classList.toggle("vs-off", count > 0);
    this.drawSwitches(turned, paper, scale);
    this.drawLine(now, paper, index);
    this.drawTable(index);
  }

  drawSwitches(turned, paper, scale) {
    this.rows.forEach(({ button, sides, alone, set5 }, i) => {
      button.setAttribute("aria-checked", turned[i]);
      sides.forEach((side, k) => side.classList.toggle("vs-on", turned[i] === Boolean(k)));
      const cost = this.value(1 << i) - paper;
      setText(alone, `${number(cost, 3, { sign: true })} dB`);
      const published = this.get("switches")[i].set5[scale];
      setText(set5, published === undefined ? ""
        : `on Set5 ${number(published, Math.abs(published) < 0.1 ? 3 : 2, { sign: true })}`);
    });
  }

  /** All combinations on a line of decibels: where the paper is, and where we are. */
  drawLine(now, paper, index) {
    const width = this.line.clientWidth;
    const all = Array.from({ length: 32 }, (_, k) => this.value(k));
    const [low, high] = [Math.min(...all), Math.max(...all)];
    const pad = (high - low) * 0.06 || 0.1;
    const plot = chart(width, 104, { x: [low - pad, high + pad], y: [0, 1],
      left: 8, right: 8, top: 34, bottom: 34 });
    plot.axes({ xTicks: niceTicks(low - pad, high + pad, Math.max(3, width / 90)).map((v) =>
      [v, String(v).replace("-", MINUS)]), yTicks: [], xLabel: "", yLabel: "" });
    all.forEach((value) => plot.svg.append(h("line", { class: "vs-tick",
      x1: plot.x(value), x2: plot.x(value), y1: plot.y(0) - 12, y2: plot.y(0) })));
    plot.svg.append(h("line", { class: "vs-paper", x1: plot.x(paper), x2: plot.x(paper),
      y1: 17, y2: plot.y(0) }));
    const mid = (plot.x(now) + plot.x(paper)) / 2;
    if (index) {
      plot.svg.append(h("line", { class: "vs-way", x1: plot.x(paper), x2: plot.x(now),
        y1: plot.y(0) - 17, y2: plot.y(0) - 17 }));
    }
    plot.svg.append(h("circle", { class: "vs-spot", r: 6, cx: plot.x(now), cy: plot.y(0) - 17 }));
    const put = (text, at, y, name) => plot.svg.append(h("text", { class: name,
      x: clamp(at, 40, width - 40), y, "text-anchor": "middle" }, text));
    put("the paper", plot.x(paper), 12, "vs-name");
    if (index && Math.abs(now - paper) > 0.1) {
      put(number(now - paper, 2, { sign: true }), mid, 46, "vs-gap");
    }
    put("dB; a tick for each of the 32 combinations", width / 2, 101, "vs-unit");
    plot.svg.setAttribute("aria-label", `Line of decibels from ${low.toFixed(2)} to ` +
      `${high.toFixed(2)}: the paper's protocol at ${paper.toFixed(2)}, this one at ${now.toFixed(2)}.`);
    this.line.replaceChildren(plot.svg);
  }

  drawTable(index) {
    const rows = this.get("decibels")[this.get("scale")];
    const key = JSON.stringify([index, this.get("scale"), this.get("names"),
      this.get("picture"), rows[0][0]]);
    if (key === this.tabled) return;
    this.tabled = key;
    const cells = (tag, texts, attributes = {}) =>
      h("tr", attributes, ...texts.map((text, k) =>
        h(k ? tag : "th", { scope: k ? (tag === "th" ? "col" : null) : tag === "th" ? "col" : "row" }, text)));
    const line = (name, paper, now, marked) => cells("td",
      [name, paper.toFixed(2), now.toFixed(2), number(now - paper, 3, { sign: true })],
      marked ? { class: "vs-marked" } : {});
    const mean = (k) => rows.reduce((sum, row) => sum + row[k], 0) / rows.length;
    const chosen = this.get("picture");
    this.table.replaceChildren(
      h("thead", {}, cells("th", ["picture", "the paper's", "as switched", "change"])),
      h("tbody", {}, ...this.get("names").map((name, k) =>
        line(name, rows[k][0], rows[k][index], name === chosen)),
      line("mean", mean(0), mean(index), !chosen)));
  }
}

export default {
  render({ model, el }) {
    const view = new ProtocolSwitchboard(model, el, "vdsr-switchboard");
    return () => view.close();
  },
};
