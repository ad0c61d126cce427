/* Making elements. Data reaches the page as text and attributes only, never as markup. */

function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "class") element.className = value;
    else if (name === "style") element.style.cssText = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

function svg(tag, attributes) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

/** A row of radio buttons that looks like one switch. `choices` is [[value, label], ...]. */
function makeSwitch(legend, name, choices, current, onChange) {
  const set = make(
    "fieldset",
    { class: `fl-switch fl-switch-${legend.toLowerCase().split(" ")[0]}` },
    make("legend", { class: "fl-hidden" }, legend),
  );
  for (const [value, label, hint] of choices) {
    const input = make("input", { type: "radio", name, value, onchange: () => onChange(value) });
    input.checked = value === current;
    set.append(make("label", { title: hint || null }, input, make("span", {}, label)));
  }
  set.choose = (value) => {
    for (const input of set.querySelectorAll("input")) input.checked = input.value === value;
  };
  return set;
}

/** One late call for many requests in a frame. */
function onNextFrame(callback) {
  let waiting = 0;
  return () => {
    if (waiting) return;
    waiting = requestAnimationFrame(() => {
      waiting = 0;
      callback();
    });
  };
}
