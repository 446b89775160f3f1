/* What the page sides of all widgets share: nodes, ticks, keys, the theme, a page's life.
 *
 * `page_source` puts it before a widget's own code, into one ES module.
 */

const MINUS = "\u2212";
const TIMES = "\u00d7";
const SVG = new Set(["svg", "path", "line", "text", "circle", "g", "rect", "title"]);

/** Where an arrow key leads: rows down, columns to the right. */
const ARROWS = {
  ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1],
};

const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

/** Make an element: `h("button", {class: "x", type: "button"}, "text", child)`. */
function h(tag, attributes = {}, ...children) {
  const node = SVG.has(tag)
    ? document.createElementNS("http://www.w3.org/2000/svg", tag)
    : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Make a button say what it does: begin to play, or pause what plays. */
function markPlay(button, playing) {
  const name = playing ? "Pause" : "Play";
  if (button.dataset.icon === name) return;
  button.dataset.icon = name;
  button.title = name;
  button.setAttribute("aria-label", name);
  const shape = playing ? "M4 2.5h3v11H4zM9 2.5h3v11H9z" : "M4 2.5v11l9-5.5z";
  button.replaceChildren(
    h("svg", { viewBox: "0 0 16 16", width: 16, height: 16, "aria-hidden": "true" },
      h("path", { d: shape, fill: "currentColor" })));
}

/** Round numbers between `low` and `high`, about `count` of them. */
function niceTicks(low, high, count) {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 2.5, 5, 10].find((s) => s * power >= rough * 0.999);
  const ticks = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) {
    ticks.push(Number((i * step).toPrecision(10)));
  }
  return ticks;
}

/** Keep plain keys of a view from the notebook, where "d d" deletes the cell. */
function keepKeys(view) {
  view.listen(view.root, "keydown", (event) => {
    const ours = !(event.ctrlKey || event.metaKey || event.altKey);
    if (ours && event.key !== "Escape") event.stopPropagation();
  });
  const focusable = "button, select, input, summary, [tabindex]";
  for (const node of view.root.querySelectorAll(focusable)) {
    node.setAttribute("data-lm-suppress-shortcuts", "true");
  }
}

/** Let a button do nothing for a while: one that is disabled would lose the focus. */
function rest(button, resting) {
  button.setAttribute("aria-disabled", resting);
}

/** Let no click through to the buttons of a view that rest. */
function muteResting(view) {
  view.listen(view.root, "click", (event) => {
    if (event.target.closest("[aria-disabled='true']")) event.stopPropagation();
  }, { capture: true });
}

/** Let a view follow the page's theme: dark is what stands on a dark background. */
function followTheme(view, changed) {
  const judge = () => {
    let dark = matchMedia("(prefers-color-scheme: dark)").matches &&
      getComputedStyle(document.documentElement).colorScheme.includes("dark");
    for (let node = view.el; node; node = node.parentElement) {
      const parts = getComputedStyle(node).backgroundColor.match(/[\d.]+/g);
      const [r, g, b, alpha = 1] = (parts ?? [0, 0, 0, 0]).map(Number);
      if (alpha > 0.5) {
        dark = 0.299 * r + 0.587 * g + 0.114 * b < 128;
        break;
      }
    }
    const theme = dark ? "dark" : "light";
    if (view.root.dataset.theme !== theme) {
      view.root.dataset.theme = theme;
      changed();
    }
  };
  const later = () => {
    clearTimeout(view.judging);
    view.judging = setTimeout(judge, 60);
  };
  judge();
  later(); // a view is built before it stands in the page
  view.themes = new MutationObserver(later);
  for (const node of [document.documentElement, document.body]) {
    view.themes.observe(node, { attributes: true });
  }
  view.listen(matchMedia("(prefers-color-scheme: dark)"), "change", later);
}

/** A page of one model: it draws the state and changes it, and hears its nodes.
 *
 * A subclass builds `root`, with `problem` in it, and has `draw()`.
 */
