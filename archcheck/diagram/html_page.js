const cards = [...document.querySelectorAll('.card')];
const edges = [...document.querySelectorAll('svg .residual')];
const hint = document.getElementById('hint');
function show(names) {
  for (const card of cards) card.hidden = !names.includes(card.dataset.edge);
  for (const edge of edges) {
    edge.classList.toggle('picked', names.some((name) => edge.classList.contains(name)));
  }
  hint.hidden = true;
  cards.find((card) => !card.hidden)?.scrollIntoView({block: 'nearest'});
}
for (const edge of edges) {
  const names = [...edge.classList].filter((name) => name.startsWith('edge-'));
  edge.setAttribute('tabindex', '0');
  edge.setAttribute('role', 'button');
  const hit = edge.querySelector('path').cloneNode();
  hit.setAttribute('class', 'hit');
  edge.append(hit);
  edge.addEventListener('click', () => show(names));
  edge.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' || event.key === ' ') { event.preventDefault(); show(names); }
  });
}
for (const button of document.querySelectorAll('button[data-edge]')) {
  button.addEventListener('click', () => show([button.dataset.edge]));
}
for (const card of cards) card.hidden = true;
hint.hidden = !edges.length;
