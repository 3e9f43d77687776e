// Loads the pictures that the page holds back until they are seen, and waits for them as long as it
// may.
async wait => {
  const held = [];
  (function add(root) {
    for (const element of root.querySelectorAll('*')) {
      if (element.shadowRoot) add(element.shadowRoot);
      if (element.localName === 'img' && element.loading === 'lazy' && !element.complete) held.push(element);
    }
  })(document);
  if (!held.length) return null;
  const ended = held.map(image => new Promise(done => {
    image.addEventListener('load', done, { once: true });
    image.addEventListener('error', done, { once: true });
  }));
  for (const image of held) image.loading = 'eager';
  await Promise.race([Promise.all(ended), new Promise(done => setTimeout(done, wait))]);
  const loaded = held.filter(image => image.complete && image.naturalWidth > 0);
  return { held_back: held.length, loaded: loaded.length };
}
