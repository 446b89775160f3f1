/* Runs anywidget modules in a static page: no kernel, no widget manager, no request.
 *
 * Each widget stands in an element that holds its static picture, its state as JSON
 * and a call of `vdsrShow`. The picture stays until the widget has drawn itself, and
 * remains where scripts are off or the widget fails.
 */
window.vdsrShow ??= (() => {
  const modules = {};

  class Model {
    constructor(state) {
      this.state = state;
      this.handlers = new Map();
      this.widget_manager = undefined;
    }
    get(name) {
      return this.state[name];
    }
    set(name, value) {
      if (typeof name === "object") {
        for (const [key, one] of Object.entries(name)) this.set(key, one);
        return;
      }
      if (Object.is(this.state[name], value)) return;
      this.state[name] = value;
      for (const event of [`change:${name}`, "change"]) {
        for (const handler of [...(this.handlers.get(event) ?? [])]) {
          handler(this, value);
        }
      }
    }
    on(names, handler) {
      for (const name of names.split(" ")) {
        this.handlers.set(name, [...(this.handlers.get(name) ?? []), handler]);
      }
    }
    off(names, handler) {
      for (const name of names?.split(" ") ?? [...this.handlers.keys()]) {
        const kept = (this.handlers.get(name) ?? []).filter((h) => handler && h !== handler);
        this.handlers.set(name, kept);
      }
    }
    save_changes() {}
    /** To the kernel, where the page has something in its place; and back. */
    send(content, _, buffers) {
      this.kernel?.receive(content, buffers);
    }
    tell(content, buffers = []) {
      for (const handler of this.handlers.get("msg:custom") ?? []) handler(content, buffers);
    }
  }

  function bytes(base64) {
    const text = atob(base64);
    const array = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) array[i] = text.charCodeAt(i);
    return new DataView(array.buffer);
  }

  function modelOf({ state, buffers }) {
    for (const { path, data } of buffers) {
      const last = path.at(-1);
      path.slice(0, -1).reduce((place, key) => place[key], state)[last] = bytes(data);
    }
    return new Model(state);
  }

  /** Import a module of JavaScript that is at hand as text. */
  function module(text) {
    const address = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
    return import(address).finally(() => URL.revokeObjectURL(address));
  }

  function load(key, { esm, css }) {
    modules[key] ??= (() => {
      document.head.append(Object.assign(document.createElement("style"), {
        textContent: css,
      }));
      return module(esm);
    })();
    return modules[key];
  }

  const sources = {};

  const show = async (mount) => {
    const place = mount.querySelector(".vdsr-place");
    try {
      const { key, source, model } = JSON.parse(
        mount.querySelector("script[type='application/json']").textContent);
      sources[key] ??= source;
      const module = await load(key, sources[key]);
      const widget = typeof module.default === "function"
        ? await module.default() : module.default;
      const input = { model: modelOf(model), signal: new AbortController().signal };
      await widget.initialize?.(input);
      const close = await widget.render?.({ ...input, el: place });
      mount.querySelector(".vdsr-static").hidden = true;
      mount.vdsr = { model: input.model, close };
    } catch (error) {
      place.textContent = `The interactive part could not start: ${error.message}`;
      console.error(error);
    }
  };
  return Object.assign((mount) => (mount.shown = show(mount)), { bytes, module });
})();
