'use strict';
{
  const HOUR = 3600000, DAY = 24 * HOUR;
  // After so many days the calendar repeats itself: what has not come will not.
  const HORIZON = 400 * 366;

  // The moments after one at which windows of a calendar open, in milliseconds.
  function* openings(calendar, after) {
    const day = Math.floor(after / DAY) * DAY;
    if (calendar.kind === 'rate') {
      const inHours = calendar.unit === 'hours';
      const step = calendar.every * (inHours ? HOUR : DAY);
      for (let opens = (inHours ? Math.floor(after / HOUR) * HOUR : day) + step; ; opens += step) yield opens;
    }
    for (let at = day; at < day + HORIZON * DAY; at += DAY) {
      if (!has(calendar, new Date(at))) continue;
      for (const hour of calendar.hours) {
        if (at + hour * HOUR > after) yield at + hour * HOUR;
      }
    }
  }

  // Whether windows open on a day.
  function has(calendar, date) {
    if (!calendar.months.includes(date.getUTCMonth() + 1)) return false;
    const day = date.getUTCDate(), weekday = date.getUTCDay() + 1, days = calendar.days;
    const length = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate();
    if (days.of === 'month') return days.days.includes(day) || (days.last && day === length);
    return days.days.includes(weekday) || (days.last.includes(weekday) && day + 7 > length) ||
      days.nth.some((one) => one.day === weekday && one.nth === Math.ceil(day / 7));
  }

  // The next windows; without a length, a window is open for an hour where the
  // schedule is one in hours, and until the UTC day is over otherwise.
  function windows(calendar, hours, after, many) {
    const found = [];
    for (const opens of openings(calendar, after)) {
      const closes = hours ? opens + hours * HOUR
        : calendar.unit === 'hours' ? opens + HOUR : Math.floor(opens / DAY) * DAY + DAY;
      if (found.push({ opens, closes }) === many) break;
    }
    return found;
  }

  const element = (name, text, attributes = {}) => {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    for (const key in attributes) made.setAttribute(key, attributes[key]);
    return made;
  };
  const written = (options) => new Intl.DateTimeFormat('en-GB', { hourCycle: 'h23', ...options });
  const moment = { weekday: 'short', day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit' };
  const utc = written({ ...moment, timeZone: 'UTC' }), here = written(moment);
  const hour = written({ hour: '2-digit', minute: '2-digit', timeZone: 'UTC' });
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const now = Date.now();
  const rotas = [...document.querySelectorAll('.rota')].map((place) => ({
    place, calendar: JSON.parse(place.dataset.calendar), hours: Number(place.dataset.hours), letters: place.dataset.letters.split(' '),
  }));

  for (const { place, calendar, hours } of rotas) {
    const rows = windows(calendar, hours, now, 6).map(({ opens, closes }) => {
      const row = element('tr');
      const ends = hour.format(closes);
      row.append(element('th', utc.format(opens), { scope: 'row' }),
        element('td', ends === '00:00' ? '24:00' : ends), element('td', here.format(opens)));
      return row;
    });
    place.querySelector('tbody').replaceChildren(...rows);
    place.querySelector('[data-zone]').textContent = `Opens, ${zone}`;
  }

  // Six weeks as a grid, from this week's Monday.
  const today = Math.floor(now / DAY) * DAY;
  const monday = today - (new Date(today).getUTCDay() + 6) % 7 * DAY;
  const marks = new Map();
  for (const { calendar, letters } of rotas) {
    for (const opens of openings(calendar, Math.max(monday - 1, calendar.kind === 'rate' ? now : 0))) {
      if (opens >= monday + 42 * DAY) break;
      const day = Math.floor(opens / DAY) * DAY;
      if (!marks.has(day)) marks.set(day, new Map());
      for (const letter of letters) marks.get(day).set(letter, calendar.kind === 'rate');
    }
  }
  const grid = element('table', undefined, { class: 'weeks' });
  grid.append(element('caption', 'The next six weeks in UTC, by arrangement. Dashed: counted from a rotation today'));
  const head = grid.createTHead().insertRow();
  for (const name of ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun']) head.append(element('th', name, { scope: 'col' }));
  const body = grid.createTBody(), short = written({ day: 'numeric', month: 'short', timeZone: 'UTC' });
  for (let day = monday; day < monday + 42 * DAY; day += DAY) {
    const row = day === monday || new Date(day).getUTCDay() === 1 ? body.insertRow() : body.rows[body.rows.length - 1];
    const cell = row.insertCell();
    cell.className = day < today ? 'past' : day === today ? 'today' : '';
    const date = new Date(day).getUTCDate();
    cell.append(element('span', day === monday || date === 1 ? short.format(day) : date, { class: 'day' }));
    const letters = [...(marks.get(day) ?? [])];
    for (const [letter, counted] of letters.slice(0, 8)) cell.append(element('b', letter, counted ? { class: 'counted' } : {}));
    if (letters.length > 8) cell.append(`+${letters.length - 8}`);
  }
  const weeks = document.getElementById('weeks');
  weeks.append(grid);
  weeks.hidden = false;

  // A long list of secrets can be searched.
  for (const table of document.querySelectorAll('table.secrets')) {
    const rows = [...table.tBodies[0].rows];
    if (rows.length < 25) continue;
    const label = element('label', 'Filter', { class: 'find' });
    const input = element('input', undefined, { type: 'search' });
    input.addEventListener('input', () => {
      const wanted = input.value.trim().toLowerCase();
      for (const row of rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
    });
    label.append(input);
    table.before(label);
  }

  // All statements at once, for those who read them all, and for paper.
  const folds = [...document.querySelectorAll('details')];
  const button = element('button', 'Unfold all statements', { type: 'button' });
  button.addEventListener('click', () => {
    const open = folds.some((fold) => !fold.open);
    for (const fold of folds) fold.open = open;
    button.textContent = open ? 'Fold all statements' : 'Unfold all statements';
  });
  document.querySelector('#permissions > .intro').after(button);
  addEventListener('beforeprint', () => { for (const fold of folds) fold.open = true; });
  // A link into something folded unfolds it.
  const unfold = () => {
    const target = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
    for (let at = target; at; at = at.parentElement) if (at.matches('details')) at.open = true;
    if (target) target.scrollIntoView();
  };
  addEventListener('hashchange', unfold);
  unfold();

  // For tests, which hold this calendar to the program's.
  document.documentElement.windows = windows;
}
