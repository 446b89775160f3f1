/* What stands where a kernel would: "your own picture" computed by the browser itself.
 *
 * It does what `OwnPicture` does in Python, for the same two pages: hears the messages and
 * changed choices of the one, and shows the result in the other, a comparison.
 */

const AT_ONCE = 5; // seconds of work that are begun without being asked
const FIRST_RATE = 5e10; // multiplications a second, until a work has told
const WHOLE = 1_500_000; // pixels of a result that is compared as a whole
const DETAIL = 1024; // side of the detail that is compared of a larger one
const STOPPED = Symbol("stopped");

/** The work behind a page of one's own picture, and behind its comparison. */
class BrowserKernel {
  /** `fetchWeights(name)` gives the bytes of a weights file, `samples` PNG files by name. */
  constructor(own, comparison, fetchWeights, samples) {
    Object.assign(this, { own, comparison, fetchWeights, samples });
    this.networks = new Map();
    this.pieces = [];
    own.kernel = this;
    own.on("change:scale change:model change:task", () => this.chosen());
    own.on("change:detail", () => this.compareAgain().catch((error) => this.refuse(error)));
    this.ready = this.begin();
  }

  get(name) {
    return this.own.get(name);
  }

  /** Take the first sample; its result is there already. */
  async begin() {
    try {
      this.graphics = new Graphics();
      const choices = () => ["scale", "model", "task"].map((name) => this.get(name)).join();
      const before = choices();
      await this.sample(this.get("samples")[0]);
      if (choices() !== before) this.chosen();
    } catch (error) {
      this.tell(error);
    }
  }

  /** Do what a message of the page asks for. */
  async receive(content, buffers) {
    try {
      await this.ready;
      if (!this.graphics) throw new Error(TOO_OLD);
      if (content.do === "piece") await this.take(content, buffers[0]);
      if (content.do === "sample" && await this.sample(content.name)) this.chosen();
      if (content.do === "enlarge") await this.start();
      if (content.do === "cancel") this.stop();
      if (content.do === "download") await this.send(content.id);
    } catch (error) {
      this.refuse(error); // and what runs goes on
    }
  }

  /** Take a piece of a file; with the last one, read the picture. */
  async take({ id, name, size, offset }, piece) {
    if (!offset) this.own.set({ problem: "" });
    if (!size) throw new Error(`${name} is empty (0 bytes): choose another file`);
    this.pieces = offset ? [...this.pieces, piece] : [piece];
    this.own.tell({ do: "more", id, received: offset + piece.byteLength });
    if (offset + piece.byteLength < size) return;
    if (await this.show(new Blob(this.pieces), name)) this.chosen();
  }

  sample(name) {
    return this.show(this.samples[name], name);
  }

  /** Make a picture the one that is worked on; false if another came meanwhile. */
  async show(bytes, name) {
    this.latest = bytes;
    const pause = this.pausing(() => this.latest === bytes);
    let picture, preview;
    try {
      picture = await readPicture(bytes, name, this.graphics, this.get("limits"), pause);
      preview = await thumbnail(picture, 360, pause);
      await pause();
    } catch (error) {
      if (error === STOPPED) return false;
      throw error;
    }
    Object.assign(this, { picture, work: undefined, made: undefined });
    this.own.set({ name, size: sidesOf(picture), kind: picture.kind, preview,
      problem: "" });
    this.say("ready", this.get("status"));
    return true;
  }

  // ------------------------------------------------------------------ the work

  /** What is awaited between slices of work: it ends work that is not wanted any more. */
  pausing(isWanted) {
    return async () => {
      await breath();
      if (!isWanted()) throw STOPPED;
    };
  }

  get target() {
    const [scale, sides] = [this.get("scale"), sidesOf(this.picture)];
    const restoring = this.get("task") === "restore";
    return enlargedSides(restoring ? shrunkSides(sides, scale) : sides, scale);
  }

  /** How many weights the chosen network has; bicubic has none. */
  get weights() {
    return this.get("models").find(({ value }) => value === this.get("model")).weights;
  }

