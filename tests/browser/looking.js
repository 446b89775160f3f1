/* What the tests ask of a page; the browser fixtures put it into every page. */

/** Resolve when all widgets have drawn what they were asked to. */
window.still = async () => {
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  const busy = () => document.querySelector("[data-drawn='no']");
  await frame();
  await frame();
  for (let still = 0; still < 3; still = busy() ? 0 : still + 1) await frame();
};

/** A trait of the model behind a widget of a page of its own. */
window.trait = (name, widget = 0) =>
  document.querySelectorAll(".vdsr-widget")[widget].vdsr.model.get(name);

/** Give a model's traits other values, as a kernel does. */
window.setState = (state, widget = 0) =>
  document.querySelectorAll(".vdsr-widget")[widget].vdsr.model.set(state);

/** Texts whose contrast with their background is below WCAG AA's 4.5. */
window.tooPale = (within = ".vdsr-widget") => {
  const parse = (text) => (text.match(/[\d.]+/g) ?? []).map(Number);
  const linear = (c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  const luminance = (rgb) => rgb.slice(0, 3).map((c) => linear(c / 255))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (node) => {
    for (; node; node = node.parentElement) {
      const colour = parse(getComputedStyle(node).backgroundColor);
      if ((colour[3] ?? 1) > 0.8) return colour;
    }
    return [255, 255, 255];
  };
  const bad = [];
  for (const node of document.querySelectorAll(`${within} *`)) {
    const texts = [...node.childNodes].filter((n) =>
      n.nodeType === 3 && n.textContent.trim());
    if (!texts.length || !node.getClientRects().length) continue;
    if (node.tagName === "OPTION") continue;
    const style = getComputedStyle(node);
    const front = parse(node instanceof SVGElement ? style.fill : style.color);
    const [a, b] = [luminance(front), luminance(behind(node))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) bad.push(`${texts[0].textContent} ${ratio.toFixed(2)}`);
  }
  return bad;
};

/** What has focus, and whether an outline shows it; null for the page itself. */
window.focused = () => {
  const node = document.activeElement;
  if (node === document.body) return null;
  // The stage of a comparison lies under its canvas: its frame is outlined.
  const ring = getComputedStyle(node.matches(".vc-stage") ? node.parentElement : node);
  const label = node.closest("label")?.firstChild.textContent;
  return [node.getAttribute("aria-label") || label || node.innerText,
    ring.outlineStyle !== "none" && parseFloat(ring.outlineWidth) >= 1];
};

/** Close the widget, then give a trait another value and the page another size. */
window.closeWidget = (name, value) => {
  const { model, close } = document.querySelector(".vdsr-widget").vdsr;
  close();
  window.framesAsked = 0;
  const original = window.requestAnimationFrame;
  window.requestAnimationFrame = (f) => {
    window.framesAsked++;
    return original(f);
  };
  model.set(name, value);
  window.dispatchEvent(new Event("resize"));
};

/** What a closed widget left: handlers, frames it asked for, nodes. */
window.leftBehind = () => {
  const { model } = document.querySelector(".vdsr-widget").vdsr;
  return [[...model.handlers.values()].flat().length, window.framesAsked,
    document.querySelector(".vdsr-place").children.length];
};

/** Count the addresses of bytes that are alive. */
window.countAddresses = () => {
  const alive = new Set();
  const { createObjectURL, revokeObjectURL } = URL;
  URL.createObjectURL = (bytes) => {
    const address = createObjectURL.call(URL, bytes);
    alive.add(address);
    return address;
  };
  URL.revokeObjectURL = (address) => {
    alive.delete(address);
    revokeObjectURL.call(URL, address);
  };
  window.addressesAlive = () => alive.size;
};

/** How many backgrounds the things of a kind have: two, if what is chosen is seen. */
window.backgrounds = (selector) => new Set([...document.querySelectorAll(selector)]
  .filter((node) => node.getClientRects().length)
  .map((node) => getComputedStyle(node).backgroundColor)).size;
