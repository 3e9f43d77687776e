// The newest is at the right.
for (const chart of document.querySelectorAll('.heat')) chart.scrollLeft = chart.scrollWidth;
// Two pictures of one thing, in one of several ways.
for (const box of document.querySelectorAll('[data-compare]')) {
  const ways = box.querySelector('.ways');
  const slide = box.querySelector('.slide');
  const range = slide.querySelector('input');
  const told = slide.querySelector('output');
  const stage = box.querySelector('.stage');
  const move = () => {
    box.style.setProperty('--share', String(range.value / 100));
    told.textContent = range.value + ' %';
    range.setAttribute('aria-valuetext', range.value + ' %');
  };
  const choose = (way) => {
    box.dataset.mode = way;
    slide.hidden = way !== 'mix' && way !== 'swipe';
    const area = stage.querySelector('.areas rect');
    if (way === 'areas' && area) {
      const above = area.getBoundingClientRect().top - stage.getBoundingClientRect().top;
      stage.scrollTop += above - stage.clientHeight / 3;
    }
  };
  ways.hidden = false;
  ways.addEventListener('change', (event) => {
    if (event.target.type === 'radio') choose(event.target.value);
  });
  range.addEventListener('input', move);
  for (const link of box.querySelectorAll('[data-area]')) {
    link.addEventListener('click', () => {
      if (box.dataset.mode === 'side') return;
      ways.querySelector('[value=areas]').checked = true;
      choose('areas');
    });
  }
  // The line between the two follows the pointer.
  const follow = (event) => {
    if (box.dataset.mode !== 'swipe' || !(event.buttons & 1)) return;
    const canvas = box.querySelector('.second .canvas').getBoundingClientRect();
    const share = 100 - ((event.clientX - canvas.left) / canvas.width) * 100;
    range.value = String(Math.round(share));
    move();
    event.preventDefault();
  };
  stage.addEventListener('pointerdown', follow);
  stage.addEventListener('pointermove', follow);
  stage.addEventListener('dragstart', (event) => event.preventDefault());
  // What a browser remembers of a page that was here before.
  choose(ways.querySelector('input:checked').value);
  move();
}