class Page {
  constructor(model, el) {
    this.model = model;
    this.el = el;
    this.abort = new AbortController();
    this.off = [];
    this.sources = new Map(); // of images: bytes and their address
  }

  get(name) {
    return this.model.get(name);
  }

  /** Change the state, here and in the kernel.
   *
   * It is sent at once: Jupyter's own queue holds back what a busy kernel cannot take,
   * and while something waits there, the kernel's echo of an earlier state is not heard.
   */
  set(changes) {
    for (const [name, value] of Object.entries(changes)) this.model.set(name, value);
    this.model.save_changes();
  }

  listen(node, types, handler, options = {}) {
    for (const type of types.split(" ")) {
      node.addEventListener(type, handler, { signal: this.abort.signal, ...options });
    }
  }

  /** Take back what a finger on a node changed before it turned to scrolling the page.
   *
   * Call it before other handlers of the node: they change what it keeps.
   */
  undoScrolls(node, names) {
    let before = {};
    this.listen(node, "pointerdown", ({ isPrimary }) => {
      if (!isPrimary) return;
      before = Object.fromEntries(names.map((name) => [name, this.get(name)]));
    });
    this.listen(node, "pointercancel", () => this.set(before));
  }

  /** Follow traits of the model. */
  on(names, handler) {
    for (const name of names) this.heed(`change:${name}`, handler);
  }

  /** Follow an event of the model's. */
  heed(event, handler) {
    this.model.on(event, handler);
    this.off.push([event, handler]);
  }

  /** Draw when the page's size changes, or that of the screen's pixels. */
  followSize() {
    this.observer = new ResizeObserver(() => this.schedule());
    this.observer.observe(this.root);
    const followPixels = () => {
      const same = matchMedia(`(resolution: ${devicePixelRatio}dppx)`);
      this.listen(same, "change", () => {
        this.schedule();
        followPixels();
      }, { once: true });
    };
    followPixels();
  }

  /** Draw in the next frame; until all is drawn, `data-drawn` says "no". */
  schedule() {
    this.root.dataset.drawn = "no";
    this.frameRequest ??= requestAnimationFrame(() => {
      this.frameRequest = undefined;
      if (this.closed) return;
      try {
        this.drawFrame();
      } catch (error) {
        this.giveUp(`This cannot be drawn: ${error.message}`);
        throw error;
      }
    });
  }

  /** Draw what a frame shows. */
  drawFrame() {
    this.draw();
    this.settle();
  }

  /** All is drawn, unless another frame was asked for meanwhile. */
  settle() {
    if (this.frameRequest === undefined) this.root.dataset.drawn = "yes";
  }

  /** Put PNG bytes into an image, once. */
  showBytes(image, bytes) {
    if (this.sources.get(image)?.bytes === bytes) return;
    this.dropBytes(image);
    image.src = URL.createObjectURL(new Blob([bytes], { type: "image/png" }));
    this.sources.set(image, { bytes, address: image.src });
  }

  /** Give back the address of an image's bytes. */
  dropBytes(image) {
    URL.revokeObjectURL(this.sources.get(image)?.address);
    this.sources.delete(image);
  }

  /** Say what is wrong; without a text, that nothing is. */
  complain(text) {
    this.problem.hidden = !text;
    setText(this.problem, text || "");
  }

  /** Say what went wrong: there is nothing more to come. */
  giveUp(text) {
    this.complain(text);
    this.root.dataset.drawn = "yes";
  }

  /** Leave nothing behind: no node, no timer, no handler. */
  close() {
    this.closed = true;
    this.abort.abort();
    this.observer?.disconnect();
    this.themes.disconnect();
    cancelAnimationFrame(this.frameRequest);
    for (const timer of [this.judging, this.playTimer]) clearTimeout(timer);
    for (const [event, handler] of this.off) this.model.off(event, handler);
    for (const image of [...this.sources.keys()]) this.dropBytes(image);
    this.root.remove();
  }
}
