/* What the page does in the browser by itself. In the document's head; everything here hangs on the document, because
   Gradio makes and drops the elements of a room as it pleases. */

/** Gradio gives every radio button a name of its own, which leaves arrow keys without effect and a screen reader
    without "2 of 3". One name for a group makes it one again; Gradio undoes that whenever it redraws. */
function joinRadios({ target }) {
  if (target.type !== "radio" || target.closest(".fl-lanes")) return;
  for (const radio of target.closest(".block").querySelectorAll("input[type=radio]")) radio.name = target.name;
}
document.addEventListener("focusin", joinRadios, true);
document.addEventListener("keydown", joinRadios, true);
