// Checks the manifests for Kubernetes in examples/kubernetes:
//
//     node check.mjs MODULES
//
// MODULES is the folder with the packages of package.json. Each manifest is compiled as TypeScript against the
// published types of its kind, which refuses a field that is unknown, missing, or of another type. The names
// with which manifests refer to each other are compared. Then every field of every manifest is misspelled, one at
// a time, and each of these must be refused.

import { readdirSync, readFileSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

import { loginsWithoutTls, namesOf, parametersOf } from './references.mjs'

const modules = resolve(process.argv[2])
const require = createRequire(join(modules, 'package.json'))
const ts = require('typescript')
const { parse, parseAllDocuments } = require('yaml')

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..')
const examples = join(root, 'examples/kubernetes')

// The kinds, with the expression of their type. The CSI driver's package has the provider as an enumeration, and
// its own version of the API, which is not compared.
const provider = "import('@opencdk8s/cdk8s-secrets-store-csi-driver')"
const KINDS = {
  'v1 ServiceAccount': "import('kubernetes-models/v1').IServiceAccount",
  'apps/v1 Deployment': "import('kubernetes-models/apps/v1').IDeployment",
  'external-secrets.io/v1 SecretStore': "import('@kubernetes-models/external-secrets/external-secrets.io/v1').ISecretStore",
  'external-secrets.io/v1 ExternalSecret': "import('@kubernetes-models/external-secrets/external-secrets.io/v1').IExternalSecret",
  'secrets-store.csi.x-k8s.io/v1 SecretProviderClass':
    "{ apiVersion: 'secrets-store.csi.x-k8s.io/v1', kind: 'SecretProviderClass', " +
    "metadata: import('kubernetes-models/v1').IServiceAccount['metadata'], " +
    `spec: Omit<${provider}.SecretProviderClassSpec, 'provider'> & { provider: 'aws' } }`
}

// Fields whose keys are free-form.
const FREE = /(^|\.)(labels|matchLabels|annotations|volumeAttributes|parameters|template\.data)$/

/** Returns every YAML file below a folder, in the order of their names. */
function files (folder) {
  return readdirSync(folder).sort().flatMap(name => {
    const path = join(folder, name)
    if (statSync(path).isDirectory()) return files(path)
    return name.endsWith('.yaml') ? [path] : []
  })
}

/** Returns the documents of the examples, or ends with the errors of the YAML. */
function read () {
  return files(examples).flatMap(path => {
    const name = relative(examples, path)
    return parseAllDocuments(readFileSync(path, 'utf8')).map((document, index) => {
      const value = document.toJS()
      const [error] = document.errors
      if (error) fail([`${name}: ${error.message}`])
      return { name: `${name} (${index + 1}, ${value.kind})`, file: name, value }
    })
  })
}

/** Compiles values against the types of their kinds, and returns the first message for each, or undefined. */
function compile (values) {
  const sources = values.map(value => {
    const type = KINDS[`${value.apiVersion} ${value.kind}`]
    return type && `const manifest: ${type} = ${JSON.stringify(value)}\nexport default manifest\n`
  })
  const path = index => join(modules, `manifest-${index}.ts`)
  const texts = new Map(sources.map((source, index) => [path(index), source]))
  const options = {
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    types: [],
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext
  }
  const host = ts.createCompilerHost(options)
  const { getSourceFile, fileExists, readFile } = host
  host.fileExists = file => texts.get(file) !== undefined || fileExists(file)
  host.readFile = file => texts.get(file) ?? readFile(file)
  host.getSourceFile = (file, ...rest) => {
    const text = texts.get(file)
    return text === undefined ? getSourceFile(file, ...rest) : ts.createSourceFile(file, text, options.target)
  }
  const known = [...texts.keys()].filter(file => texts.get(file) !== undefined)
  const program = ts.createProgram(known, options, host)
  return values.map((value, index) => {
    if (!sources[index]) return `no type for ${value.apiVersion} ${value.kind}`
    const [first] = ts.getPreEmitDiagnostics(program, program.getSourceFile(path(index)))
    return first && ts.flattenDiagnosticMessageText(first.messageText, '\n')
  })
}

/** Returns copies of a value, each with one misspelled key, and the path of that key. */
function misspelled (value, path = '') {
  if (Array.isArray(value)) {
    return value.flatMap((item, index) => misspelled(item, path).map(({ key, copy }) => (
      { key, copy: value.map((it, other) => other === index ? copy : it) }
    )))
  }
  if (value === null || typeof value !== 'object' || FREE.test(path)) return []
  return Object.entries(value).flatMap(([name, inner]) => {
    const here = path ? `${path}.${name}` : name
    const renamed = Object.fromEntries(Object.entries(value).map(([key, it]) => [key === name ? `${key}x` : key, it]))
    const deeper = misspelled(inner, here).map(({ key, copy }) => ({ key, copy: { ...value, [name]: copy } }))
    return [{ key: here, copy: renamed }, ...deeper]
  })
}

function fail (findings) {
  for (const finding of findings) console.error(finding)
  process.exit(1)
}

const documents = read()
if (documents.length === 0) fail(['there are no manifests'])
const refused = compile(documents.map(({ value }) => value))
const findings = documents.flatMap(({ name }, index) => refused[index] ? [`${name}: ${refused[index]}`] : [])
if (findings.length > 0) fail(findings)
// These rely on the types.
const wrong = [...namesOf(documents), ...loginsWithoutTls(documents), ...parametersOf(documents, parse)]
if (wrong.length > 0) fail(wrong)

const mistakes = documents.flatMap(({ name, value }) => misspelled(value).map(({ key, copy }) => ({ name, key, copy })))
const caught = compile(mistakes.map(({ copy }) => copy))
const missed = mistakes.filter((_, index) => !caught[index])
if (missed.length > 0) fail(missed.map(({ name, key }) => `${name}: nothing refuses ${key} when it is misspelled`))
console.log(`${documents.length} manifests for Kubernetes are valid, and ${mistakes.length} misspelled ones are refused`)
