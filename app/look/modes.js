/* Ways to show the page, by its address: `?class` in large type for a projector, `?embed` as the stage alone for a frame on
   another page, `?kiosk` for a booth: the prepared runs play one after another, until somebody touches it (`?kiosk=20` leaves 20
   seconds to read each verdict). */

const ForgetLensModes = (() => {
  const asked = new URLSearchParams(location.search);
  const MODES = ["class", "embed", "kiosk"].filter((mode) => asked.has(mode));
  for (const mode of MODES) document.documentElement.classList.add(`pg-${mode}`);
  // Seconds: to read a verdict, the stage as a visitor finds it between two runs, and before a booth that somebody has
  // used goes on by itself.
  const READ = Number(asked.get("kiosk")) || 8;
  const [BETWEEN, LEFT_ALONE] = [READ / 2, 90];
  let touched = -Infinity;

  const sleep = (seconds) => new Promise((done) => setTimeout(done, 1000 * seconds));
  const lanes = (part) => document.querySelector(`#lanes ${part}`);
  const free = () => performance.now() - touched > 1000 * LEFT_ALONE;

  async function wait(seconds) {
    for (let left = seconds; left > 0 && free(); left -= 0.5) await sleep(0.5);
    return free();
  }

  /** One run after another is played over the stage: nothing is trained, however many booths there are. */
  async function loop() {
    for (const kind of ["pointerdown", "keydown"])
      document.addEventListener(kind, (event) => event.isTrusted && (touched = performance.now()), true);
    while (!ForgetLensPage.isSettled()) await sleep(0.5);
    for (let number = 0; ; ) {
      const names = ForgetLensGallery.names();
      // A run that a visitor has begun is theirs to look at.
      const busy = lanes(".fl-lanes:not(.pg-prepared) .fl-run:not([data-phase=done], [data-phase=stopped])");
      if (!names.length || busy || !(await wait(BETWEEN))) {
        await sleep(1);
        continue;
      }
      // Where the server does not answer, the next one is asked for.
      await Promise.race([ForgetLensGallery.open(names[number++ % names.length], false), sleep(30)]);
      if (free()) document.querySelector("#prepared .pg-ruling")?.scrollIntoView({ block: "end", behavior: "smooth" });
      if (await wait(READ)) ForgetLensGallery.close();
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
