/* The page side of `Compare`: it draws the model's state and writes into it.
 *
 * Everything a reader can change is a trait of the model, so that a saved or exported
 * page works without a kernel, and two views of one widget move together. Pictures
 * arrive as PNG bytes, are decoded once, and are never resampled when magnified.
 * This part hears the reader's hand; those before it (compare_pictures.js to
 * compare_frames.js) draw. All stand in one ES module: no bundler, no element ids, no
 * request.
 */

const TAP = 10; // CSS pixels that a finger may slip while it taps
const LADDER = [1 / 8, 1 / 4, 1 / 2, 1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24, 32];

/** The view of a comparison: what a pointer, a wheel and keys do to it. */
class View extends CompareFrames {
  /** Where an event is: stage coordinates, and the tile they lie in. */
  where(event) {
    const box = this.stage.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const k = Math.max(0, this.tiles.findIndex((t) =>
      x >= t.x && x < t.x + t.width && y >= t.y && y < t.y + t.height));
    return { x, y, k };
  }

  onDown(event) {
    if (event.button > 1 || !this.places) return;
    if (event.target !== this.handle) this.stage.focus({ preventScroll: true });
    if (event.button === 1) event.preventDefault();
    event.currentTarget.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, this.where(event));
    const wiping = this.get("mode") === "wipe" && !event.shiftKey && event.button === 0;
    this.gesture = this.pointers.size > 1 ? "pinch" : wiping ? "wipe" : "pan";
    this.pressed = this.pointers.get(event.pointerId);
    this.onMove(event);
  }

  onMove(event) {
    if (!this.places) return;
    const here = this.where(event);
    const before = this.pointers.get(event.pointerId);
    this.active = true;
    if (!before) {
      this.tapped = false; // the loupe goes wherever a mouse passes
      this.pointAt(here);
      return;
    }
    const others = [...this.pointers].filter(([id]) => id !== event.pointerId);
    this.pointers.set(event.pointerId, here);
    if (this.gesture === "pinch" && others.length) {
      this.pinch(before, here, others[0][1]);
    } else if (this.gesture === "wipe") {
      const [box] = this.shownBoxes;
      this.set({ split: clamp((here.x - box.x) / box.width, 0, 1) });
      this.pointAt(here);
    } else if (this.gesture === "pan") {
      this.pan(here.x - before.x, here.y - before.y);
    }
  }

  onUp(event) {
    if (event.pointerType !== "mouse" && event.type === "pointerup") this.onTap(event);
    this.pointers.delete(event.pointerId);
    if (this.pointers.size === 0) this.gesture = undefined;
    if (event.pointerType !== "mouse") this.setActive(false);
  }

  /** A finger that did not move: it points, as a mouse does that hovers. */
  onTap(event) {
    const here = this.where(event);
    const far = Math.hypot(here.x - this.pressed?.x, here.y - this.pressed?.y);
    if (!(far < TAP) || this.gesture === "pinch") return;
    this.pointAt(here);
    this.tapped = true;
  }

  pinch(before, here, fixed) {
    const spread = (a) => Math.hypot(a.x - fixed.x, a.y - fixed.y);
    this.zoomTo(this.places[0].scale * (spread(here) / Math.max(1, spread(before))),
      { x: (here.x + fixed.x) / 2, y: (here.y + fixed.y) / 2, k: here.k });
    this.pan((here.x - before.x) / 2, (here.y - before.y) / 2);
  }

  /** Zoom so that the picture's point under `at` stays where it is. */
  zoomTo(wanted, at) {
    const { k } = at;
    const place = this.places[k];
    const scale = clamp(wanted, Math.min(place.fit, 1), MAX_ZOOM);
    const [tile, fits] = [this.tiles[k], scale <= place.fit && place.fit <= 1];
    const [px, py] = [(at.x - place.x) / place.scale, (at.y - place.y) / place.scale];
    this.set({
      zoom: fits ? 0 : scale,
      centre: this.inside([
        px + (tile.x + tile.width / 2 - at.x) / scale,
        py + (tile.y + tile.height / 2 - at.y) / scale,
      ], scale, tile),
    });
    this.measure(this.get("mode"));
  }

  /** Keep a centre where the picture still fills the tile. */
  inside([x, y], scale, tile) {
    const along = (value, length, room) => {
      const half = room / 2 / scale;
      return half * 2 >= length ? length / 2 : clamp(value, half, length - half);
    };
    return [along(x, this.size[1], tile.width), along(y, this.size[0], tile.height)];
  }

  pan(dx, dy) {
    const [{ scale }, tile] = [this.places[0], this.tiles[0]];
    const [x, y] = this.inside(this.get("centre"), scale, tile);
    this.set({ centre: this.inside([x - dx / scale, y - dy / scale], scale, tile) });
    this.tapped = false;
    this.schedule();
  }

  pointAt({ x, y, k }) {
    const place = this.places[k];
    const column = Math.floor((x - place.x) / place.scale);
    const row = Math.floor((y - place.y) / place.scale);
    const [rows, columns] = this.size;
    if (row >= 0 && column >= 0 && row < rows && column < columns) {
      this.set({ point: [row, column] });
    }
    this.schedule();
  }

  onWheel(event) {
    if (!this.places || !(event.ctrlKey || this.stage.matches(":focus"))) return;
    const { scale, fit } = this.places[0];
    if (event.deltaY > 0 && scale <= fit && !event.ctrlKey) return; // scroll the page
    event.preventDefault();
    this.turned = (this.turned ?? 0) + event.deltaY * (event.deltaMode ? 33 : 1);
    if (Math.abs(this.turned) < 40) return; // a trackpad sends many small turns
    this.step(this.turned < 0 ? 1 : -1, this.where(event));
    this.turned = 0;
  }

  /** One rung of the ladder by a button: about what was tapped, which is in view. */
  stepAtTap(direction) {
    this.step(direction, this.tapped ? this.pointOnStage() : undefined);
  }

  /** One rung up or down the ladder of zooms, about a place or the tile's middle. */
  step(direction, at) {
    const { scale, fit } = this.places[0];
    const [tile] = this.tiles;
    const rungs = direction > 0
      ? LADDER.filter((rung) => rung > scale * 1.001)
      : LADDER.filter((rung) => rung < scale * 0.999).reverse();
    const wanted = rungs[0] ?? scale;
    const past = direction < 0 && wanted < fit && scale >= fit;
    this.zoomTo(past ? fit : wanted,
      at ?? { x: tile.x + tile.width / 2, y: tile.y + tile.height / 2, k: 0 });
    if (past || (direction < 0 && wanted === fit)) this.set({ zoom: 0 });
  }

  // ------------------------------------------------------------------ keys

  onHandleKey(event) {
    const step = event.shiftKey ? 0.1 : 0.01;
    const split = this.get("split");
    const moved = {
      ArrowLeft: split - step, ArrowDown: split - step,
      ArrowRight: split + step, ArrowUp: split + step,
      PageDown: split - 0.1, PageUp: split + 0.1, Home: 0, End: 1,
    }[event.key];
    if (moved === undefined) return;
    event.preventDefault();
    this.set({ split: clamp(Math.round(moved * 1000) / 1000, 0, 1) });
  }

  onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const names = this.get("names");
    const frames = this.get("frame_labels").length;
    const digit = /^Digit([1-9])$/.exec(event.code);
    if (ARROWS[event.key]) {
      this.movePoint(ARROWS[event.key], event.shiftKey ? 10 : 1);
    } else if (event.key === "+" || event.key === "=") {
      this.step(1, this.pointOnStage());
      this.say(() => `zoom ${this.zoomText.textContent}`);
    } else if (event.key === "-" || event.key === "_") {
      this.step(-1, this.pointOnStage());
      this.say(() => `zoom ${this.zoomText.textContent}`);
    } else if (event.key === "0") {
      this.set({ zoom: 0 });
    } else if (digit && names[digit[1] - 1] !== undefined) {
      this.set({ [event.shiftKey ? "left" : "right"]: names[digit[1] - 1] });
    } else if ((event.key === "[" || event.key === "]") && frames > 1) {
      const moved = this.get("frame") + (event.key === "[" ? -1 : 1);
      this.set({ frame: clamp(moved, 0, frames - 1) });
    } else if (event.key === " ") {
      if (this.get("mode") === "blink") this.toggleBlink();
      else if (frames > 1) this.togglePlay();
    } else {
      return;
    }
    event.preventDefault();
  }

  pointOnStage() {
    const [row, column] = this.get("point");
    const { x, y, scale } = this.places[0];
    return { x: x + (column + 0.5) * scale, y: y + (row + 0.5) * scale, k: 0 };
  }

  /** Move the loupe, and pan as far as it takes to keep its pixel in view. */
  movePoint([down, right], step) {
    const [rows, columns] = this.size;
    const [row, column] = this.get("point");
    const point = [
      clamp(row + down * step, 0, rows - 1), clamp(column + right * step, 0, columns - 1),
    ];
    this.active = true;
    this.set({ point });
    const { x, y, k } = this.pointOnStage();
    const tile = this.tiles[k];
    const beyond = (value, start, room) =>
      Math.min(0, value - start - 8) + Math.max(0, value - start - room + 8);
    const [dx, dy] = [beyond(x, tile.x, tile.width), beyond(y, tile.y, tile.height)];
    if (dx || dy) this.pan(-dx, -dy);
    this.say(() => {
      const values = this.items.map(({ name, facts: [value] }) =>
        `${name} ${value.value.textContent}`);
      return `${this.place.textContent}: ${values.join(", ")}`;
    });
  }

  /** Tell a screen reader, once the keys rest. */
  say(text) {
    clearTimeout(this.saying);
    this.saying = setTimeout(() => setText(this.says, text()), 300);
  }
}

export default {
  render({ model, el }) {
    const view = new View(model, el);
    return () => view.close();
  },
};