  /** Follow a changed choice: do the work at once if it is short, else wait. */
  chosen() {
    if (!this.picture) return;
    this.work = this.made = undefined;
    const [rows, columns] = this.target;
    this.own.set({ target: [rows, columns], problem: "" });
    // Too large a result is begun as well: that it cannot be made is said at once.
    const short = rows * columns * this.weights <= AT_ONCE * (this.rate ?? FIRST_RATE);
    if (short || rows * columns > this.get("limits").result_pixels) this.start();
    else this.say("ready", "This takes a while: press Enlarge when you are ready.");
  }

  stop() {
    this.work = this.made = undefined;
    this.say("ready", "Stopped; nothing was made.", 0);
  }

  /** Do the work; what runs is stopped. */
  async start() {
    const work = this.work = {};
    this.own.set({ problem: "" });
    const isWanted = () => this.work === work;
    const watch = (share) => {
      if (!isWanted()) throw STOPPED;
      this.own.set({ progress: share });
    };
    try {
      this.made = undefined;
      await this.enlarge(watch, this.pausing(isWanted));
    } catch (error) {
      if (error !== STOPPED && this.work === work) this.tell(error);
    }
  }

  async enlarge(watch, pause) {
    const [scale, model, task, name] = ["scale", "model", "task", "name"].map((one) =>
      this.get(one));
    const [[rows, columns], most] = [this.target, this.get("limits").result_pixels];
    if (rows * columns > most) {
      throw new Error(`${name} would become ${columns} ${TIMES} ${rows} pixels, above the ` +
        `limit of ${most / 1e6} megapixels: take a smaller scale`);
    }
    this.say("working", `Enlarging by ${model} ...`, 0);
    let [source, truth] = [this.picture, undefined];
    if (task === "restore") {
      ({ small: source, truth } = await shrunk(source, scale, name, pause));
    }
    const network = await this.network(model);
    await this.graphics.rest(); // what is asked of it here is not counted
    watch(0);
    const start = performance.now();
    const { plain, result } = await enlarged(source, scale, network, watch, pause);
    const seconds = (performance.now() - start) / 1000;
    if (network && seconds > 1) this.rate = (rows * columns * this.weights) / seconds;
    const made = { scale, model, source, truth, result, network, scores: {},
      plain: await onWhite(plain, pause) };
    const scored = { bicubic: plain, ...(network ? { [model]: result } : {}) };
    for (const [name, picture] of truth ? Object.entries(scored) : []) {
      made.scores[name] = await scoresOf(truth, picture, scale, pause);
    }
    this.made = made;
    await this.compareAgain();
    watch(1);
    this.say("done", this.summary(seconds), 1);
  }

  /** The network of a name; null for bicubic. */
  network(model) {
    if (model === "bicubic") return null;
    if (!this.networks.has(model)) {
      const made = this.fetchWeights(model).then((bytes) => {
        this.graphics.check();
        return new Network(this.graphics, bytes);
      });
      this.networks.set(model, made); // at once: two works may ask for it together
      made.catch(() => this.networks.delete(model));
    }
    return this.networks.get(model);
  }

  summary(seconds) {
    const { plain, scores } = this.made;
    const text = `${plain.width} ${TIMES} ${plain.height} pixels in ${seconds.toFixed(1)} s.`;
    return Object.entries(scores).reduce((said, [name, [psnr, ssim]]) => {
      const decibels = Number.isFinite(psnr) ? psnr.toFixed(2) : "inf";
      return `${said} ${name}: ${decibels} dB${ssim === null ? "" : ` / ${ssim.toFixed(4)}`}.`;
    }, text);
  }

  // ------------------------------------------------------------------ the result

  /** The part of the result that is compared: [[first row, rows], [first column, columns]]. */
  window() {
    const sides = sidesOf(this.made.plain);
    if (sides[0] * sides[1] <= WHOLE) return sides.map((length) => [0, length]);
    return sides.map((length, axis) => {
      const side = Math.min(DETAIL, length);
      const middle = this.get("detail")[axis] * length;
      return [Math.round(clamp(middle - side / 2, 0, length - side)), side];
    });
  }

