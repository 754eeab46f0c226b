// What is looked at: pages that the program wrote, with the templates beside them.

import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

// Expressions of every form that Secrets Manager accepts.
export const EXPRESSIONS = [
  'rate(4 hours)', 'rate(5 hours)', 'rate(25 hours)', 'rate(1 day)', 'rate(7 days)', 'rate(30 days)', 'rate(999 days)',
  'cron(0 0 * * ? *)', 'cron(0 23 * * ? *)', 'cron(0 /4 * * ? *)', 'cron(0 /8 * * ? *)', 'cron(0 4/12 * * ? *)',
  'cron(0 2/10 * * ? *)', 'cron(0 5/19 * * ? *)', 'cron(0 3 1 * ? *)', 'cron(0 3 31 * ? *)', 'cron(0 3 29 FEB ? *)',
  'cron(0 3 L * ? *)', 'cron(0 3 L FEB ? *)', 'cron(0 3 15,L * ? *)', 'cron(0 3 1-5 * ? *)', 'cron(0 3 1/7 * ? *)',
  'cron(0 3 1,15 JAN,JUL ? *)', 'cron(0 3 30 1/2 ? *)', 'cron(0 3 10-20/5 MAR-MAY ? *)', 'cron(0 3 ? * SUN *)',
  'cron(0 3 ? * 1 *)', 'cron(0 3 ? * SAT *)', 'cron(0 3 ? * MON-FRI *)', 'cron(0 3 ? * L *)', 'cron(0 3 ? * TUE#3 *)',
  'cron(0 3 ? * 2#1 *)', 'cron(0 3 ? * FRI#5 *)', 'cron(0 3 ? FEB MON#5 *)', 'cron(0 3 ? * SUNL *)', 'cron(0 3 ? * 4L *)',
  'cron(0 3 ? FEB THUL *)', 'cron(0 3 ? * MON,WED#2,FRIL *)', 'cron(0 3 ? 1/3 2-6/2 *)', 'cron(0 /6 ? DEC * *)',
  'cron(0 12/7 L * ? *)',
];

const many = (users) => 'version: 1\nstack: many\naccess_keys:\n' + Array.from({ length: users }, (_, user) =>
  `  - { user: user-${user}, secret: "team-${user % 7}/service-${user}/access-keys" }\n`).join('');

const scheduled = 'version: 1\nstack: scheduled\naccess_keys:\n' + EXPRESSIONS.map((expression, user) =>
  `  - { user: user-${user}, schedule: "${expression}" }\n`).join('');

// Names as long, and as full of marks, as they may be.
const hostile = JSON.stringify({
  version: 1, stack: 'a'.repeat(60), region: 'eu-west-1', account: '111122223333',
  alarms: { email: ["'onmouseover='alert(1)&lt@example.com", 'W'.repeat(60) + '@example.com'] },
  access_keys: [
    { user: 'W'.repeat(64), secret: 'M'.repeat(200), rotate_as: 'role', create_user: true, kms_key: 'create', readers: ['arn:aws:iam::444455556666:role/' + 'W'.repeat(64)] },
    { user: 'm', secret: 'm', initial_key: 'profile:<img src=x onerror=alert(1)>', readers: ['arn:aws:iam::111122223333:role/</title><svg/onload=alert(1)>'] },
    { user: '=,.@_-+', secret: '/_+=.@-', rotate_as: 'x'.repeat(256), old_key: { deactivate_after: '1h', delete_after: '999d', force_after: '500d' } },
  ],
  databases: [
    { secret: 'db/' + 'W'.repeat(200), engine: 'mariadb', host: `${'w'.repeat(60)}.${'w'.repeat(60)}.example.com`, username: 'W'.repeat(80), dbname: '</title><svg/onload=alert(1)>', tls_ca: '"><img src=x onerror=alert(1)>' + 'W'.repeat(200) },
    { secret: 'db/m', engine: 'mysql', host: '2001:db8::1', username: "' onmouseover=alert(1) ", initial_password: 'x'.repeat(512), rotate_as: 'y'.repeat(256), tls: 'require', password: { length: 256, exclude: '<>&"\' ' } },
  ],
  network: { subnets: Array.from({ length: 16 }, (_, index) => `subnet-0a1b2c3d4e5f6${7000 + index}`), security_groups: ['sg-0a1b2c3d4e5f67890'] },
});

// Writes each rendering with the program, and returns where it is. Some are
// looked at in every way, others in the main ones.
export function renderings(program, folder) {
  const found = [];
  const generate = (name, manifest, thorough, more = []) => {
    const output = join(folder, name);
    execFileSync(program, ['--quiet', '--manifest', manifest, 'generate', '--output', output, ...more], { stdio: ['ignore', 'ignore', 'pipe'] });
    const templates = readdirSync(output).filter((file) => /^stack(-\d+)?\.yaml$/.test(file));
    found.push({
      name, thorough, page: join(output, 'review.html'),
      resources: templates.flatMap((file) => resources(readFileSync(join(output, file), 'utf8'))),
    });
    return output;
  };
  const write = (name, text) => {
    const path = join(folder, `${name}.yaml`);
    writeFileSync(path, text);
    return path;
  };
  mkdirSync(folder, { recursive: true });
  const example = (name) => join(ROOT, 'examples', `${name}.yaml`);
  const earlier = generate('everything', example('everything'), true);
  generate('minimal', example('minimal'), true);
  generate('databases', example('databases'), true);
  generate('keys-and-databases', example('keys-and-databases'), true);
  const changed = readFileSync(example('everything'), 'utf8').replace('rate(30 days)', 'rate(14 days)')
    .replace('  - user: legacy-batch', '  - user: another\n    rotate_as: role\n  - user: legacy-batch')
    .replace('role/observability', 'role/other');
  generate('changed', write('changed', changed), true, ['--against', earlier]);
  generate('hostile', write('hostile', hostile), true);
  generate('many', write('many', many(150)), true);
  generate('fleet', write('fleet', many(400)), false);
  generate('scheduled', write('scheduled', scheduled), false);
  for (const manifest of ['old-keys', 'readers', 'rotate-as', 'kms-keys', 'alarms', 'boundary']) generate(manifest, example(manifest), false);
  for (const manifest of ['china', 'encrypt', 'exceptions', 'long-names', 'metacharacters']) {
    generate(basename(manifest), join(ROOT, 'tests', 'manifests', 'valid', `${manifest}.yaml`), false);
  }
  return found;
}

// The logical IDs and types of a template, by its layout alone.
function resources(template) {
  const section = template.split(/^Resources:$/m)[1].split(/^Outputs:$/m)[0];
  return [...section.matchAll(/^  (\w+):\n(?:    (?: .*|#.*)?\n|    (?!Type)\w.*\n)*?    Type: (\S+)$/gm)]
    .map(([, id, type]) => ({ id, type }));
}
