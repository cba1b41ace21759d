/**
 * Who may import whom (docs: DESIGN "floors"). Types count too. scripts/floors.ts runs this and refuses a run that saw no
 * module; test/unit/floors.test.ts seeds violations. Only src/ is cruised; other files appear as targets.
 */
const CORE = '^src/core/';
const OWN_FLOOR_OR_CORE = (folder) => [CORE, `^src/${folder}/`];

/** Floor 1 and 3: `folder` may use core and itself of our own code; libraries are free. */
const onlyCore = (name, folder) => ({
  name,
  severity: 'error',
  comment: `src/${folder} imports src/core and itself; what it needs from above it declares as an interface.`,
  from: { path: `^src/${folder}/` },
  to: { path: '^src/', pathNot: OWN_FLOOR_OR_CORE(folder) },
});

module.exports = {
  forbidden: [
    {
      name: 'core-imports-nothing-of-ours',
      severity: 'error',
      comment: 'src/core is floor 0.',
      from: { path: CORE },
      to: { path: '^src/', pathNot: CORE },
    },
    {
      name: 'core-imports-no-library',
      severity: 'error',
      comment: 'src/core imports node:* only; the generated src/core/proto may name the types of the gRPC libraries.',
      from: { path: CORE, pathNot: '^src/core/proto/' },
      to: { pathNot: '^src/', dependencyTypesNot: ['core'] },
    },
    {
      name: 'proto-imports-only-grpc-types',
      severity: 'error',
      from: { path: '^src/core/proto/' },
      to: { pathNot: ['^src/core/proto/', '(^|/)node_modules/@grpc/(grpc-js|proto-loader)/'] },
    },
    {
      name: 'proto-imports-only-types',
      severity: 'error',
      comment: 'Whoever needs a type of the control API must not load gRPC for it.',
      from: { path: '^src/core/proto/' },
      to: { path: 'node_modules/', dependencyTypesNot: ['type-only'] },
    },
    onlyCore('vault-imports-core', 'vault'),
    onlyCore('http-imports-core', 'http'),
    onlyCore('cli-imports-core', 'cli'),
    {
      name: 'driver-imports-core-and-itself',
      severity: 'error',
      comment: 'A driver knows no other driver; only drivers/registry.ts knows them all.',
      from: { path: '^src/drivers/([^/]+)/' },
      to: { path: '^src/', pathNot: [CORE, '^src/drivers/$1/'] },
    },
    {
      name: 'registry-imports-core-and-drivers',
      severity: 'error',
      from: { path: '^src/drivers/[^/]+$' },
      to: { path: '^src/', pathNot: OWN_FLOOR_OR_CORE('drivers') },
    },
    {
      name: 'nobody-imports-daemon-or-cli',
      severity: 'error',
      comment: 'They are the composition roots; below them nobody may know them. The package entry may know the client.',
      from: { path: '^src/', pathNot: '^src/(daemon|cli)/|^src/index\\.ts$' },
      to: { path: '^src/(daemon|cli)/' },
    },
    {
      name: 'daemon-does-not-import-cli',
      severity: 'error',
      from: { path: '^src/daemon/' },
      to: { path: '^src/cli/' },
    },
    {
      name: 'no-circle',
      severity: 'error',
      comment: 'The generated types of google.protobuf.Value name each other; they are types only.',
      from: { path: '^src/', pathNot: '^src/core/proto/' },
      to: { circular: true },
    },
    {
      name: 'no-orphan',
      severity: 'error',
      comment: 'A module that nobody imports and that imports nothing is dead.',
      from: { path: '^src/', pathNot: '^src/core/proto/', orphan: true },
      to: {},
    },
    {
      name: 'no-unresolvable',
      severity: 'error',
      from: { path: '^src/' },
      to: { couldNotResolve: true },
    },
    {
      name: 'no-dev-dependency',
      severity: 'error',
      comment: 'A customer does not have them.',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'], pathNot: '(^|/)node_modules/@types/' },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
};
