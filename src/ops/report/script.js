'use strict';
// Tabs: one of several things is seen, the arrow keys change it.
for (const set of document.querySelectorAll('[data-tabs]')) {
  const panels = [...set.children].filter((child) => child.classList.contains('tab'));
  if (panels.length < 2) continue;
  const list = document.createElement('div');
  list.setAttribute('role', 'tablist');
  list.setAttribute('aria-label', set.dataset.tabs);
  const tabs = panels.map((panel) => {
    const head = panel.querySelector('h3');
    const tab = document.createElement('button');
    tab.type = 'button';
    tab.id = panel.id + '-tab';
    tab.textContent = head.textContent;
    tab.setAttribute('role', 'tab');
    tab.setAttribute('aria-controls', panel.id);
    panel.setAttribute('role', 'tabpanel');
    panel.setAttribute('aria-labelledby', tab.id);
    head.classList.add('tabbed');
    list.append(tab);
    return tab;
  });
  const choose = (chosen, focus) => tabs.forEach((tab, at) => {
    tab.setAttribute('aria-selected', String(at === chosen));
    tab.tabIndex = at === chosen ? 0 : -1;
    panels[at].hidden = at !== chosen;
    if (at === chosen && focus) tab.focus();
  });
  tabs.forEach((tab, at) => {
    tab.addEventListener('click', () => choose(at, false));
    tab.addEventListener('keydown', (event) => {
      const last = tabs.length - 1;
      const to = {
        ArrowRight: at === last ? 0 : at + 1,
        ArrowLeft: at === 0 ? last : at - 1,
        Home: 0,
        End: last,
      }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      choose(to, true);
    });
  });
  set.prepend(list);
  choose(0, false);
}
// Commands that can be copied.
for (const button of document.querySelectorAll('[data-copy]')) {
  button.hidden = false;
  button.addEventListener('click', () => {
    const said = (word) => {
      button.textContent = word;
      setTimeout(() => { button.textContent = 'Copy'; }, 1500);
    };
    const select = () => {
      getSelection().selectAllChildren(button.previousElementSibling);
      said('Selected');
    };
    if (!navigator.clipboard) return select();
    navigator.clipboard.writeText(button.dataset.copy).then(() => said('Copied'), select);
  });
}
// Rows of some kinds alone: those of which each kind is chosen.
for (const filter of document.querySelectorAll('[data-filter]')) {
  filter.hidden = false;
  const section = filter.closest('section');
  filter.addEventListener('change', () => {
    const off = [...filter.querySelectorAll('input:not(:checked)')].map((box) => box.value);
    for (const row of section.querySelectorAll('[data-kinds]')) {
      row.hidden = row.dataset.kinds.split(' ').some((kind) => off.includes(kind));
    }
  });
}
// On paper everything is open.
addEventListener('beforeprint', () => {
  for (const folded of document.querySelectorAll('details:not([open])')) {
    folded.open = true;
    folded.dataset.printed = '';
  }
});
addEventListener('afterprint', () => {
  for (const folded of document.querySelectorAll('details[data-printed]')) {
    folded.open = false;
    delete folded.dataset.printed;
  }
});
