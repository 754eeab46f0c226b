// What no type knows: the names with which manifests refer to each other, whether a login has TLS, and the YAML inside
// the parameters of the AWS provider.

/** Returns what the Kubernetes Secrets of a file's documents are called. */
function secretsOf (documents) {
  return documents.flatMap(({ value: { kind, spec } }) => {
    if (kind === 'ExternalSecret') return [spec.target.name]
    return kind === 'SecretProviderClass' ? (spec.secretObjects ?? []).map(secret => secret.secretName) : []
  })
}

/** Returns the names to which a document refers, as the kind and the name. */
function referencesOf ({ kind, metadata, spec }) {
  if (kind === 'SecretStore') return [['ServiceAccount', spec.provider.aws.auth.jwt.serviceAccountRef.name]]
  if (kind === 'ExternalSecret') return [['SecretStore', spec.secretStoreRef.name]]
  if (kind !== 'Deployment') return []
  const { serviceAccountName, containers, volumes = [] } = spec.template.spec
  const reload = metadata.annotations?.['secret.reloader.stakater.com/reload']
  const references = [
    ['ServiceAccount', serviceAccountName],
    ['Secret', reload],
    ...containers.flatMap(({ envFrom = [] }) => envFrom.map(({ secretRef }) => ['Secret', secretRef.name])),
    ...volumes.map(({ secret }) => ['Secret', secret?.secretName]),
    ...volumes.map(({ csi }) => ['SecretProviderClass', csi?.volumeAttributes.secretProviderClass]),
    ...containers.flatMap(({ volumeMounts = [] }) => volumeMounts.map(({ name }) => ['volume', name]))
  ]
  return references.filter(([, name]) => name !== undefined)
}

/** Returns a finding for each name to which nothing in the same folder belongs. */
export function namesOf (documents) {
  return documents.flatMap(document => {
    const folder = document.file.split('/')[0]
    const near = documents.filter(({ file }) => file.startsWith(`${folder}/`))
    const names = new Set(near.map(({ value }) => `${value.kind} ${value.metadata.name}`))
    for (const secret of secretsOf(near)) names.add(`Secret ${secret}`)
    for (const { name } of document.value.spec?.template?.spec?.volumes ?? []) names.add(`volume ${name}`)
    const missing = referencesOf(document.value).filter(([kind, name]) => !names.has(`${kind} ${name}`))
    const others = near.filter(({ value }) => value.metadata.namespace !== document.value.metadata.namespace)
    return [
      ...missing.map(([kind, name]) => `${document.name}: there is no ${kind} ${name}`),
      ...others.map(({ name }) => `${document.name}: ${name} is in another namespace`)
    ]
  })
}

/** Returns the fields of each Kubernetes Secret of some documents, by its name. */
function fieldsOf (documents) {
  return new Map(documents.flatMap(({ value: { kind, spec } }) => {
    if (kind === 'ExternalSecret') return [[spec.target.name, Object.keys(spec.target.template?.data ?? {})]]
    if (kind !== 'SecretProviderClass') return []
    return (spec.secretObjects ?? []).map(({ secretName, data }) => [secretName, data.map(({ key }) => key)])
  }))
}

// Without them, libpq gives the password to any server that asks for it.
const TLS = ['PGSSLMODE', 'PGSSLROOTCERT']

/** Returns a finding for each container that has a password for libpq, but does not check whom it sends it to. */
export function loginsWithoutTls (documents) {
  return documents.filter(({ value }) => value.kind === 'Deployment').flatMap(({ name, file, value }) => {
    const secrets = fieldsOf(documents.filter(document => document.file === file))
    return value.spec.template.spec.containers.flatMap(({ env = [], envFrom = [] }) => {
      const fields = envFrom.flatMap(({ secretRef }) => secrets.get(secretRef.name) ?? [])
      if (!fields.includes('PGPASSWORD')) return []
      const variables = [...fields, ...env.map(variable => variable.name)]
      return TLS.filter(variable => !variables.includes(variable)).map(variable => `${name}: PGPASSWORD without ${variable}`)
    })
  })
}

// The fields that the AWS provider documents.
const PARAMETERS = ['region', 'failoverRegion', 'pathTranslation', 'usePodIdentity', 'preferredAddressType', 'objects']
const OBJECT = ['objectName', 'objectType', 'objectAlias', 'jmesPath']

/** Returns a finding for each parameter of the AWS provider that it does not know or that lacks something. */
export function parametersOf (documents, parse) {
  return documents.filter(({ value }) => value.kind === 'SecretProviderClass').flatMap(({ name, value }) => {
    const { parameters, secretObjects = [] } = value.spec
    const unknown = (object, known) => Object.keys(object).filter(key => !known.includes(key))
    const objects = parse(parameters.objects)
    const paths = objects.flatMap(object => object.jmesPath ?? [])
    const files = new Set([...objects, ...paths].map(({ objectAlias }) => objectAlias))
    const findings = [
      ...unknown(parameters, PARAMETERS).map(key => `unknown parameter ${key}`),
      ...Object.entries(parameters).filter(([, it]) => typeof it !== 'string').map(([key]) => `${key} is not a string`),
      ...objects.flatMap(object => unknown(object, OBJECT)).map(key => `unknown field ${key} of an object`),
      ...objects.filter(object => object.objectType !== 'secretsmanager').map(() => 'objectType is not secretsmanager'),
      ...paths.filter(path => !path.path || !path.objectAlias).map(() => 'a jmesPath lacks path or objectAlias'),
      ...secretObjects.flatMap(({ data }) => data).filter(({ objectName }) => !files.has(objectName))
        .map(({ objectName }) => `secretObjects uses the file ${objectName}, which is not mounted`)
    ]
    return findings.map(finding => `${name}: ${finding}`)
  })
}
