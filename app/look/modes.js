/* Ways to show the page, by its address: `?class` in large type for a projector, `?embed` as the stage alone for a frame on
   another page, `?kiosk` for a booth: the opening example is forgotten again and again, lane by lane, until somebody
   touches it. */

const ForgetLensModes = (() => {
  const asked = new URLSearchParams(location.search);
  const MODES = ["class", "embed", "kiosk"].filter((mode) => asked.has(mode));
  for (const mode of MODES) document.documentElement.classList.add(`pg-${mode}`);
  // Seconds: to read, to go through the steps, and before a booth that somebody has used goes on by itself.
  const [READ, SCRUB, LEFT_ALONE] = [6, 8, 90];
  let touched = -Infinity;

  const sleep = (seconds) => new Promise((done) => setTimeout(done, 1000 * seconds));
  const lanes = (part) => document.querySelector(`#lanes ${part}`);
  const free = () => performance.now() - touched > 1000 * LEFT_ALONE;

  async function until(look, seconds) {
    for (let left = seconds; left > 0 && free(); left -= 0.5) {
      if (look()) return true;
      await sleep(0.5);
    }
    return false;
  }

  /** One round: the next lane is cut and forgotten, its steps are gone through, and the stage is as it was. */
  async function round(number) {
    const choices = document.querySelectorAll("#lanes .fl-dock-head .fl-switch-lane input");
    choices[number % choices.length]?.click();
    await sleep(READ);
    if (!free()) return;
    lanes(".fl-forget:enabled")?.click();
    if (!(await until(() => lanes(".fl-run[data-phase=done] .fl-scrub input:enabled"), 600))) return;
    await sleep(READ);
    const slider = lanes(".fl-run .fl-scrub input");
    const last = Number(slider.max);
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    for (let k = 0; k <= 40 && free() && slider.isConnected; k++) {
      slider.value = String(Math.round(last * Math.abs(1 - k / 20)));
      if (!still || k % 20 === 0) slider.dispatchEvent(new Event("input", { bubbles: true }));
      await sleep(SCRUB / 40);
    }
    await sleep(READ);
    if (free()) lanes(".fl-run .fl-back")?.click();
  }

  async function loop() {
    for (const kind of ["pointerdown", "keydown"])
      document.addEventListener(kind, (event) => event.isTrusted && (touched = performance.now()), true);
    for (let number = 0; ; number++) {
      await until(() => lanes(".fl-forget:enabled"), 600);
      if (free()) await round(number);
      else await sleep(1);
    }
  }
  if (MODES.includes("kiosk")) loop();

  /** A frame that shows this view on another page, as HTML to paste there, into the clipboard. */
  function copyFrame() {
    const address = new URL(location.href);
    address.searchParams.set("embed", "");
    const frame = document.createElement("iframe");
    frame.src = address.href;
    frame.title = "Forget Lens";
    frame.width = "100%";
    frame.height = "760";
    frame.setAttribute("style", "border: 0");
    return ForgetLensPage.copied("embed", frame.outerHTML, "Frame");
  }
  return { copyFrame };
})();
