// Where the element stands that was found, from the top left corner of the page, and why it can't be
// seen, where it can't.
() => {
  const element = globalThis.tintypeElement;
  if (!element?.isConnected) return null;
  const { x, y, width, height } = element.getBoundingClientRect();
  const style = getComputedStyle(element);
  const page = document.scrollingElement ?? document.documentElement;
  let hidden = null;
  if (!element.checkVisibility()) hidden = 'it is not rendered (display: none)';
  else if (style.display === 'contents') hidden = 'it has no box of its own (display: contents)';
  else if (style.visibility !== 'visible') hidden = `it is not visible (visibility: ${style.visibility})`;
  else if (!element.checkVisibility({ opacityProperty: true })) hidden = 'it is transparent (opacity: 0)';
  return {
    x: x + scrollX, y: y + scrollY, width, height, hidden,
    window: { x: scrollX, y: scrollY, width: innerWidth, height: innerHeight },
    page: { width: Math.max(page.scrollWidth, innerWidth), height: Math.max(page.scrollHeight, innerHeight) },
  };
}
