// Walks every view of the console; .ci/console says what for.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';

const [gateway, folder, ...options] = process.argv.slice(2);
const shots = options.includes('--shots');
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const wrong = [];
const claim = (holds, text) => { if (!holds) { wrong.push(text); console.error('NOT SO:', text); } };

// start runs the demo and returns where it can be reached.
async function start() {
  const demo = spawn(gateway, ['demo', '--json'], { stdio: ['ignore', 'pipe', 'inherit'] });
  for await (const line of createInterface({ input: demo.stdout })) {
    const said = JSON.parse(line);
    if (said.console && said.token) {
      demo.stdout.resume();
      return { demo, ...said };
    }
  }
  throw new Error('the demo ended before it was up');
}

// open makes a page that notes every error and every breach of the policy.
async function open(browser, name, settings) {
  const context = await browser.newContext({ viewport: { width: 1180, height: 820 }, reducedMotion: 'reduce', ...settings });
  const page = await context.newPage();
  page.on('console', (said) => claim(said.type() !== 'error', `${name}: console error: ${said.text()}`));
  page.on('pageerror', (error) => claim(false, `${name}: ${error.message}`));
  page.on('response', (answer) => claim(answer.status() < 400, `${name}: ${answer.url()} answered ${answer.status()}`));
  if (settings?.javaScriptEnabled !== false) {
    await page.exposeFunction('breached', (what) => claim(false, `${name}: policy breached: ${what}`));
    await page.addInitScript(() => addEventListener('securitypolicyviolation', (e) => window.breached(`${e.violatedDirective} ${e.blockedURI}`)));
  }
  return page;
}

async function audit(page, name) {
  await page.evaluate(axe);
  const found = await page.evaluate(async () => (await window.axe.run()).violations
    .map((v) => ({ id: v.id, impact: v.impact, at: v.nodes.slice(0, 3).map((n) => n.target.join(' ')) })));
  for (const v of found) {
    console.log(`axe: ${name}: ${v.impact}: ${v.id} at ${v.at.join(' | ')}`);
    claim(!['serious', 'critical'].includes(v.impact), `${name}: axe: ${v.id} at ${v.at}`);
  }
}

async function send(where, batch) {
  const answer = await fetch(`${where.http}/events`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/cloudevents+json', Authorization: `Bearer ${where.token}` },
    body: JSON.stringify({ specversion: '1.0', id: `walk-${batch}`, source: '/walk', type: 'com.example.inventory.loaded', data: { batch } }),
  });
  claim(answer.status === 202, `an event was answered ${answer.status}`);
}

async function live(browser, where) {
  const page = await open(browser, 'live');
  await page.goto(`${where.console}/`);
  const runs = page.locator('a[id^="run-"]');
  const before = await runs.count();
  const events = await open(browser, 'live events');
  await events.goto(`${where.console}/events`);
  const told = await events.locator('#told tr').count();
  await events.waitForTimeout(500); // the stream has no mark for "connected"
  await send(where, 'one');
  await page.waitForFunction((n) => document.querySelectorAll('a[id^="run-"]').length > n, before, { timeout: 15000 });
  await page.waitForSelector('progress', { timeout: 15000 });
  if (shots) await page.screenshot({ path: `${folder}/overview.png`, fullPage: true });
  await events.waitForFunction((n) => document.querySelectorAll('#told tr').length > n, told, { timeout: 15000 });
  await page.goto(`${where.console}/?live=off`);
  claim(await page.locator('[sse-connect]').count() === 0, 'a paused page is still live');
}

async function keyboard(page, where) {
  await page.goto(`${where.console}/runs`);
  await page.keyboard.press('Tab');
  claim(await page.evaluate(() => document.activeElement.className) === 'skip', 'the first key does not reach the skip link');
  await page.locator('a[id^="run-"]').first().focus();
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/runs\/.+/);
  claim((await page.locator('h2').allTextContents()).includes('What happened'), 'a run does not open by keyboard');
  return new URL(page.url()).pathname;
}

// pauses fills the form as a person does, sees what it did where it matters, and ends
// the pause again; with and without JavaScript.
async function pauses(page, where, look) {
  await page.goto(`${where.console}/tenants`);
  await page.getByText('Pause work, or hold a breaker open').click();
  const what = page.getByLabel('What');
  const rule = (await what.locator('option').allTextContents()).find((text) => text.startsWith('rule '));
  await what.selectOption({ label: rule });
  await page.getByLabel('For').selectOption('1h');
  await page.getByLabel('Why').fill(`month-end close (${look})`);
  await page.getByRole('button', { name: 'Pause', exact: true }).click();
  await page.waitForURL(/\/tenants$/);
  const row = page.locator('tr', { hasText: `month-end close (${look})` });
  await row.waitFor({ timeout: 5000 });
  claim((await row.innerText()).includes(rule.replace('rule ', '')), `pauses (${look}): the row does not name ${rule}`);
  if (shots && look === 'scripted') {
    await page.screenshot({ path: `${folder}/pauses.png`, fullPage: true });
    await audit(page, 'pauses');
  }
  await page.goto(`${where.console}/`);
  claim((await page.locator('main').innerText()).includes(`month-end close (${look})`), `pauses (${look}): the overview does not tell`);
  await page.goto(`${where.console}/tenants`);
  await row.getByRole('button').click();
  await page.waitForURL(/\/tenants$/);
  await row.waitFor({ state: 'detached', timeout: 5000 });
}

// rules tries a payload on the rules as a person does.
async function tries(page, where) {
  await page.goto(`${where.console}/rules`);
  await page.getByLabel('Source').selectOption('events');
  await page.getByLabel('Type').fill('com.example.inventory.loaded');
  await page.locator('textarea').fill('{"batch": "walk"}');
  await page.getByRole('button', { name: /try/i }).click();
  await page.waitForLoadState();
  claim((await page.locator('main').innerText()).includes('matches'), 'a rule tried does not say that it matches');
}

const where = await start();
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] });
try {
  await live(browser, where);
  await pauses(await open(browser, 'pauses'), where, 'scripted');
  await pauses(await open(browser, 'pauses without JavaScript', { javaScriptEnabled: false }), where, 'plain');
  await tries(await open(browser, 'rules'), where);
  const run = await keyboard(await open(browser, 'keyboard'), where);
  const views = { overview: '/', runs: '/runs', run, events: '/events', rules: '/rules', sources: '/sources', tenants: '/tenants', dead: '/dead' };
  for (const [look, settings] of Object.entries({
    light: {}, dark: { colorScheme: 'dark' }, phone: { viewport: { width: 390, height: 844 } }, plain: { javaScriptEnabled: false },
  })) {
    const page = await open(browser, look, settings);
    for (const [name, path] of Object.entries(views)) {
      await page.goto(where.console + path);
      const at = `${name} (${look})`;
      claim((await page.locator('h1').count()) === 1 && (await page.locator('main').innerText()).length > 60, `${at}: nothing to read`);
      if (look === 'plain') continue;
      claim(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${at}: wider than the window`);
      await audit(page, at);
      if (shots && look === 'light' && name !== 'overview') await page.screenshot({ path: `${folder}/${name}.png`, fullPage: true });
      if (shots && look !== 'light' && name === 'overview') await page.screenshot({ path: `${folder}/overview-${look}.png`, fullPage: true });
    }
  }
} catch (error) {
  claim(false, error.message);
} finally {
  await browser.close();
  where.demo.kill('SIGTERM');
}
console.log(wrong.length === 0 ? 'console: every view holds' : `console: ${wrong.length} claims do not hold`);
process.exit(wrong.length === 0 ? 0 : 1);
