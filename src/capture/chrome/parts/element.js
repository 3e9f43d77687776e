// Looks for the selectors one after the other until one finds something; keeps the first element
// that it finds, and says how many each found.
selectors => {
  const path = [];
  globalThis.tintypeElement = null;
  for (const selector of selectors) {
    let found;
    try {
      found = document.querySelectorAll(selector);
    } catch (why) {
      // The first is what was asked for; what was made of it need not be CSS.
      if (!path.length) return { refused: String(why?.message ?? why) };
      continue;
    }
    path.push({ selector, matched: found.length });
    if (found.length) {
      globalThis.tintypeElement = found[0];
      break;
    }
  }
  return { path };
}
