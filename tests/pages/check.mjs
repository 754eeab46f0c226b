// Opens pages in a browser and looks at them as their readers would.
//
//     node check.mjs PROGRAM MODULES BROWSER
//
// PROGRAM is keyrota; MODULES the folder with node_modules; BROWSER Chromium.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { drawings, drawn, reachable, texts } from './looks.mjs';
import { EXPRESSIONS, renderings } from './renderings.mjs';

const [program, modules, executablePath] = process.argv.slice(2);
const require = createRequire(join(modules, 'package.json'));
const { chromium } = require('playwright-core');
const axe = require('axe-core');

const WIDTHS = [1280, 380];
const SCHEMES = ['light', 'dark'];
// Around midnight, the ends of months and years, leap days, and 2100, which has none.
const MOMENTS = ['2026-11-22T03:00:00Z', '2027-02-27T23:59:59Z', '2028-02-29T00:00:00Z', '2099-12-31T12:34:56Z'];

const faults = [];
const fault = (where, what) => { faults.push(`${where}: ${what}`); };

const folder = mkdtempSync(join(tmpdir(), 'keyrota-pages-'));
// `.ci/run` runs this beside other steps. The default is half a minute.
const timeout = 180_000;
const browser = await chromium.launch({ executablePath, timeout, args: process.getuid?.() === 0 ? ['--no-sandbox'] : [] });
try {
  const all = renderings(program, folder);
  // Two at a time.
  const waiting = [...all];
  const work = async () => { for (let one = waiting.shift(); one; one = waiting.shift()) await look(one); };
  await Promise.all([work(), work()]);
  await calendar(all.find((one) => one.name === 'scheduled'));
  console.log(`${all.length} pages, ${EXPRESSIONS.length} schedules, ${faults.length} faults`);
} finally {
  await browser.close();
  rmSync(folder, { recursive: true });
}
for (const line of faults) console.error(line);
process.exitCode = faults.length ? 1 : 0;

// Opens a rendering; whatever it says or loads is a fault.
async function open(one, options, where) {
  const context = await browser.newContext({ timezoneId: 'Asia/Kathmandu', ...options });
  context.setDefaultTimeout(timeout);
  const page = await context.newPage();
  const address = pathToFileURL(one.page).href;
  page.on('console', (message) => fault(where, `console: ${message.text()}`));
  page.on('pageerror', (error) => fault(where, `script: ${error}`));
  page.on('dialog', (dialog) => { fault(where, 'a dialog'); dialog.dismiss(); });
  page.on('request', (request) => { if (request.url() !== address) fault(where, `request: ${request.url()}`); });
  await page.goto(address);
  return page;
}

async function look(one) {
  for (const width of WIDTHS) {
    for (const colorScheme of one.thorough ? SCHEMES : SCHEMES.slice(0, 1)) {
      const where = `${one.name} at ${width}, ${colorScheme}`;
      const page = await open(one, { viewport: { width, height: 900 }, colorScheme }, where);
      for (const what of [...await page.evaluate(texts), ...await page.evaluate(drawings)]) fault(where, what);
      compare(where, one.resources, await page.evaluate(drawn, width > 960 ? '.drawing' : '.cards'));
      if (one.thorough) {
        await accessible(page, where);
        if (colorScheme === 'light') await keyboard(page, where);
      }
      await page.context().close();
    }
  }
  const where = `${one.name} on paper`;
  const page = await open(one, { viewport: { width: 1280, height: 900 } }, where);
  const pdf = await page.pdf({ format: 'A4', preferCSSPageSize: true });
  if (pdf.subarray(0, 5).toString() !== '%PDF-') fault(where, 'it does not print');
  await page.emulateMedia({ media: 'print' });
  const folded = await page.evaluate(() => [...document.querySelectorAll('.statement pre')].filter((pre) => !pre.getClientRects().length).length);
  if (folded) fault(where, `${folded} statements are not printed`);
  await page.context().close();

  const silent = await open(one, { viewport: { width: 1280, height: 900 }, javaScriptEnabled: false }, `${one.name} without scripts`);
  const sections = await silent.locator('main > section').count();
  if (sections < 9) fault(`${one.name} without scripts`, `${sections} sections`);
  await silent.context().close();
}

