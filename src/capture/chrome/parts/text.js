// The text that a reader sees: `innerText`, which knows nothing of shadow roots, where there are none,
// and put together by the same rules around them.
limit => {
  // A frame without a size shows nothing.
  if (!innerWidth || !innerHeight) return { text: '', length: 0 };
  const top = document.body ?? document.documentElement;
  const slotted = element => element.localName === 'slot' ? element.assignedNodes() : [];
  // What has a shadow root, or a slot that is filled, somewhere within it.
  const mixed = new Set();
  (function look(root) {
    for (const element of root.querySelectorAll('*')) {
      if (!element.shadowRoot && !slotted(element).length) continue;
      for (let at = element; at && !mixed.has(at); at = at.assignedSlot ?? at.parentNode ?? at.host) mixed.add(at);
      if (element.shadowRoot) look(element.shadowRoot);
    }
  })(document);

  // Texts, and numbers: so many line breaks at least.
  const pieces = [];
  const isBlock = style => !/^(inline|contents|ruby)/.test(style.display);
  const add = (node, style) => {
    if (node.nodeType === Node.TEXT_NODE) {
      if (style.visibility !== 'visible') return;
      pieces.push(/^(pre|break-spaces)/.test(style.whiteSpace) ? node.data : node.data.replace(/[ \t\r\n]+/g, ' '));
      return;
    }
    if (node.nodeType !== Node.ELEMENT_NODE) return;
    const own = getComputedStyle(node);
    if (own.display === 'none' || own.display === '') return;
    if (node.localName === 'br') return void pieces.push('\n');
    const breaks = node.localName === 'p' ? 2 : isBlock(own) ? 1 : 0;
    pieces.push(breaks);
    if (!mixed.has(node)) {
      if (!/^(input|textarea|select|iframe|object|video|audio|canvas|img|svg)$/.test(node.localName) && own.display !== 'contents')
        pieces.push(node.innerText ?? '');
      else if (own.display === 'contents') for (const child of node.childNodes) add(child, own);
    } else {
      const filled = slotted(node);
      for (const child of node.shadowRoot?.childNodes ?? (filled.length ? filled : node.childNodes)) add(child, own);
    }
    pieces.push(breaks);
  };
  let text;
  if (!mixed.has(top)) {
    text = top?.innerText ?? top?.textContent ?? '';
  } else {
    add(top, getComputedStyle(top));
    let breaks = 0;
    text = '';
    for (const piece of pieces) {
      if (typeof piece === 'number') {
        breaks = Math.max(breaks, piece);
        continue;
      }
      if (!piece || ((breaks || text.endsWith('\n')) && piece === ' ')) continue;
      if (breaks && text) text = text.trimEnd() + '\n'.repeat(breaks);
      const atStart = breaks || !text || /\s$/.test(text);
      text += atStart ? piece.replace(/^ +/, '') : piece;
      breaks = 0;
    }
  }
  text = text.trim();
  return { text: text.slice(0, limit), length: text.length };
}