  /** Show the result, or another detail of it, in the comparison. */
  async compareAgain() {
    if (!this.made) return;
    const [made, window] = [this.made, this.window()];
    const pause = this.pausing(() =>
      this.made === made && String(this.window()) === String(window));
    try {
      const parts = await this.partsOf(made, window, pause);
      const sides = sidesOf(made.plain);
      this.own.set({ target: sides, window: [0, 1, 0, 1].map((axis, k) =>
        window[axis][k < 2 ? 0 : 1] / sides[axis]) });
      this.comparison.set(this.compared(Object.keys(parts), Object.values(parts), made));
    } catch (error) {
      if (error !== STOPPED) throw error; // another result or detail is on its way
    }
  }

  /** A part of what is compared, by name: its size, its PNG and its scores. */
  async partsOf({ source, truth, plain, result, network, model, scale, scores }, window, pause) {
    const [rows, columns] = window.map((span) => run(...span));
    const under = (places, small, large) => places.map((place) =>
      Math.min(small - 1, Math.floor((place + 0.5) * (small / large))));
    const shown = truth
      ? { original: await cut(truth, rows, columns, pause) }
      : { "original pixels": await cut(source, under(rows, source.height, plain.height),
        under(columns, source.width, plain.width), pause) };
    shown.bicubic = await cut(plain, rows, columns, pause);
    if (network) shown[model] = await cut(result, rows, columns, pause);
    const isWhole = String(sidesOf(shown.bicubic)) === String(sidesOf(plain));
    const parts = {};
    for (const [name, part] of Object.entries(shown)) {
      const seen = await onWhite(part, pause);
      parts[name] = { size: sidesOf(seen), pixels: await png(await canvasOf(seen, pause)) };
      if (!truth) continue;
      parts[name].scores = (isWhole && scores[name]) ||
        await scoresOf(shown.original, seen, scale, pause);
    }
    await pause();
    return parts;
  }

  /** The state of the comparison: what it shows, seen as before where that fits. */
  compared(names, parts, { truth, scale }) {
    const before = Object.fromEntries(["names", "left", "right", "size"].map((name) =>
      [name, this.comparison.get(name)]));
    const [{ size }] = parts;
    const same = String(before.size) === String(size);
    const again = String(before.names) === String(names);
    return {
      names, size, reference: truth ? "original" : "",
      border: borderOf(scale, { height: size[0], width: size[1] }),
      pixels: parts.map(({ pixels }) => pixels),
      colour: names.map(() => true), series: names.map((_, k) => [k]),
      scores: truth ? parts.map(({ scores: [psnr, ssim] }) =>
        [Number.isFinite(psnr) ? [psnr, ssim] : [null, 1]]) : [],
      left: again ? before.left : names.at(-2), right: again ? before.right : names.at(-1),
      description: `Comparison of ${names.join(", ")}, ${size[1]} by ${size[0]} pixels`,
      ...(same ? {} : { zoom: 0, centre: [size[1] / 2, size[0] / 2],
        point: size.map((length) => Math.floor(length / 2)) }),
    };
  }

  /** Give the page the PNG that it asked for. */
  async send(id) {
    if (!this.made) throw new Error("there is no enlarged picture yet: press Enlarge");
    const { result, scale, model } = this.made;
    const stem = this.get("name").replace(/\.[^.]*$/, "") || "picture";
    const bytes = await png(await canvasOf(result));
    this.own.tell({ do: "file", id, name: `${stem}_x${scale}_${model}.png`, offset: 0,
      size: bytes.byteLength }, [bytes]);
  }

  // ------------------------------------------------------------------ what is said

  /** Say where the work stands. What is wrong stays until the reader's next step. */
  say(stage, status, progress) {
    this.own.set({ stage, status });
    if (progress !== undefined) this.own.set({ progress });
  }

  /** Tell the error that ended the work. */
  tell(error) {
    this.say(this.made ? "done" : this.picture ? "ready" : "empty", "", 0);
    this.refuse(error);
  }

  refuse(error) {
    this.own.set({ problem: error.message });
    this.own.tell({ do: "refused" });
  }
}

/** Take the place of the kernel for two widgets of a page. */
export function serve(own, comparison, fetchWeights, samples) {
  return new BrowserKernel(own, comparison, fetchWeights, samples);
}
