// Paints over what the selectors find within a document or a shadow root, and within the open
// shadow roots in it; takes the paint off again; finds the elements; or counts all that there are.
//
// The paint is a style sheet of the root's own, which fires no mutation, moves nothing, and goes
// wherever the layout goes while a picture is taken. An element becomes a black box: black
// background, everything in it black, nothing out of it. Where the page's styles win all the same
// (an inline `!important`) they are overridden inline.
(root, selectors, verb) => {
  // A form names its fields as it likes.
  const shadowRoot = Object.getOwnPropertyDescriptor(Element.prototype, 'shadowRoot').get;
  const roots = [];
  (function add(root) {
    roots.push(root);
    for (const element of root.querySelectorAll('*')) {
      const inner = shadowRoot.call(element);
      if (inner) add(inner);
    }
  })(root);

  const matched = root => new Set(selectors.flatMap(selector => [...root.querySelectorAll(selector)]));
  const isShape = element => element.ownerSVGElement != null;
  const isPainted = element => {
    const style = getComputedStyle(element);
    if (style.display === 'none' || style.display === '') return true;
    if (isShape(element)) return style.opacity === '0';
    return style.filter === 'brightness(0)' && style.clipPath === 'inset(0px)'
      && style.backgroundColor.startsWith('rgb(');
  };
  const box = {
    'background': '#000', 'color': '#000', '-webkit-text-fill-color': 'transparent',
    'text-shadow': 'none', 'caret-color': 'transparent', 'border-radius': '0', 'opacity': '1',
    'filter': 'brightness(0)', 'clip-path': 'inset(0)', 'animation': 'none', 'transition': 'none',
  };
  const shape = { 'opacity': '0', 'animation': 'none', 'transition': 'none' };
  const declarations = style =>
    Object.entries(style).map(([name, value]) => `${name}: ${value} !important`).join('; ');

  // Documents within this one, each of which has to be painted for itself.
  const frames = roots.reduce((sum, root) => sum + [...root.querySelectorAll('iframe, frame, object')]
    .filter(element => element.contentWindow).length, 0);

  // What was painted, by root; kept in this world, which the page can't see.
  const painted = globalThis.tintypePainted ??= new Map();
  const clear = root => {
    const paint = painted.get(root);
    if (!paint) return;
    painted.delete(root);
    root.adoptedStyleSheets = root.adoptedStyleSheets.filter(sheet => sheet !== paint.sheet);
    for (const [element, style] of paint.inline) {
      if (style === null) element.removeAttribute('style');
      else element.setAttribute('style', style);
    }
  };

  const elements = roots.reduce((sum, root) => sum + root.querySelectorAll('*').length, 0);
  if (verb === 'count') return elements;
  if (verb === 'find') return roots.flatMap(root => [...matched(root)]);

  if (verb === 'paint') {
    let count = 0, bare = 0;
    for (const root of roots) {
      clear(root);
      const elements = matched(root);
      count += elements.size;
      const active = root.activeElement;
      const hasCaret = active && (active.isContentEditable || /^(input|textarea)$/i.test(active.localName));
      if (!elements.size && !hasCaret) continue;
      const rules = [];
      if (hasCaret) rules.push('* { caret-color: transparent !important }');
      // Three ids win over whatever the page is likely to have.
      if (elements.size) for (const selector of selectors) {
        const masked = `:is(${selector}):not(#tintype#tintype#tintype)`;
        rules.push(
          `${masked}, ${masked} * { ${declarations(box)} }`,
          `${masked}:is(svg *) { ${declarations(shape)} }`,
          // Printed text could be copied out from under the paint.
          `@media print { ${masked}, ${masked} * { visibility: hidden !important } }`);
      }
      const sheet = new (root.ownerDocument ?? root).defaultView.CSSStyleSheet();
      sheet.replaceSync(rules.join('\n'));
      root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];
      const inline = [];
      for (const element of elements) {
        if (isPainted(element)) continue;
        inline.push([element, element.getAttribute('style')]);
        for (const [name, value] of Object.entries(isShape(element) ? shape : box))
          element.style.setProperty(name, value, 'important');
        if (!isPainted(element)) bare++;
      }
      painted.set(root, { sheet, inline });
    }
    return { count, bare, frames, elements };
  }

  // What is there now that is not painted, be it new; then the paint goes.
  let count = 0, bare = 0;
  for (const root of roots) {
    for (const element of matched(root)) {
      count++;
      if (!isPainted(element)) bare++;
    }
  }
  roots.forEach(clear);
  return { count, bare, frames, elements };
}
