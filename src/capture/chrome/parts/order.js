function (...elements) {
  // From the document down through shadow roots to the element.
  const path = element => {
    const hosts = [element];
    for (;;) {
      const host = hosts[0].getRootNode().host;
      if (!host) return hosts;
      hosts.unshift(host);
    }
  };
  const compare = (a, b) => {
    for (let at = 0; ; at++) {
      if (!a[at] || !b[at]) return a.length - b.length;
      if (a[at] === b[at]) continue;
      return a[at].compareDocumentPosition(b[at]) & Node.DOCUMENT_POSITION_FOLLOWING ? -1 : 1;
    }
  };
  return elements
    .map((element, at) => ({ at, path: path(element) }))
    .sort((a, b) => compare(a.path, b.path))
    .map(({ at }) => at);
}
