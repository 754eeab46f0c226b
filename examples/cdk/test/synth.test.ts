/** Synthesises what keyrota renders from each example, and compares everything with the rendering. */

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { App } from 'aws-cdk-lib';
import { isMap, isScalar, isSeq, parseDocument, type Node } from 'yaml';
import { KeyrotaStack } from '../lib/index.js';

const EXAMPLES = fileURLToPath(new URL('../../..', import.meta.url));
const PROGRAM = process.env['KEYROTA'] ?? 'keyrota';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
type Section = { [key: string]: Json };

/**
 * Returns YAML as JSON, with CloudFormation's functions in their long form, as the CDK writes them. It
 * leaves the argument of `!GetAtt` the text that it was.
 */
function long(node: unknown): Json {
  const value = plain(node);
  const tag = (node as Node | null)?.tag;
  if (!tag?.startsWith('!')) return value;
  const name = tag.slice(1);
  if (name === 'Ref' || name === 'Condition') return { [name]: value };
  return { [`Fn::${name}`]: value };
}

function plain(node: unknown): Json {
  if (isMap(node)) return Object.fromEntries(node.items.map((pair) => [String(pair.key), long(pair.value)]));
  if (isSeq(node)) return node.items.map(long);
  if (isScalar(node)) return node.value as Json;
  throw new Error(`unexpected YAML: ${String(node)}`);
}

/** Returns a value with the parameters replaced that have a value. */
function replaced(value: Json, parameters: Section): Json {
  if (Array.isArray(value)) return value.map((item) => replaced(item, parameters));
  if (value === null || typeof value !== 'object') return value;
  const name = value['Ref'];
  if (typeof name === 'string' && name in parameters) return parameters[name] as Json;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, replaced(item, parameters)]));
}

/** Sorts what has no order in CloudFormation, and what the CDK sorts: dependencies and tags. */
function sorted(value: Json, key = ''): Json {
  if (Array.isArray(value)) {
    const items = value.map((item) => sorted(item));
    return key === 'Tags' || key === 'DependsOn' ? items.sort((one, other) => (text(one) < text(other) ? -1 : 1)) : items;
  }
  // One dependency may be a list of one.
  if (key === 'DependsOn') return [value];
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, sorted(item, name)]));
}

function text(value: Json): string {
  return JSON.stringify(value);
}

function section(template: Section, name: string): Section {
  return (template[name] ?? {}) as Section;
}

let folder: string;
let zip: string;
const rendered = new Map<string, { file: string; template: Section }>();

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'keyrota-cdk-'));
  zip = join(folder, 'function.zip');
  writeFileSync(zip, 'the content does not matter here');
  for (const manifest of readdirSync(EXAMPLES).filter((name) => name.endsWith('.yaml'))) {
    const output = join(folder, basename(manifest, '.yaml'));
    const options = ['--quiet', '--manifest', join(EXAMPLES, manifest), 'generate', '--output', output];
    execFileSync(PROGRAM, options, { stdio: 'ignore' });
    const file = join(output, 'stack.yaml');
    const document = parseDocument(readFileSync(file, 'utf8'), { logLevel: 'silent' });
    rendered.set(manifest, { file, template: long(document.contents) as Section });
  }
});
after(() => rmSync(folder, { recursive: true }));

function zips(template: Section): Record<string, string> {
  const names = Object.keys(section(template, 'Parameters'));
  return Object.fromEntries(names.filter((name) => name.endsWith('ArtifactKey')).map((name) => [name, zip]));
}

test('every resource of every example is synthesised as it was rendered', () => {
  assert.ok(rendered.size > 10, 'the examples were not found');
  for (const [manifest, { file, template }] of rendered) {
    const app = new App({ context: { 'aws:cdk:enable-path-metadata': true } });
    const stack = new KeyrotaStack(app, 'Keyrota', {
      stackName: 'payments-keys',
      templateFile: file,
      functionZips: zips(template),
      tags: { team: 'payments' },
    });
    const artifact = app.synth().getStackByName(stack.stackName);
    const synthesised = artifact.template as Section;
    assert.deepEqual(artifact.tags, { team: 'payments', 'keyrota:stack': 'payments-keys' }, manifest);

    const functions = Object.values(section(synthesised, 'Resources')) as Section[];
    const code = functions
      .filter((resource) => resource['Type'] === 'AWS::Lambda::Function')
      .map((resource) => section(section(resource, 'Properties'), 'Code'));
    const first = code[0] as Section;
    assert.match(JSON.stringify(first['S3Bucket']), /cdk-hnb659fds-assets-/, manifest);
    // `doctor` compares the code with the digest in the name.
    const digest = createHash('sha256').update(readFileSync(zip)).digest('hex');
    assert.equal(first['S3Key'], `${digest}.zip`, manifest);
    const assets = readFileSync(join(app.outdir, `${artifact.id}.assets.json`), 'utf8');
    const { files } = JSON.parse(assets) as { files: { [digest: string]: { source: { path: string } } } };
    const staged = files[digest]?.source.path ?? 'nothing';
    assert.deepEqual(readFileSync(join(app.outdir, staged)), readFileSync(zip), manifest);
    const values: Section = { ArtifactBucket: first['S3Bucket'] as Json };
    for (const name of Object.keys(zips(template))) values[name] = first['S3Key'] as Json;

    for (const name of ['Resources', 'Outputs', 'Conditions']) {
      const expected = replaced(section(template, name), values) as Section;
      assert.deepEqual(sorted(section(synthesised, name)), sorted(expected), `${manifest}: ${name}`);
    }
    // Nothing is left to set, and nothing is added.
    const parameters = Object.entries(section(synthesised, 'Parameters'));
    assert.deepEqual(parameters.filter(([, parameter]) => (parameter as Section)['Default'] !== ''), [], manifest);
    assert.equal(synthesised['Rules'], undefined, manifest);
  }
});

test('a zip file that is missing is an error, not a stack without code', () => {
  const { file } = rendered.get('keys-and-databases.yaml')!;
  const missing = (functionZips: Record<string, string>) => () =>
    new KeyrotaStack(new App(), 'Keyrota', { stackName: 'payments-keys', templateFile: file, functionZips });
  assert.throws(missing({ ArtifactKey: zip }), /DatabaseArtifactKey is missing/);
  assert.throws(missing({}), /is missing/);
  assert.throws(missing({ Artifact: zip }), /not the name of a parameter/);
});

test('a reference to a secret follows the output of the rendering', () => {
  const { file, template } = rendered.get('minimal.yaml')!;
  const stack = new KeyrotaStack(new App(), 'Keyrota', {
    stackName: 'payments-keys',
    templateFile: file,
    functionZips: zips(template),
  });
  const [name, output] = Object.entries(section(template, 'Outputs')).find(([key]) => key.startsWith('SecretArn'))!;
  assert.deepEqual(stack.resolve(stack.secretArn(name)), (output as Section)['Value']);
});
