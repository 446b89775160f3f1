/* Starts the page that needs no kernel: its two widgets, and what computes in the browser.
 *
 * The weights of a network are a script beside the page, fetched when first asked for: a
 * script may also be loaded where pages are opened as files.
 */
(async (page) => {
  const [own, comparison] = page.querySelectorAll(".vdsr-widget");
  const { kernel, samples } = JSON.parse(page.querySelector(".vdsr-browser").textContent);
  const bytes = (base64) => new Uint8Array(vdsrShow.bytes(base64).buffer);

  const fetchWeights = (name) => new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = `networks/${encodeURIComponent(name)}.js`;
    script.onload = () => {
      resolve(bytes(window.vdsrWeights[name]));
      delete window.vdsrWeights[name]; // the text is not needed again
    };
    script.onerror = () => reject(new Error(
      `${name} could not be fetched: is ${script.src} there?`));
    document.head.append(script);
  });

  const module = await vdsrShow.module(kernel);
  await Promise.all([own.shown, comparison.shown]);
  page.vdsr = module.serve(own.vdsr.model, comparison.vdsr.model, fetchWeights,
    Object.fromEntries(Object.entries(samples).map(([name, png]) => [name, bytes(png)])));
})(document.currentScript.parentNode);
