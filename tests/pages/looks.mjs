// What is measured in the page itself: these functions run in the browser.

// Texts that leave their box, or lie over each other, in the drawings.
export function drawings() {
  const faults = [];
  const luminance = (color) => color.match(/[\d.]+/g).slice(0, 3).map((part) => part / 255)
    .map((part) => part <= .04045 ? part / 12.92 : ((part + .055) / 1.055) ** 2.4)
    .reduce((sum, part, index) => sum + part * [.2126, .7152, .0722][index], 0);
  const contrast = (one, other) => {
    const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (light + .05) / (dark + .05);
  };
  const within = (inner, outer) => inner.left >= outer.left - .5 && inner.right <= outer.right + .5 &&
    inner.top >= outer.top - .5 && inner.bottom <= outer.bottom + .5;
  const overlap = (one, other) => one.left < other.right - .5 && other.left < one.right - .5 &&
    one.top < other.bottom - .5 && other.top < one.bottom - .5;
  for (const drawing of document.querySelectorAll('.drawing')) {
    if (drawing.scrollWidth > drawing.clientWidth) faults.push(`the drawing is ${drawing.scrollWidth} wide in a frame of ${drawing.clientWidth}`);
  }
  for (const svg of document.querySelectorAll('svg')) {
    if (!svg.getClientRects().length) continue;
    const texts = [...svg.querySelectorAll('text')].map((text) => ({ text, rect: text.getBoundingClientRect() }));
    const frame = svg.getBoundingClientRect();
    for (const { text, rect } of texts) {
      if (!within(rect, frame)) faults.push(`"${text.textContent}" leaves the drawing`);
      const card = text.closest('.card');
      if (card && !within(rect, card.querySelector('rect').getBoundingClientRect())) faults.push(`"${text.textContent}" leaves its box`);
      if (!card && [...svg.querySelectorAll('.card > rect:first-child')].some((box) => overlap(rect, box.getBoundingClientRect()))) {
        faults.push(`"${text.textContent}" lies over a box`);
      }
    }
    // axe does not look at texts in drawings.
    for (const { text } of texts) {
      const behind = text.closest('.card')?.querySelector('rect');
      const ground = behind ? getComputedStyle(behind).fill : getComputedStyle(document.body).backgroundColor;
      const ratio = contrast(getComputedStyle(text).fill, ground);
      if (!(ratio >= 4.5)) faults.push(`"${text.textContent}" has a contrast of ${ratio.toFixed(1)}`);
    }
    texts.forEach((one, index) => {
      for (const other of texts.slice(index + 1)) {
        if (overlap(one.rect, other.rect)) faults.push(`"${one.text.textContent}" lies over "${other.text.textContent}"`);
      }
    });
  }
  return faults;
}

// Texts of the page that leave the window, or lie over each other; and whether the
// page scrolls sideways.
export function texts() {
  const faults = [];
  if (document.documentElement.scrollWidth > innerWidth) {
    faults.push(`the page is ${document.documentElement.scrollWidth} wide in a window of ${innerWidth}`);
  }
  const rects = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (!node.data.trim() || node.parentElement.closest('svg, script, style, .skip')) continue;
    // Heads of tables that a narrow window shows as paragraphs are for screen readers alone.
    const head = node.parentElement.closest('thead');
    if (head && getComputedStyle(head).clipPath !== 'none') continue;
    if (!node.parentElement.checkVisibility({ contentVisibilityAuto: true, visibilityProperty: true })) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const rect of range.getClientRects()) {
      if (rect.width < 1 || rect.height < 1) continue;
      rects.push({ node, left: rect.left, right: rect.right, top: rect.top + rect.height * .15, bottom: rect.bottom - rect.height * .15 });
      if (rect.left < -.5 || rect.right > innerWidth + .5) faults.push(`"${node.data.trim().slice(0, 60)}" leaves the window`);
      // The nearest box that is drawn.
      const box = node.parentElement.closest('td, th, li, pre, .statement');
      const outer = box?.getBoundingClientRect();
      if (outer && (rect.left < outer.left - 1 || rect.right > outer.right + 1)) faults.push(`"${node.data.trim().slice(0, 60)}" leaves its box`);
    }
  }
  rects.sort((one, other) => one.top - other.top);
  rects.forEach((one, index) => {
    for (let next = index + 1; next < rects.length && rects[next].top < one.bottom; next += 1) {
      const other = rects[next];
      if (other.node !== one.node && one.left < other.right - 1 && other.left < one.right - 1) {
        faults.push(`"${one.node.data.trim().slice(0, 40)}" lies over "${other.node.data.trim().slice(0, 40)}"`);
      }
    }
  });
  return faults;
}

// How many resources of each type are drawn, and which by their logical IDs.
export function drawn(selector) {
  const types = {}, ids = [];
  const places = [...document.querySelectorAll(`${selector} [data-type]`)];
  for (const place of places) {
    if (!place.getClientRects().length) continue;
    types[place.dataset.type] = (types[place.dataset.type] ?? 0) + Number(place.dataset.count);
    if (place.dataset.id) ids.push(place.dataset.id);
  }
  return { types, ids };
}

// What the keyboard should reach, in its order, by a number that each gets.
export function reachable() {
  const all = [...document.querySelectorAll('a[href], button, input, summary, [tabindex="0"]')];
  const seen = all.filter((one) => one.checkVisibility({ contentVisibilityAuto: true }) && one.getClientRects().length);
  seen.forEach((one, index) => { one.dataset.stop = index; });
  return seen.length;
}