// The picture has every resource of the templates, and no other.
function compare(where, resources, { types, ids }) {
  const expected = {};
  for (const { type } of resources) expected[type] = (expected[type] ?? 0) + 1;
  if (resources.length < 10) fault(where, `the template has ${resources.length} resources`);
  for (const type of new Set([...Object.keys(expected), ...Object.keys(types)])) {
    if (expected[type] !== types[type]) fault(where, `${expected[type] ?? 0} × ${type} in the template, ${types[type] ?? 0} in the picture`);
  }
  const known = new Set(resources.map(({ id }) => id));
  for (const id of ids) if (!known.has(id)) fault(where, `${id} is in the picture alone`);
  if (resources.length < 40 && new Set(ids).size !== known.size) fault(where, `${ids.length} of ${known.size} by name`);
}

async function accessible(page, where) {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
  for (const { id, help, nodes } of violations) {
    fault(where, `axe: ${id}: ${help} (${nodes.length}): ${nodes[0].html.slice(0, 160)} ${nodes[0].failureSummary.replaceAll('\n', ' ')}`);
  }
}

// Tab reaches everything, in the order of the page, and shows where it is.
async function keyboard(page, where) {
  const stops = await page.evaluate(reachable);
  await page.evaluate(() => { document.activeElement?.blur(); scrollTo(0, 0); });
  let last = -1;
  for (let press = 0; press < stops + 3 && last < stops - 1; press += 1) {
    await page.keyboard.press('Tab');
    const at = await page.evaluate(() => {
      const active = document.activeElement;
      if (active === document.body) return null;
      const style = getComputedStyle(active);
      const within = active.matches('svg a') ? true : style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
      return { stop: Number(active.dataset.stop ?? -1), text: active.textContent.trim().slice(0, 40), within };
    });
    if (!at) break;
    if (at.stop !== last + 1) fault(where, `after stop ${last} the keyboard is at ${at.stop}, "${at.text}"`);
    if (!at.within) fault(where, `"${at.text}" does not show that it has the focus`);
    last = at.stop;
  }
  if (last !== stops - 1) fault(where, `the keyboard reaches ${last + 1} of ${stops}`);
}

// The page's calendar is the program's.
async function calendar(one) {
  const page = await open(one, { viewport: { width: 1280, height: 900 } }, 'calendar');
  for (const expression of EXPRESSIONS) {
    for (const from of MOMENTS) {
      const ours = await page.evaluate(([expression, from]) => {
        const rotas = [...document.querySelectorAll('.rota')];
        const rota = rotas.find((rota) => rota.querySelector('.words code').textContent === expression);
        const calendar = JSON.parse(rota.dataset.calendar), hours = Number(rota.dataset.hours);
        const windows = document.documentElement.windows(calendar, hours, Date.parse(from), 8);
        return { hours, windows: windows.map(({ opens, closes }) => ({ opens: new Date(opens).toISOString(), closes: new Date(closes).toISOString() })) };
      }, [expression, from]);
      const window = ours.hours ? ['--window', `${ours.hours}h`] : [];
      const told = execFileSync(program, ['schedule', expression, '--from', from, '--next', '8', '--format', 'json', ...window]);
      const moment = (text) => new Date(text).toISOString();
      const theirs = JSON.parse(told).windows.map(({ opens, closes }) => ({ opens: moment(opens), closes: moment(closes) }));
      if (theirs.length !== 8 || JSON.stringify(ours.windows) !== JSON.stringify(theirs)) {
        fault('calendar', `${expression} from ${from}: ${JSON.stringify(ours.windows)}, and the program has ${JSON.stringify(theirs)}`);
      }
    }
  }
  const rows = await page.locator('.rota .windows tbody tr').count();
  if (rows !== 6 * EXPRESSIONS.length) fault('calendar', `${rows} windows are shown`);
  await page.context().close();
}
